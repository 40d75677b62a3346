import type { Random } from '@sluice/core';
import { fakeRandom } from '@sluice/core/testing';
import { expect, test } from 'vitest';
import { backoff, type BackoffSettings, FAILOVER_JITTER_MS, failoverDelay } from './backoff.ts';

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
      const waits = SEEDS.map((seed) => backoff(kind, 0, retry, settings, fakeRandom(seed)));
      expect(Math.min(...(waits as number[]))).toBeLessThan(boundMs / 10);
      expect(Math.max(...(waits as number[]))).toBeGreaterThan((boundMs * 9) / 10);
      for (const waitMs of waits) expect(waitMs).toBeLessThanOrEqual(boundMs);
    }
  },
);

test('comes back at once, and only once, when the upstream was not reached', () => {
  expect(backoff('at-once', 0, 0, settings, always(0.5))).toBe(0);
  expect(backoff('at-once', 0, 1, settings, always(0.5))).toBe(500);
  // Unless an endpoint that was reached asked for time.
  expect(backoff('at-once', 700, 0, settings, always(0))).toBe(700);
});

test('is a whole number of milliseconds between 0 and the longest wait, whatever the settings', () => {
  for (const seed of SEEDS) {
    const random = fakeRandom(seed);
    const drawn = drawSettings(random);
    for (const retry of [0, 1, 5, 10]) {
      const waitMs = backoff('throttled', 0, retry, drawn, random);
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
      const waitMs = backoff('throttled', retryAfterMs, retry, drawn, random);
      expect(waitMs).toBeGreaterThanOrEqual(retryAfterMs);
      expect(waitMs).toBeLessThanOrEqual(
        Math.ceil(Math.max(drawn.throttledDelayMs * 2 ** retry, retryAfterMs * 1.1)),
      );
    }
  }
});

test('spreads out those who were told the same time', () => {
  const waits = SEEDS.map((seed) => backoff('throttled', 20_000, 0, settings, fakeRandom(seed)));
  expect(new Set(waits).size).toBeGreaterThan(90);
});

test('gives no wait at all when the upstream asks for more than the longest one', () => {
  expect(backoff('throttled', 30_000, 0, settings, always(0.9))).toBe(30_000);
  expect(backoff('throttled', 30_001, 0, settings, always(0))).toBeUndefined();
});

test('pauses for a moment before another endpoint is asked', () => {
  const pauses = SEEDS.map((seed) => failoverDelay(fakeRandom(seed)));
  for (const pauseMs of pauses) expect(pauseMs).toSatisfy(Number.isInteger);
  expect(Math.min(...pauses)).toBeLessThan(FAILOVER_JITTER_MS / 10);
  expect(Math.max(...pauses)).toBeGreaterThan((FAILOVER_JITTER_MS * 9) / 10);
  expect(failoverDelay(always(0.999_999))).toBe(FAILOVER_JITTER_MS);
});

function drawSettings(random: Random): BackoffSettings {
  // Whole numbers, as options usually are; the longest wait is one, or no whole wait could reach it.
  const draw = (bound: number): number => Math.floor(random.next() * bound);
  return { baseDelayMs: draw(5_000), throttledDelayMs: draw(20_000), maxDelayMs: draw(120_000) };
}

function always(value: number): Random {
  return { next: () => value, uuid: () => '' };
}
