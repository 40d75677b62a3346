import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PipelineError } from '../errors.ts';
import { anthropicStream } from '../testing/anthropic-wire.ts';
import { identity, on, recorder, spiedAnswer as answer } from '../testing/hook-samples.ts';
import { type SpiedPiece, SpiedSource } from '../testing/spied-source.ts';
import { observeStream, transformStream } from './attach.ts';
import type { StreamObserver, StreamTransformer } from './hooks.ts';
import { takeSource } from './lazy-response.ts';
import { SseEvent } from './sse-event.ts';
import { readFrom } from './pull.ts';

const events = anthropicStream({ text: 'one two three' });
const whole = events.join('');
const types = events.map((event) => event.match(/event: (.*)/)?.[1]);

const asyncIdentity: StreamTransformer = {
  transform: async (event, controller) => {
    await Promise.resolve();
    controller.enqueue(event);
  },
};

let warnings: Error[] = [];
const onWarning = (warning: Error): void => {
  warnings.push(warning);
};
beforeEach(() => {
  warnings = [];
  process.on('warning', onWarning);
});
afterEach(() => {
  process.off('warning', onWarning);
});

describe('a transformer', () => {
  const transformed = async (
    transformer: StreamTransformer,
    pieces: readonly SpiedPiece[] = events,
  ): Promise<string> => transformStream(answer(pieces), transformer).text();

  it('leaves the bytes of what it forwards as they came, odd as they may be', async () => {
    const odd = 'event:ping\r\ndata:  {"type" : "ping"}\r\nid: 7\r\n: comment\r\n\r\n';
    expect(await transformed(identity, [odd, ...events])).toBe(odd + whole);
    expect(
      await transformed(
        on('ping', () => undefined),
        [odd, ...events.slice(3)],
      ),
    ).toBe(events.slice(3).join(''));
  });

  it('changes, drops and adds events, whatever batch they came in', async () => {
    const upper = on('content_block_delta', (event, controller) => {
      const json = event.json as { delta: { text: string } };
      controller.enqueue(
        event.withJson({ ...json, delta: { ...json.delta, text: json.delta.text.toUpperCase() } }),
      );
    });
    for (const pieces of [events, [whole], [...Buffer.from(whole)].map((byte) => Uint8Array.of(byte))]) {
      const text = await transformed(upper, pieces);
      expect(text).toContain('"text":"ONE"');
      expect(text.replace(/event: content_block_delta\n.*\n\n/g, '')).toBe(
        whole.replace(/event: content_block_delta\n.*\n\n/g, ''),
      );
    }
    expect(await transformed(on('ping', () => undefined))).toBe(
      events.filter((_, i) => types[i] !== 'ping').join(''),
    );
    const doubled = on('ping', (event, controller) => {
      controller.enqueue(event);
      controller.enqueue(SseEvent.of('message', 'first\nsecond'));
    });
    expect(await transformed(doubled)).toBe(
      whole.replace(/(event: ping\n.*\n\n)/, '$1data: first\ndata: second\n\n'),
    );
  });

  it('holds events back and lets them go at a later event or at the end', async () => {
    const holding = (): StreamTransformer => {
      const held: SseEvent[] = [];
      return {
        transform: (event, controller) => {
          held.push(event);
          if (held.length > 3) controller.enqueue(held.shift() as SseEvent);
        },
        flush: (controller) => {
          for (const event of held) controller.enqueue(event);
        },
      };
    };
    expect(await transformed(holding())).toBe(whole);
    expect(await transformed(holding(), [whole])).toBe(whole);
    expect(await transformStream(transformStream(answer(events), holding()), holding()).text()).toBe(whole);
  });

  it('may be asynchronous, event by event and in order, flush included', async () => {
    const order: string[] = [];
    const slow: StreamTransformer = {
      transform: async (event, controller) => {
        order.push(`> ${event.type}`);
        await nextTurn();
        controller.enqueue(event);
        order.push(`< ${event.type}`);
      },
      flush: async (controller) => {
        await nextTurn();
        controller.enqueue(SseEvent.of('message', 'flushed'));
      },
    };
    expect(await transformed(slow, [whole])).toBe(`${whole}data: flushed\n\n`);
    expect(order).toEqual(types.flatMap((type) => [`> ${type}`, `< ${type}`]));
  });

  it('does not flush a stream that was cut', async () => {
    let flushed = false;
    const source = takeSource(
      transformStream(answer(events.slice(0, 2)), { ...identity, flush: () => void (flushed = true) }),
    );
    await readFrom(source);
    await readFrom(source);
    expect(() => readFrom(source)).toThrow('The answer was cut off');
    expect(flushed).toBe(false);
  });

  it.each(['throws', 'rejects', 'throws in flush', 'rejects in flush'])(
    'that %s ends the stream as an error',
    async (how) => {
      const log: string[] = [];
      const failing: StreamTransformer = {
        transform: (event, controller) => {
          controller.enqueue(event);
          if (how === 'throws' && event.type === 'ping') throw new Error('lost');
          return how === 'rejects' && event.type === 'ping' ? Promise.reject(new Error('lost')) : undefined;
        },
        flush: () => {
          if (how === 'throws in flush') throw new Error('lost');
          return how === 'rejects in flush' ? Promise.reject(new Error('lost')) : undefined;
        },
      };
      const pieces = new SpiedSource(events);
      let response = observeStream(answer(pieces), recorder(log, 'inner '));
      response = observeStream(transformStream(response, failing), recorder(log, 'outer '));
      await expect(response.text()).rejects.toThrow('lost');
      expect(pieces.cancelled).toMatchObject({ message: 'lost' });
      expect(log.filter((line) => /e(nd|rror)\b/.test(line) && !line.includes('event'))).toEqual([
        'inner error lost',
        'outer error lost',
      ]);
    },
  );

  it('of anything but an event stream is not asked', async () => {
    const never: StreamTransformer = {
      transform: () => expect.unreachable(),
      flush: () => expect.unreachable(),
    };
    expect(await transformStream(answer(['{}'], { 'content-type': 'application/json' }), never).text()).toBe(
      '{}',
    );
    expect(await transformStream(new Response('plain'), never).text()).toBe('plain');
    expect(transformStream(new Response(null, { status: 204 }), never).status).toBe(204);
  });

  it('takes headers away that describe the bytes, also from headers somebody looked at', () => {
    const headers = {
      'content-type': 'text/event-stream',
      'content-length': '9',
      etag: '"x"',
      'x-other': '1',
    };
    for (const look of [false, true]) {
      const response = answer(events, headers);
      if (look) response.headers.set('x-mine', '2');
      const { headers: left } = transformStream(response, identity);
      expect(Object.fromEntries(left)).toEqual({
        'content-type': 'text/event-stream',
        'x-other': '1',
        ...(look && { 'x-mine': '2' }),
      });
    }
    // Not an observer's doing: an event stream has no content-length from the start.
    expect(observeStream(answer(events, headers), {}).headers.get('etag')).toBe('"x"');
  });
});

