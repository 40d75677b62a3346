import fc from 'fast-check';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PipelineError } from '../errors.ts';
import { anthropicMessages } from '../format/anthropic-messages.ts';
import { anthropicStream } from '../testing/anthropic-wire.ts';
import { answerResponse } from './answer.ts';
import { isEventStream, observeStream, transformStream } from './attach.ts';
import type { BodySource } from './body.ts';
import type { StreamController, StreamObserver, StreamTransformer } from './hooks.ts';
import { takeSource } from './lazy-response.ts';
import { DEFAULT_SSE_LIMITS } from './sse-decoder.ts';
import { SseEvent } from './sse-event.ts';

type Piece = string | Uint8Array | Error | Promise<Uint8Array>;

/** A source that delivers what it is given, and remembers what was done to it. */
class Pieces implements BodySource {
  reads = 0;
  cancelled: unknown;
  readonly #pieces: Piece[];

  constructor(pieces: readonly Piece[]) {
    this.#pieces = [...pieces];
  }

  read(): Uint8Array | null | Promise<Uint8Array | null> {
    this.reads++;
    const piece = this.#pieces.shift();
    if (piece === undefined) return null;
    if (piece instanceof Error) throw piece;
    return typeof piece === 'string' ? Buffer.from(piece) : piece;
  }

  cancel(reason: unknown): void {
    this.cancelled = reason;
  }
}

function answer(
  pieces: readonly Piece[] | Pieces,
  headers: Record<string, string> = { 'content-type': 'text/event-stream' },
) {
  const source = pieces instanceof Pieces ? pieces : new Pieces(pieces);
  const parts = {
    status: 200,
    statusText: '',
    headers,
    format: anthropicMessages,
    limits: DEFAULT_SSE_LIMITS,
  };
  return answerResponse({ ...parts, source }).response;
}

const events = anthropicStream({ text: 'one two three' });
const whole = events.join('');
const types = events.map((event) => event.match(/event: (.*)/)?.[1]);

/** Notes everything that an observer is told. */
function recorder(log: string[], name = ''): StreamObserver {
  return {
    event: (event) => void log.push(`${name}event ${event.type}`),
    chunk: (bytes) => void log.push(`${name}chunk ${bytes.length}`),
    end: () => void log.push(`${name}end`),
    error: (cause) => void log.push(`${name}error ${(cause as Error).message}`),
  };
}

const identity: StreamTransformer = {
  transform: (event, controller) => {
    controller.enqueue(event);
  },
};
const asyncIdentity: StreamTransformer = {
  transform: async (event, controller) => {
    await Promise.resolve();
    controller.enqueue(event);
  },
};
const on = (
  type: string,
  act: (event: SseEvent, controller: StreamController) => void,
): StreamTransformer => ({
  transform: (event, controller) => {
    if (event.type === type) act(event, controller);
    else controller.enqueue(event);
  },
});

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

