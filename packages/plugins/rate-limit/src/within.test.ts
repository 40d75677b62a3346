import { setTimeout as sleep } from 'node:timers/promises';
import { fakeClock } from '@sluice/core/testing';
import { expect, test } from 'vitest';
import { TooLate, within } from './within.ts';

test('gives up after the time, and leaves no timer behind', async () => {
  const clock = fakeClock();
  const never = within(new Promise<number>(() => undefined), clock, 50);
  never.catch(() => undefined);
  await clock.advance(50);
  expect(clock.pendingTimers).toBe(1);
  await clock.advance(1);
  await expect(never).rejects.toBeInstanceOf(TooLate);
  expect(await within(Promise.resolve(7), clock, 50)).toBe(7);
  await expect(within(Promise.reject(new Error('no')), clock, 50)).rejects.toThrow('no');
  expect(clock.pendingTimers).toBe(0);
});

test('takes an answer that was there in time, though the process was too busy to read it', async () => {
  const clock = fakeClock();
  const { promise, resolve } = Promise.withResolvers<number>();
  const answer = within(promise, clock, 50);
  const passing = clock.advance(50);
  resolve(7);
  await passing;
  await sleep(0);
  expect(await answer).toBe(7);
});
