import { setImmediate as nextTurn } from 'node:timers/promises';
import { PipelineError } from '@sluice/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  batch,
  type BatchOptions,
  type BatchProgress,
  type BatchRequest,
  type BatchResult,
} from './index.ts';
import { answerOf, heldPipeline } from './testing/held-pipeline.ts';

const item = (n: number): BatchRequest => ({ customId: `item-${n}`, params: { text: `text ${n}` } });

/** An endless input that counts how far it was read, and whether it was told to stop. */
function endless() {
  const input = {
    read: 0,
    closed: 0,
    *[Symbol.iterator]() {
      try {
        for (;;) yield item(input.read++);
      } finally {
        input.closed++;
      }
    },
  };
  return input;
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await nextTurn();
}

async function all<R extends BatchRequest>(
  results: AsyncIterable<BatchResult<R>>,
): Promise<BatchResult<R>[]> {
  const list: BatchResult<R>[] = [];
  for await (const result of results) list.push(result);
  return list;
}

describe('bounds', () => {
  test('nothing is read or called before the first result is asked for', async () => {
    await using stage = heldPipeline();
    const input = endless();
    const results = batch(stage.pipeline, input);
    await settled();
    expect([input.read, stage.held.length]).toEqual([0, 0]);
    const first = results.next();
    await settled();
    expect([input.read, stage.held.length]).toEqual([8, 8]);
    const ended = results.return();
    expect(await first).toEqual({ done: true, value: undefined });
    await ended;
  });

  test('a consumer that does not come back stops the calls', async () => {
    await using stage = heldPipeline();
    const input = endless();
    await using results = batch(stage.pipeline, input, { concurrency: 2, readAhead: 3 });
    void results.next();
    await settled();
    for (let n = 0; n < 10; n++) {
      stage.held[0]?.answer();
      await settled();
    }
    // One was taken; three more may be there and wait.
    expect([input.read, stage.held.length]).toEqual([4, 0]);
  });

  test('any order of answers and of takes: bounds hold, each item ends once, in order if wanted', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          items: fc.integer({ min: 0, max: 12 }),
          concurrency: fc.integer({ min: 1, max: 5 }),
          more: fc.integer({ min: 0, max: 5 }),
          ordered: fc.boolean(),
          async: fc.boolean(),
          failing: fc.func(fc.boolean()),
          completed: fc.func(fc.boolean()),
        }),
        fc.infiniteStream(fc.nat()),
        async ({ items, concurrency, more, ordered, async, failing, completed }, choices) => {
          await using stage = heldPipeline();
          let read = 0;
          let skipped = 0;
          const done = (id: string): boolean => completed(id);
          function* sync() {
            for (let n = 0; n < items; n++) {
              read++;
              if (done(`item-${n}`)) skipped++;
              yield item(n);
            }
          }
          async function* slow() {
            for (const each of sync()) {
              await nextTurn();
              yield each;
            }
          }
          const readAhead = concurrency + more;
          const results = batch(stage.pipeline, async ? slow() : sync(), {
            concurrency,
            readAhead,
            ordered,
            completed: { has: done },
          });
          const taken: BatchResult[] = [];
          let ended = false;
          let asking = false;
          const ask = (): void => {
            if (asking) return;
            asking = true;
            void results.next().then((next) => {
              asking = false;
              if (next.done === true) ended = true;
              else taken.push(next.value);
            });
          };
          for (const choice of choices) {
            if (ended) break;
            if (choice % 2 === 0) ask();
            else {
              const call = stage.held[choice % Math.max(1, stage.held.length)];
              if (call !== undefined)
                call.answer(failing(call.text) ? new Response('{}', { status: 400 }) : undefined);
            }
            await nextTurn();
            expect(stage.held.length).toBeLessThanOrEqual(concurrency);
            expect(read - skipped - taken.length).toBeLessThanOrEqual(readAhead);
          }
          const wanted = Array.from({ length: items }, (_, n) => n).filter((n) => !done(`item-${n}`));
          const indexes = taken.map(({ index }) => index);
          expect(ordered ? indexes : indexes.toSorted((a, b) => a - b)).toEqual(wanted);
          for (const { customId, index, request, result } of taken) {
            expect(customId).toBe(`item-${index}`);
            expect(request).toEqual(item(index));
            expect(result.type).toBe(failing(`text ${index}`) ? 'errored' : 'succeeded');
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('the end', () => {
  test('break aborts what is in flight, waits for it and closes the input', async () => {
    await using stage = heldPipeline();
    const input = endless();
    const results = batch(stage.pipeline, input, { concurrency: 3 });
    const consumed = (async () => {
      for await (const { customId } of results) return customId;
      return undefined;
    })();
    await settled();
    const signals = stage.held.map(({ request }) => request.signal);
    stage.held[1]?.answer();
    expect(await consumed).toBe('item-1');
    expect(stage.held).toEqual([]);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false, true]);
    expect(input.closed).toBe(1);
    expect(await results.next()).toEqual({ done: true, value: undefined });
    expect(stage.clock.pendingTimers).toBe(0);
  });

  test('the signal: finished results come, then the canceled ones, then its reason is thrown', async () => {
    await using stage = heldPipeline();
    const leaving = new AbortController();
    const input = endless();
    const results = batch(stage.pipeline, input, { concurrency: 2, signal: leaving.signal });
    const first = results.next();
    await settled();
    stage.held[0]?.answer();
    await first;
    await settled();
    stage.held[0]?.answer();
    await settled();
    leaving.abort(new Error('enough'));
    const seen: string[] = [];
    await expect(
      (async () => {
        for await (const { result } of results) seen.push(result.type);
      })(),
    ).rejects.toThrow('enough');
    expect(seen).toEqual(['succeeded', 'canceled']);
    expect(input).toMatchObject({ read: 3, closed: 1 });
  });

  test('a signal that has aborted before: nothing is read', async () => {
    await using stage = heldPipeline();
    const input = endless();
    const results = batch(stage.pipeline, input, { signal: AbortSignal.abort(new Error('never mind')) });
    await expect(results.next()).rejects.toThrow('never mind');
    expect(input.read).toBe(0);
  });

  test('a read that never ends keeps nobody from leaving', async () => {
    await using stage = heldPipeline();
    async function* input() {
      yield item(0);
      await new Promise(() => undefined);
    }
    const results = batch(stage.pipeline, input());
    const first = results.next();
    await settled();
    stage.held[0]?.answer();
    expect((await first).value).toMatchObject({ customId: 'item-0' });
    const second = results.next();
    await results.return();
    expect(await second).toEqual({ done: true, value: undefined });
  });

  test('stopOnError reads nothing more and lets the rest end', async () => {
    await using stage = heldPipeline();
    const input = endless();
    const results = all(batch(stage.pipeline, input, { concurrency: 3, stopOnError: true }));
    await settled();
    stage.held[1]?.answer(new Response('{}', { status: 400 }));
    await settled();
    for (const call of stage.held.slice()) call.answer();
    expect((await results).map(({ customId, result }) => [customId, result.type])).toEqual([
      ['item-1', 'errored'],
      ['item-0', 'succeeded'],
      ['item-2', 'succeeded'],
    ]);
    expect(input).toMatchObject({ read: 3, closed: 1 });
  });

  test.each<[string, Iterable<unknown>, string]>([
    ['an item that is none', [item(0), 'x'], 'batch: item 1 is no object; write { customId, params }.'],
    ['an id that is there twice', [item(0), item(0)], 'item 1 has the customId of an earlier one, "item-0"'],
    ['no id', [item(0), { params: {} }], 'item 1 needs a customId of 1 to 256 characters'],
    ['no params', [item(0), { customId: 'x', params: [] }], 'item 1 needs params, an object'],
    ['a stream', [item(0), { customId: 'x', params: { stream: true } }], 'remove "stream": a batch collects'],
    [
      'a whole address',
      [item(0), { customId: 'x', params: {}, url: '//host/v1' }],
      'write it like "/v1/messages"',
    ],
    ['params that are no JSON', [item(0), { customId: 'x', params: { n: 1n } }], 'cannot be written as JSON'],
  ])('%s is thrown after the results of what had begun', async (_, requests, message) => {
    await using stage = heldPipeline();
    const results = batch(stage.pipeline, requests as Iterable<BatchRequest>);
    const first = results.next();
    await settled();
    stage.held[0]?.answer();
    expect((await first).value).toMatchObject({ customId: 'item-0', result: { type: 'succeeded' } });
    await expect(results.next()).rejects.toThrow(message);
    expect(await results.next()).toEqual({ done: true, value: undefined });
  });

  test('what the input throws is thrown after the results of what had begun', async () => {
    await using stage = heldPipeline();
    async function* input() {
      yield item(0);
      throw new Error('disk gone');
    }
    const results = batch(stage.pipeline, input());
    const first = results.next();
    await settled();
    stage.held[0]?.answer();
    expect((await first).done).toBe(false);
    await expect(results.next()).rejects.toThrow('disk gone');
  });

  test('a pipeline that closes ends the batch instead of failing all of an endless input', async () => {
    await using stage = heldPipeline();
    const input = endless();
    const results = batch(stage.pipeline, input, { concurrency: 1 });
    const first = results.next();
    await settled();
    void stage.pipeline.drain(1_000);
    stage.held[0]?.answer();
    expect((await first).value).toMatchObject({ result: { type: 'succeeded' } });
    expect((await results.next()).value).toMatchObject({
      result: { type: 'errored', status: 503, code: 'shutting_down' },
    });
    await expect(results.next()).rejects.toSatisfy(PipelineError.is);
    expect(input.read).toBe(2);
  });
});

test('no call begins while the provider has asked to wait, nor longer than maxPauseMs', async () => {
  await using stage = heldPipeline();
  const input = endless();
  await using results = batch(stage.pipeline, input, { concurrency: 2, readAhead: 9, maxPauseMs: 60_000 });
  void results.next();
  await settled();
  const throttled = (seconds: string): Response =>
    new Response('{}', { status: 429, headers: { 'retry-after': seconds } });
  stage.held[0]?.answer(throttled('20'));
  await settled();
  stage.held[0]?.answer();
  await settled();
  expect(input.read).toBe(2);
  await stage.clock.advance(19_999);
  expect(input.read).toBe(2);
  await stage.clock.advance(1);
  expect(input.read).toBe(4);
  stage.held[0]?.answer(throttled('3600'));
  await settled();
  await stage.clock.advance(60_000);
  expect(input.read).toBe(5);
});

test('skipping a long run of completed items hears a signal', async () => {
  await using stage = heldPipeline();
  const input = endless();
  const leaving = new AbortController();
  const results = batch(stage.pipeline, input, { completed: { has: () => true }, signal: leaving.signal });
  setImmediate(() => {
    leaving.abort(new Error('enough'));
  });
  await expect(results.next()).rejects.toThrow('enough');
  expect(input.closed).toBe(1);
});

test('progress counts each end, and a listener that throws is not the batch’s fault', async () => {
  await using stage = heldPipeline();
  const told: BatchProgress[] = [];
  const warnings: Error[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning);
  process.on('warning', onWarning);
  const requests = [item(0), item(1), item(2)];
  const results = all(
    batch(stage.pipeline, requests, {
      completed: new Set(['item-0']),
      onProgress: (progress) => {
        told.push(progress);
        throw new Error('oops');
      },
    }),
  );
  await settled();
  stage.held[0]?.answer();
  await settled();
  stage.held[0]?.answer(new Response('{}', { status: 400 }));
  expect(await results).toHaveLength(2);
  const base = { total: 3, skipped: 1, succeeded: 1, canceled: 0, inputTokens: 2, outputTokens: 3 };
  expect(told).toEqual([
    { ...base, errored: 0, inFlight: 1 },
    { ...base, errored: 1, inFlight: 0 },
  ]);
  await settled();
  process.off('warning', onWarning);
  expect(warnings.map(({ message }) => message)).toEqual([
    'onProgress threw: oops',
    'onProgress threw: oops',
  ]);
});

test.each<[BatchOptions & Record<string, unknown>, string]>([
  [{ concurrency: 0 }, 'batch: option "concurrency": must be at least 1.'],
  [{ concurrency: 5, readAhead: 4 }, 'batch: "readAhead" must be at least "concurrency".'],
  [{ readAhead: 7 }, '"readAhead" must be at least "concurrency"'],
  [{ retries: 3 }, 'there is no option "retries"'],
  [{ headers: 'x' as never }, 'batch: option "headers": must be { name: value } or a function.'],
  ['none' as never, 'batch takes its options as an object'],
  [{ completed: {} as Set<string> }, 'must have a method "has"'],
])('%j is refused with a sentence', (options, message) => {
  expect(() => batch(heldPipeline().pipeline, [], options)).toThrow(message);
});

test('several who ask at once get a result each', async () => {
  await using stage = heldPipeline();
  const results = batch(stage.pipeline, [item(0), item(1)], { ordered: true });
  const asked = Promise.all([results.next(), results.next(), results.next()]);
  await settled();
  stage.held[1]?.answer(answerOf('second'));
  stage.held[0]?.answer();
  expect((await asked).map(({ value }) => value?.customId)).toEqual(['item-0', 'item-1', undefined]);
});