describe('an observer', () => {
  it('sees each event, the bytes and the end, and changes nothing', async () => {
    const log: string[] = [];
    const response = observeStream(answer(events), recorder(log));
    expect(await response.text()).toBe(whole);
    expect(log).toEqual([
      ...events.flatMap((event, i) => [`event ${types[i]}`, `chunk ${event.length}`]),
      'end',
    ]);
  });

  it('is told nothing of comments, but passes them on', async () => {
    const log: string[] = [];
    const commented = [': hello\n\n', ...events, ':bye\n\n'];
    const response = observeStream(answer(commented), { event: (event) => void log.push(event.type) });
    expect(await response.text()).toBe(commented.join(''));
    expect(log).toEqual(types);
  });

  it('is told of a cut, of a reader that leaves, and of nothing after that', async () => {
    for (const how of ['cut', 'broken', 'cancelled', 'cancelled before it was read']) {
      const log: string[] = [];
      const pieces = new Pieces([...events.slice(0, 2), ...(how === 'broken' ? [new Error('reset')] : [])]);
      const response = observeStream(answer(pieces), recorder(log));
      const source = takeSource(response);
      if (how === 'cancelled before it was read') source.cancel(new Error('left'));
      else {
        await source.read();
        await source.read();
        if (how === 'cancelled') source.cancel(new Error('left'));
        else expect(() => source.read()).toThrow();
      }
      const told = { cut: 'The answer was cut off by the upstream.', broken: 'reset' }[how] ?? 'left';
      expect(log.filter((line) => /^e(nd|rror)/.test(line))).toEqual([`error ${told}`]);
      expect(log.at(-1)).toBe(`error ${told}`);
      source.cancel(new Error('again'));
      expect(log.at(-1)).toBe(`error ${told}`);
    }
  });

  it('that throws is reported and otherwise ignored; it misses no event for it', async () => {
    const seen: string[] = [];
    const throwing: StreamObserver = {
      event: (event) => {
        seen.push(event.type);
        throw new Error(`no ${event.type}`);
      },
      chunk: () => {
        throw new Error('no bytes');
      },
      end: () => {
        throw new Error('no end');
      },
    };
    const log: string[] = [];
    let response = observeStream(answer([whole]), throwing);
    response = observeStream(response, recorder(log));
    expect(await response.text()).toBe(whole);
    expect(seen).toEqual(types);
    expect(log.at(-1)).toBe('end');
    await nextTurn();
    expect(warnings.map(({ message }) => message)).toEqual(
      [...types.map((type) => `no ${type}`), 'no bytes', 'no end'].map(
        (message) => `a stream observer threw: ${message}`,
      ),
    );
    warnings = [];
    takeSource(
      observeStream(answer([]), {
        error: () => {
          throw new Error('no error');
        },
      }),
    ).cancel('left');
    await nextTurn();
    expect(warnings).toHaveLength(1);
  });

  it('of a JSON body is told of bytes and end, never of events', async () => {
    const log: string[] = [];
    const json = { 'content-type': 'application/json' };
    expect(await observeStream(answer(['{"a":', '1}'], json), recorder(log)).text()).toBe('{"a":1}');
    expect(log).toEqual(['chunk 5', 'chunk 2', 'end']);
    log.length = 0;
    await expect(
      observeStream(answer(['{"a":', new Error('reset')], json), recorder(log)).text(),
    ).rejects.toThrow('reset');
    expect(log).toEqual(['chunk 5', 'error reset']);
    log.length = 0;
    await expect(observeStream(answer(['{"a":'], json), recorder(log)).text()).rejects.toThrow(
      'The answer was cut off',
    );
    expect(log).toEqual(['chunk 5', 'error The answer was cut off by the upstream.']);
    log.length = 0;
    const pieces = new Pieces(['{"a":']);
    const source = takeSource(
      observeStream(observeStream(answer(pieces, json), recorder(log, 'a ')), recorder(log, 'b ')),
    );
    source.cancel(new Error('left'));
    source.cancel(new Error('again'));
    expect(log.toSorted()).toEqual(['a error left', 'b error left']);
    expect(pieces.cancelled).toMatchObject({ message: 'again' });
  });

  it('of no body at all is told of its end', () => {
    const log: string[] = [];
    const response = observeStream(new Response(null, { status: 204 }), recorder(log));
    expect(response.body).toBeNull();
    expect(log).toEqual(['end']);
  });
});

