import { definePlugin, type Plugin, PipelineError } from '@sluice/core';
import { type ScriptedAnswer, testPipeline, type TestPipeline } from '@sluice/core/testing';
import { expect, test } from 'vitest';
import { retry, type RetryOptions } from './index.ts';
import { afterAllWaits, bad, good } from './testing/retrying.ts';

/** Refuses whoever comes before a time, as a key does that rests; told 0, for ever. */
const refusing = (untilMs: () => number, told?: number): Plugin =>
  definePlugin({
    name: 'credentials',
    create: () => ({
      handle(request, next) {
        const leftMs = untilMs() - pipe.clock.now();
        if (leftMs > 0) throw new PipelineError('rate_limited', { retryAfterMs: told ?? leftMs });
        return next(request);
      },
    }),
  })();

let pipe: TestPipeline;
const start = (answers: readonly ScriptedAnswer[], limit: Plugin, options: RetryOptions = {}): TestPipeline =>
  (pipe = testPipeline({ answers, plugins: [retry(options), limit] }));

test('a limit further in that says when is waited for, and costs neither an attempt nor the budget', async () => {
  const began = { at: 0 };
  await using _ = start(
    [good()],
    refusing(() => began.at + 5_000),
    { budgetRatio: 0, budgetReserve: 0 },
  );
  began.at = pipe.clock.now();
  const pending = pipe.post();
  await pipe.clock.advance(4_999);
  expect(pipe.transport.requests).toHaveLength(0);
  await pipe.clock.advance(502);
  const response = await pending;
  expect(response.status).toBe(200);
  await response.text();
  expect(pipe.outcomes).toMatchObject([{ attempts: 1 }]);
});

test('after an attempt it is the same wait, and the retry is still to come', async () => {
  let untilMs = 0;
  const throttle: ScriptedAnswer = () => {
    untilMs = pipe.clock.now() + 7_000;
    return bad(429);
  };
  await using _ = start(
    [throttle, good()],
    refusing(() => untilMs),
    { maxRetries: 1 },
  );
  expect((await afterAllWaits(pipe, pipe.post())).status).toBe(200);
  expect(pipe.transport.requests).toHaveLength(2);
});

test('whoever refuses each time is not waited for longer than maxDelayMs in all', async () => {
  await using _ = start(
    [],
    refusing(() => Infinity, 2_000),
  );
  const startedAt = pipe.clock.now();
  let tookMs = 0;
  const response = await afterAllWaits(
    pipe,
    pipe.post().then((given) => {
      tookMs = pipe.clock.now() - startedAt;
      return given;
    }),
  );
  expect(response.status).toBe(429);
  expect(tookMs).toBeGreaterThan(25_000);
  expect(tookMs).toBeLessThanOrEqual(31_000);
  // Nothing was sent: the caller may come back.
  expect(response.headers.get('retry-after')).toBe('2');
  expect(response.headers.has('x-should-retry')).toBe(false);
  expect(pipe.clock.pendingTimers).toBe(0);
});

test.each<[string, number, RetryOptions]>([
  ['asks for more than maxDelayMs', 31_000, {}],
  ['has no retries to wait for', 2_000, { maxRetries: 0 }],
])('a limit that %s is told to the caller, who may come back', async (_, told, options) => {
  await using __ = start(
    [],
    refusing(() => Infinity, told),
    options,
  );
  const response = await pipe.post();
  expect(response.status).toBe(429);
  expect(response.headers.get('retry-after')).toBe(String(told / 1_000));
  expect(response.headers.has('x-should-retry')).toBe(false);
});

test('one that says to come back at once, and refuses again, is not asked for ever', async () => {
  let asked = 0;
  await using _ = start(
    [],
    refusing(() => ++asked && Infinity, 0),
    { throttledDelayMs: 0 },
  );
  expect((await afterAllWaits(pipe, pipe.post())).status).toBe(429);
  expect(asked).toBe(3);
});

test('a caller who leaves while it is waited for leaves nothing behind', async () => {
  await using _ = start(
    [],
    refusing(() => Infinity, 5_000),
  );
  const controller = new AbortController();
  const pending = pipe.post({}, { signal: controller.signal });
  await pipe.clock.advance(6_000);
  controller.abort();
  await expect(pending).rejects.toThrow();
  expect(pipe.clock.pendingTimers).toBe(0);
});