describe('a comment of a transformer that is at work', () => {
  it('goes out at once, and what it works on after it', async () => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const comment = new SseEvent(Buffer.from(': alive\n\n'));
    const waiting: StreamTransformer = {
      transform: async (event, controller) => {
        if (event.type === 'message_start') {
          await nextTurn();
          controller.enqueue(comment);
          await promise;
        }
        controller.enqueue(event);
      },
    };
    const outer: string[] = [];
    let response = transformStream(answer([whole]), waiting);
    response = observeStream(response, { chunk: (bytes) => void outer.push(Buffer.from(bytes).toString()) });
    response = transformStream(response, identity);
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    const first = await reader.read();
    expect(Buffer.from(first.value ?? []).toString()).toBe(': alive\n\n');
    resolve(undefined);
    let rest = '';
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      rest += Buffer.from(part.value).toString();
    }
    expect(rest).toBe(events.join(''));
  });
});

describe('terminate()', () => {
  const reason = new PipelineError('content_blocked');
  const ending = SseEvent.of('message_stop', '{"type":"message_stop"}');
  const terminating = (at = 'content_block_delta'): StreamTransformer =>
    on(at, (_, controller) => {
      controller.enqueue(ending);
      controller.terminate(reason);
      controller.enqueue(SseEvent.of('message', 'too late'));
      controller.terminate(new PipelineError('internal'));
    });

  it('ends the stream with what was enqueued before, and cancels the upstream', async () => {
    for (const batches of [events, [whole]]) {
      const pieces = new SpiedSource(batches);
      const text = await transformStream(answer(pieces), terminating()).text();
      const before = types.indexOf('content_block_delta');
      expect(text).toBe(events.slice(0, before).join('') + Buffer.from(ending.raw).toString());
      expect(pieces.cancelled).toBe(reason);
    }
  });

  it('reads no further, and does not flush the one that ended it; later ones are flushed', async () => {
    const log: string[] = [];
    const pieces = new SpiedSource(events);
    const flushing = (name: string, transformer: StreamTransformer): StreamTransformer => ({
      ...transformer,
      flush: (controller) => {
        log.push(name);
        controller.enqueue(SseEvent.of('message', name));
      },
    });
    let response = transformStream(answer(pieces), flushing('inner', identity));
    response = transformStream(response, flushing('ended it', terminating('message_start')));
    response = transformStream(response, flushing('outer', identity));
    expect(await response.text()).toBe(`${Buffer.from(ending.raw).toString()}data: outer\n\n`);
    expect(log).toEqual(['outer']);
    expect(pieces.reads).toBe(1);
  });

  it('is an end for observers outside, and for those inside a body that was given up', async () => {
    for (const how of ['sync', 'async']) {
      const log: string[] = [];
      const note = (name: string): StreamObserver => ({
        end: () => void log.push(`${name} end`),
        error: (cause) => void log.push(`${name} ${(cause as PipelineError).code}`),
      });
      let response = observeStream(answer(events), note('inner'));
      if (how === 'async') response = transformStream(response, asyncIdentity);
      response = observeStream(transformStream(response, terminating()), note('outer'));
      await response.text();
      expect(log, how).toEqual(['inner content_blocked', 'outer end']);
    }
  });

  it('while reading, by a transformer that waits, hands out nothing after the end', async () => {
    const slow: StreamTransformer = {
      transform: async (event, controller) => {
        await nextTurn();
        controller.enqueue(event);
        controller.terminate(reason);
      },
    };
    expect(await transformStream(answer([whole]), slow).text()).toBe(events[0]);
  });
});
