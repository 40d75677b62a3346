import { fakeClock, fakeRandom } from '@sluice/core/testing';
import { expect, test } from 'vitest';
import { RetryBudget } from './budget.ts';

/** Withdraws until there is nothing left. */
function drain(budget: RetryBudget): number {
  let count = 0;
  while (budget.withdraw()) count++;
  return count;
}

test('holds the reserve when there were no calls, and fills up again within seconds', async () => {
  const clock = fakeClock();
  const budget = new RetryBudget(clock, { ratio: 0.2, reserve: 10 });
  expect(drain(budget)).toBe(10);
  await clock.advance(1_100);
  expect(drain(budget)).toBe(1);
  await clock.advance(60_000);
  expect(drain(budget)).toBe(9);
});

test('holds more with each call, by its share', () => {
  const budget = new RetryBudget(fakeClock(), { ratio: 0.25, reserve: 0 });
  for (let call = 0; call < 100; call++) budget.deposit();
  expect(drain(budget)).toBe(25);
});

test('forgets the calls of an hour ago', async () => {
  const clock = fakeClock();
  const budget = new RetryBudget(clock, { ratio: 0.2, reserve: 10 });
  for (let call = 0; call < 10_000; call++) budget.deposit();
  await clock.advance(3_600_000);
  expect(drain(budget)).toBe(10);
});

test('never allows more than the share, the reserve, and a reserve for each ten seconds', async () => {
  for (let seed = 0; seed < 50; seed++) {
    const clock = fakeClock();
    const random = fakeRandom(seed);
    const ratio = random.next();
    const reserve = random.next() * 20;
    const budget = new RetryBudget(clock, { ratio, reserve });
    let calls = 0;
    let retries = 0;
    for (let step = 0; step < 60; step++) {
      for (let call = random.next() * 20; call > 0; call--) {
        budget.deposit();
        calls++;
        if (random.next() < 0.9) retries += drain(budget);
      }
      await clock.advance(random.next() * 2_000);
    }
    expect(retries).toBeLessThanOrEqual(calls * ratio + reserve * (1 + clock.now() / 10_000));
  }
});
