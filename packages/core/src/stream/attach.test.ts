import fc from 'fast-check';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { anthropicStream } from '../testing/anthropic-wire.ts';
import { identity, on, recorder, spiedAnswer as answer } from '../testing/hook-samples.ts';
import { SpiedSource } from '../testing/spied-source.ts';
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
    await readFrom(source);
    const rest = new Response(
      new ReadableStream({
        pull: async (controller) => {
          const chunk = await readFrom(source);
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

describe('back-pressure', () => {
  it('asks the upstream for no more than its reader does, through any number of hooks', async () => {
    const pieces = new SpiedSource(events.map((event) => Promise.resolve(Buffer.from(event))));
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
    const pieces = new SpiedSource(events);
    const { promise, resolve } = Promise.withResolvers<void>();
    const log: string[] = [];
    let response = observeStream(answer(pieces), recorder(log, 'inner '));
    response = transformStream(response, { transform: () => promise });
    response = observeStream(response, recorder(log, 'outer '));
    const source = takeSource(response);
    const reading = Promise.resolve(readFrom(source));
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
