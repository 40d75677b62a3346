import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { CLOCK, type Clock } from './clock.ts';
import { RANDOM, type Random } from './random.ts';
import { embeddedDefault } from './token.ts';

const clock = embeddedDefault(CLOCK)?.create({}) as Clock;
const random = embeddedDefault(RANDOM)?.create({}) as Random;

it('the clock tells monotonic and wall time', () => {
  const before = clock.now();
  expect(clock.now()).toBeGreaterThanOrEqual(before);
  expect(Math.abs(clock.wallTime() - Date.now())).toBeLessThan(1_000);
});

it('a wait beyond what Node can wait is long, not short', async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning);
  process.on('warning', onWarning);
  const timers = [Infinity, Number.MAX_SAFE_INTEGER, 2 ** 31].map((ms) =>
    clock.setTimeout(() => expect.unreachable(), ms),
  );
  await nextTurn();
  for (const timer of timers) clock.clearTimeout(timer);
  process.off('warning', onWarning);
  expect(warnings).toEqual([]);
});

it('a timer fires, can be withdrawn, and keeps no process alive unasked', async () => {
  const withdrawn = clock.setTimeout(() => expect.unreachable(), 0);
  clock.clearTimeout(withdrawn);
  clock.clearTimeout(withdrawn);
  await new Promise<void>((resolve) => void clock.setTimeout(resolve, 1));
  const timer = clock.setTimeout(() => undefined, 60_000) as NodeJS.Timeout;
  expect(timer.hasRef()).toBe(false);
  clock.clearTimeout(timer);
  const holding = clock.setTimeout(() => undefined, 60_000, true) as NodeJS.Timeout;
  expect(holding.hasRef()).toBe(true);
  clock.clearTimeout(holding);
});

it('chance is a number in [0, 1) and a UUID of version 4', () => {
  const number = random.next();
  expect(number >= 0 && number < 1).toBe(true);
  expect(random.uuid()).toMatch(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
});
