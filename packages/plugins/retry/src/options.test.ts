import { createPipeline, definePlugin } from '@sluice/core';
import { describe, expect, test } from 'vitest';
import { retry } from './index.ts';

describe('at assembly', () => {
  test('fills in the defaults, which the description shows', () => {
    // #region use
    const pipeline = createPipeline({
      upstream: 'https://api.anthropic.com',
      plugins: [retry({ maxRetries: 1 })],
    });
    // #endregion
    expect(pipeline.describe().plugins).toEqual([
      {
        name: 'retry',
        onError: 'closed',
        needs: ['clock', 'random'],
        options: {
          maxRetries: 1,
          baseDelayMs: 500,
          throttledDelayMs: 2_000,
          maxDelayMs: 30_000,
          retryWithinMs: 90_000,
          retryUnanswered: true,
          commitHoldMs: 60_000,
          budgetRatio: 0.2,
          budgetReserve: 10,
        },
      },
    ]);
  });

  test('fills in the defaults of hedging, when it is asked for', () => {
    const regionRouting = definePlugin({
      name: 'region-routing',
      create: () => ({ handle: (request, next) => next(request) }),
    });
    // #region hedge
    const pipeline = createPipeline({
      upstream: 'https://api.anthropic.com',
      plugins: [retry({ hedge: { budgetRatio: 0.02 } }), regionRouting()],
    });
    // #endregion
    expect(pipeline.describe().plugins[0]?.options).toMatchObject({
      hedge: { budgetRatio: 0.02, minSamples: 50, minDelayMs: 500, maxDelayMs: 30_000 },
    });
  });

  const assemble = (options: object): unknown =>
    createPipeline({ upstream: 'https://upstream.test', plugins: [retry(options)] });

  test.each<[object, string]>([
    [{ maxAttempts: 3 }, 'there is no option "maxAttempts"'],
    [{ maxRetries: -1 }, 'option "maxRetries": must be at least 0'],
    [{ maxRetries: 11 }, 'option "maxRetries": must be at most 10'],
    [{ maxRetries: 1.5 }, 'option "maxRetries": must be a whole number'],
    [{ baseDelayMs: '1s' }, 'option "baseDelayMs": must be a number of milliseconds'],
    [{ maxDelayMs: Infinity }, 'option "maxDelayMs": must be finite'],
    [{ budgetRatio: -1 }, 'option "budgetRatio": must be at least 0'],
    [{ retryUnanswered: 'no' }, 'option "retryUnanswered": must be true or false'],
    [{ hedge: { delayMs: 5 } }, 'there is no option "hedge.delayMs"'],
    [{ hedge: { budgetRatio: 0.5 } }, 'option "hedge.budgetRatio": must be at most 0.05'],
    [{ hedge: { minSamples: 5 } }, 'option "hedge.minSamples": must be at least 20'],
    [{ hedge: { minDelayMs: 40_000 } }, 'option "hedge": minDelayMs must not exceed maxDelayMs'],
    [
      { hedge: {}, maxRetries: 0 },
      'a hedge is a second attempt, which "maxRetries": 0 forbids; raise it or remove "hedge"',
    ],
    [
      { hedge: {}, retryUnanswered: false },
      'a hedge repeats what is not answered yet, which "retryUnanswered": false forbids; remove one of them',
    ],
    [
      { hedge: {}, commitHoldMs: 30_000 },
      '"hedge.maxDelayMs" must be less than "commitHoldMs" and "retryWithinMs", after which the first attempt is committed',
    ],
  ])('refuses %o', (options, complaint) => {
    expect(() => assemble(options)).toThrow(`plugin "retry": ${complaint}.`);
  });

  test('refuses to stand inside of what each attempt has to pass', () => {
    const breaker = definePlugin({
      name: 'circuit-breaker',
      create: () => ({ handle: (request, next) => next(request) }),
    });
    expect(() =>
      createPipeline({ upstream: 'https://upstream.test', plugins: [breaker(), retry()] }),
    ).toThrow('plugin "retry" must stand outside "circuit-breaker"');
  });
});
