import type { Random } from '@sluice/core';
import { fakeRandom } from '@sluice/core/testing';
import { expect, test } from 'vitest';
import { backoff, type BackoffSettings } from './backoff.ts';

const settings: BackoffSettings = { baseDelayMs: 500, throttledDelayMs: 2_000, maxDelayMs: 30_000 };

/** A hundred repeatable draws of everything. */
const SEEDS = Array.from({ length: 100 }, (_, seed) => seed);

test.each([
  ['backoff', 500],
  ['throttled', 2_000],
] as const)(
  'spreads %s over everything from nothing to a bound of %i ms that doubles',
  (kind, firstBoundMs) => {
    for (const retry of [0, 1, 2, 3]) {
      const boundMs = firstBoundMs * 2 ** retry;
      const waits = SEEDS.map((seed) =>
        backoff({ retry: kind, retryAfterMs: undefined }, retry, settings, fakeRandom(seed)),
      );
      expect(Math.min(...(waits as number[]))).toBeLessThan(boundMs / 10);
      expect(Math.max(...(waits as number[]))).toBeGreaterThan((boundMs * 9) / 10);
      for (const waitMs of waits) expect(waitMs).toBeLessThanOrEqual(boundMs);
    }
  },
);

test('comes back at once, and only once, when the upstream was not reached', () => {
  const unreached = { retry: 'at-once', retryAfterMs: undefined } as const;
  expect(backoff(unreached, 0, settings, always(0.5))).toBe(0);
  expect(backoff(unreached, 1, settings, always(0.5))).toBe(500);
});

test('is a whole number of milliseconds between 0 and the longest wait, whatever the settings', () => {
  for (const seed of SEEDS) {
    const random = fakeRandom(seed);
    const drawn = drawSettings(random);
    for (const retry of [0, 1, 5, 10]) {
      const waitMs = backoff({ retry: 'throttled', retryAfterMs: undefined }, retry, drawn, random);
      expect(waitMs).toSatisfy(Number.isInteger);
      expect(waitMs).toBeGreaterThanOrEqual(0);
      expect(waitMs).toBeLessThanOrEqual(drawn.maxDelayMs);
    }
  }
});

test('never comes back before the upstream said, and at most a tenth later than it or its own wait', () => {
  for (const seed of SEEDS) {
    const random = fakeRandom(seed);
    const drawn = drawSettings(random);
    const retryAfterMs = random.next() * drawn.maxDelayMs;
    for (const retry of [0, 1, 5, 10]) {
      const waitMs = backoff({ retry: 'throttled', retryAfterMs }, retry, drawn, random);
      expect(waitMs).toBeGreaterThanOrEqual(retryAfterMs);
      expect(waitMs).toBeLessThanOrEqual(
        Math.ceil(Math.max(drawn.throttledDelayMs * 2 ** retry, retryAfterMs * 1.1)),
      );
    }
  }
});

test('spreads out those who were told the same time', () => {
  const told = { retry: 'throttled', retryAfterMs: 20_000 } as const;
  const waits = SEEDS.map((seed) => backoff(told, 0, settings, fakeRandom(seed)));
  expect(new Set(waits).size).toBeGreaterThan(90);
});

test('gives no wait at all when the upstream asks for more than the longest one', () => {
  expect(backoff({ retry: 'throttled', retryAfterMs: 30_000 }, 0, settings, always(0.9))).toBe(30_000);
  expect(backoff({ retry: 'throttled', retryAfterMs: 30_001 }, 0, settings, always(0))).toBeUndefined();
});

function drawSettings(random: Random): BackoffSettings {
  // Whole numbers, as options usually are; the longest wait is one, or no whole wait could reach it.
  const draw = (bound: number): number => Math.floor(random.next() * bound);
  return { baseDelayMs: draw(5_000), throttledDelayMs: draw(20_000), maxDelayMs: draw(120_000) };
}

function always(value: number): Random {
  return { next: () => value, uuid: () => '' };
}
