import { fakeRandom } from '@sluice/core/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RetryBudget } from './budget.ts';

const DEFAULTS = { ratio: 0.2, reserve: 10 };

/** Withdraws until there is nothing left. */
function drain(budget: RetryBudget, now: number): number {
  let count = 0;
  while (budget.withdraw(now)) count++;
  return count;
}

test('holds the reserve when there were no calls, and fills up again within ten minutes', () => {
  const budget = new RetryBudget(DEFAULTS, 0);
  expect(drain(budget, 0)).toBe(10);
  expect(drain(budget, 60_000)).toBe(1);
  expect(drain(budget, 3_600_000)).toBe(10);
});

test('holds more with each call, by its share', () => {
  const budget = new RetryBudget({ ratio: 0.25, reserve: 0 }, 0);
  for (let call = 0; call < 100; call++) budget.deposit(0);
  expect(drain(budget, 0)).toBe(25);
});

test('lets the first calls pay for the reserve', () => {
  const budget = new RetryBudget(DEFAULTS, 0);
  for (let call = 0; call < 50; call++) budget.deposit(0);
  expect(drain(budget, 0)).toBe(10);
  for (let call = 0; call < 50; call++) budget.deposit(0);
  expect(drain(budget, 0)).toBe(10);
});

test('forgets the calls of an hour ago', () => {
  const budget = new RetryBudget(DEFAULTS, 0);
  for (let call = 0; call < 10_000; call++) budget.deposit(0);
  expect(drain(budget, 3_600_000)).toBe(10);
});

test.each([0.5, 1, 10, 100, 1_000])(
  'costs an outage of 5,000 calls, %d a second, a fifth more and not one in a hundred on top',
  (callsPerSecond) => {
    const budget = new RetryBudget(DEFAULTS, 0);
    const calls = 5_000;
    let attempts = 0;
    for (let call = 0; call < calls; call++) {
      const now = (call * 1_000) / callsPerSecond;
      budget.deposit(now);
      attempts++;
      for (let retry = 0; retry < 2; retry++) if (budget.withdraw(now)) attempts++;
    }
    expect(attempts).toBeLessThanOrEqual(calls * 1.2 + 1);
    expect(attempts).toBeGreaterThan(calls * 1.19);
  },
);

test('never allows more than the share of all calls, and the reserve', () => {
  const step = fc.record({ calls: fc.nat(40), waitMs: fc.nat(20_000) });
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.nat(20),
      fc.array(step, { maxLength: 60 }),
      fc.nat(),
      (ratio, reserve, steps, seed) => {
        const random = fakeRandom(seed);
        const budget = new RetryBudget({ ratio, reserve }, 0);
        let now = 0;
        let allCalls = 0;
        let retries = 0;
        for (const { calls, waitMs } of steps) {
          for (let call = 0; call < calls; call++) {
            budget.deposit(now);
            allCalls++;
            if (random.next() < 0.9) retries += drain(budget, now);
          }
          now += waitMs;
        }
        // What the reserve refills by the clock, calls pay for later: of it, no more than once is outstanding.
        const refilled = (reserve * now) / 600_000;
        expect(retries).toBeLessThanOrEqual(allCalls * ratio + reserve + refilled + 1e-6);
      },
    ),
  );
});