describe('a transformer', () => {
  const transformed = async (
    transformer: StreamTransformer,
    pieces: readonly Piece[] = events,
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
    await source.read();
    await source.read();
    expect(() => source.read()).toThrow('The answer was cut off');
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
      const pieces = new Pieces(events);
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
    expect(observeStream(answer(events, headers), {}).headers.get('content-length')).toBe('9');
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
      const pieces = new Pieces(batches);
      const text = await transformStream(answer(pieces), terminating()).text();
      const before = types.indexOf('content_block_delta');
      expect(text).toBe(events.slice(0, before).join('') + Buffer.from(ending.raw).toString());
      expect(pieces.cancelled).toBe(reason);
    }
  });

  it('reads no further, and does not flush the one that ended it; later ones are flushed', async () => {
    const log: string[] = [];
    const pieces = new Pieces(events);
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

describe('several hooks', () => {
  it('run in the order of attachment, each on what those before it made', async () => {
    const log: string[] = [];
    let response = observeStream(answer(events), recorder(log, '1 '));
    response = transformStream(
      response,
      on('ping', (event, controller) => {
        log.push('2');
        controller.enqueue(SseEvent.of('pong', event.data));
      }),
    );
    response = observeStream(response, recorder(log, '3 '));
    response = transformStream(
      response,
      on('pong', () => void log.push('4')),
    );
    response = observeStream(response, recorder(log, '5 '));
    expect(await response.text()).toBe(events.filter((_, i) => types[i] !== 'ping').join(''));
    const at = log.indexOf('1 event ping');
    expect(log.slice(at, at + 6).filter((line) => !line.includes('chunk'))).toEqual([
      '1 event ping',
      '2',
      '3 event pong',
      '4',
    ]);
    expect(log.slice(-3)).toEqual(['1 end', '3 end', '5 end']);
    expect(log).not.toContain('5 event pong');
  });

  it('share one decoding: they see the same event objects, parsed once', async () => {
    const seen: SseEvent[][] = [[], [], [], []];
    const keeping = (list: SseEvent[]): StreamObserver => ({ event: (event) => void list.push(event) });
    let response = observeStream(
      answer([whole.slice(0, 333), whole.slice(333)]),
      keeping(seen[0] as SseEvent[]),
    );
    response = observeStream(response, keeping(seen[1] as SseEvent[]));
    response = transformStream(response, {
      transform: (event, controller) => {
        seen[2]?.push(event);
        controller.enqueue(event);
      },
    });
    response = observeStream(response, keeping(seen[3] as SseEvent[]));
    expect(await response.text()).toBe(whole);
    for (const list of seen) expect(list.every((event, i) => event === seen[0]?.[i])).toBe(true);
    expect(seen.map((list) => list.length)).toEqual(Array(4).fill(events.length));
    expect(seen[0]?.[0]?.json).toBe(seen[3]?.[0]?.json);
  });

  it('attached when reading has begun see what comes from then on', async () => {
    const log: string[] = [];
    const first = observeStream(answer(events), { event: () => void log.push('first') });
    const source = takeSource(first);
    await source.read();
    const rest = new Response(
      new ReadableStream({
        pull: async (controller) => {
          const chunk = await source.read();
          if (chunk === null) controller.close();
          else controller.enqueue(chunk);
        },
      }),
      { headers: { 'content-type': 'text/event-stream' } },
    );
    expect(await observeStream(rest, { event: () => void log.push('second') }).text()).toBe(
      events.slice(1).join(''),
    );
    expect(log.filter((line) => line === 'first')).toHaveLength(events.length);
    expect(log.filter((line) => line === 'second')).toHaveLength(events.length - 1);
  });

  it('do not change a byte, however the stream is cut and whatever mix of identity hooks is attached', async () => {
    const stream = fc.array(
      fc.constantFrom(...events, ': comment\n\n', 'data: x\r\n\r\n', 'data: y\r\r', '\n', 'id: 1\n\n'),
      { maxLength: 12 },
    );
    const hooks = fc.array(fc.constantFrom('observe', 'transform', 'async', 'look', 'clone'), {
      maxLength: 5,
    });
    await fc.assert(
      fc.asyncProperty(
        stream,
        fc.array(fc.nat(2_000), { maxLength: 20 }),
        hooks,
        fc.boolean(),
        async (parts, cuts, kinds, later) => {
          const text = [...parts, events.at(-1)].join('');
          const bytes = Buffer.from(text);
          const points = [...new Set([0, ...cuts.map((cut) => cut % bytes.length), bytes.length])].toSorted(
            (a, b) => a - b,
          );
          const chunks = points.slice(1).map((point, i) => bytes.subarray(points[i], point));
          let response = answer(later ? chunks.map((chunk) => Promise.resolve(chunk)) : chunks);
          const counts: number[] = [];
          for (const kind of kinds) {
            const index = counts.push(0) - 1;
            const count: StreamObserver = { event: () => void (counts[index] = (counts[index] ?? 0) + 1) };
            if (kind === 'observe') response = observeStream(response, count);
            else if (kind === 'transform')
              response = observeStream(transformStream(response, identity), count);
            else if (kind === 'async')
              response = observeStream(transformStream(response, asyncIdentity), count);
            else {
              if (kind === 'look') void response.body;
              else void response.clone().body?.cancel();
              response = observeStream(response, count);
            }
          }
          expect(await response.text()).toBe(text);
          expect(new Set(counts).size).toBeLessThanOrEqual(1);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('hooks on a response that was looked at or made elsewhere', () => {
  const looks: readonly (readonly [string, (response: Response) => unknown])[] = [
    ['its body was touched', (response) => response.body],
    ['it was cloned', (response) => void response.clone().body?.cancel()],
    ['it was printed', (response) => import('node:util').then(({ inspect }) => inspect(response))],
  ];

  it.each(looks)('see events although %s', async (_, look) => {
    const log: string[] = [];
    const response = answer(events);
    await look(response);
    const pong = on('ping', (event, controller) => {
      controller.enqueue(SseEvent.of('pong', event.data));
    });
    const hooked = observeStream(transformStream(response, pong), {
      event: (event) => void log.push(event.type),
    });
    expect(await hooked.text()).toBe(whole.replace('event: ping\n', 'event: pong\n'));
    expect(log).toEqual(types.map((type) => (type === 'ping' ? 'pong' : type)));
  });

  it('see the cut of one whose body was touched', async () => {
    const log: string[] = [];
    const response = answer(events.slice(0, 2));
    void response.body;
    await expect(observeStream(response, { error: () => void log.push('error') }).text()).rejects.toThrow(
      'The answer was cut off',
    );
    expect(log).toEqual(['error']);
  });

  it('see the events of a new Response', async () => {
    const log: string[] = [];
    for (const type of ['text/event-stream', 'Text/Event-Stream; charset=utf-8']) {
      log.length = 0;
      const response = observeStream(
        new Response(whole, { headers: { 'content-type': type }, status: 201, statusText: 'Made' }),
        recorder(log),
      );
      expect(response).toMatchObject({ status: 201, statusText: 'Made' });
      expect(isEventStream(response)).toBe(true);
      expect(await transformStream(response, identity).text()).toBe(whole);
      expect(log.at(-1)).toBe('end');
      expect(log).toHaveLength(events.length + 2);
    }
  });

  it('of which the body was read are refused', async () => {
    const native = new Response(whole, { headers: { 'content-type': 'text/event-stream' } });
    await native.text();
    const lazy = answer(events);
    await lazy.text();
    for (const response of [native, lazy]) expect(() => observeStream(response, {})).toThrow(TypeError);
  });
});

describe('back-pressure', () => {
  it('asks the upstream for no more than its reader does, through any number of hooks', async () => {
    const pieces = new Pieces(events.map((event) => Promise.resolve(Buffer.from(event))));
    let response = observeStream(answer(pieces), {});
    response = transformStream(transformStream(response, identity), asyncIdentity);
    const reader = (observeStream(response, {}).body as ReadableStream<Uint8Array>).getReader();
    await nextTurn();
    expect(pieces.reads).toBe(0);
    for (const reads of [1, 2, 3]) {
      await reader.read();
      await nextTurn();
      expect(pieces.reads).toBe(reads);
    }
    await reader.cancel(new Error('enough'));
    expect(pieces.cancelled).toMatchObject({ message: 'enough' });
    expect(pieces.reads).toBe(3);
  });

  it('lets a reader leave while a transformer is waiting', async () => {
    const pieces = new Pieces(events);
    const { promise, resolve } = Promise.withResolvers<void>();
    const log: string[] = [];
    let response = observeStream(answer(pieces), recorder(log, 'inner '));
    response = transformStream(response, { transform: () => promise });
    response = observeStream(response, recorder(log, 'outer '));
    const source = takeSource(response);
    const reading = Promise.resolve(source.read());
    source.cancel(new Error('left'));
    resolve();
    await reading.catch(() => undefined);
    expect(log.filter((line) => line.includes('error') || line.endsWith('end'))).toEqual([
      'inner error left',
      'outer error left',
    ]);
    expect(pieces.cancelled).toMatchObject({ message: 'left' });
  });
});
