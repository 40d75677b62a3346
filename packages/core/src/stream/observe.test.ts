import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { anthropicStream } from '../testing/anthropic-wire.ts';
import { identity, on, recorder, spiedAnswer as answer } from '../testing/hook-samples.ts';
import { SpiedSource } from '../testing/spied-source.ts';
import { isEventStream, observeStream, transformStream } from './attach.ts';
import type { StreamObserver } from './hooks.ts';
import { takeSource } from './lazy-response.ts';
import { SseEvent } from './sse-event.ts';
import { readFrom } from './pull.ts';

const events = anthropicStream({ text: 'one two three' });
const whole = events.join('');
const types = events.map((event) => event.match(/event: (.*)/)?.[1]);

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
      const pieces = new SpiedSource([
        ...events.slice(0, 2),
        ...(how === 'broken' ? [new Error('reset')] : []),
      ]);
      const response = observeStream(answer(pieces), recorder(log));
      const source = takeSource(response);
      if (how === 'cancelled before it was read') source.cancel(new Error('left'));
      else {
        await readFrom(source);
        await readFrom(source);
        if (how === 'cancelled') source.cancel(new Error('left'));
        else expect(() => readFrom(source)).toThrow();
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
    const pieces = new SpiedSource(['{"a":']);
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
