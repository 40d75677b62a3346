import { expect, test } from 'vitest';
import { EndpointState } from './endpoint-state.ts';
import { Latency, Pace, type Waiting } from './latency.ts';

const waiting = (startedAt: number): Waiting => ({
  startedAt,
  older: undefined,
  newer: undefined,
  listed: false,
});

/** So many calls went somewhere, to whichever endpoint. */
function choose(latency: Latency, times: number): void {
  for (let i = 0; i < times; i++) {
    const one = waiting(0);
    latency.began(one);
    latency.ended(one);
  }
}

test('a time above the average replaces it, one below draws it down', () => {
  const latency = new Latency(new Pace(), 0);
  expect(latency.estimate(0)).toBe(1_000);
  latency.answered(800, 0);
  expect(latency.estimate(0)).toBe(800);
  latency.answered(5_000, 0);
  expect(latency.estimate(0)).toBe(5_000);
  latency.answered(500, 100);
  expect(latency.estimate(100)).toBeGreaterThan(4_900);
  for (let now = 200; now < 60_000; now += 100) latency.answered(500, now);
  expect(latency.estimate(60_000)).toBeLessThan(600);
});

test('an endpoint that has answered nothing yet is taken for a usual one', () => {
  const pace = new Pace();
  const [known, unknown] = [new Latency(pace, 0), new Latency(pace, 0)];
  expect(unknown.estimate(0)).toBe(1_000);
  known.answered(300, 0);
  expect(unknown.estimate(0)).toBe(300);
  known.answered(0, 10);
  expect(unknown.estimate(10)).toBe(270);
  unknown.answered(0, 10);
  expect(unknown.estimate(10)).toBe(1);
});

test('what gets nothing is forgotten: by a third in ten seconds, but only while calls go elsewhere', () => {
  const pace = new Pace();
  const [slow, other] = [new Latency(pace, 0), new Latency(pace, 0)];
  slow.answered(5_000, 0);
  expect(slow.estimate(60_000)).toBe(5_000);
  choose(other, 10);
  expect(slow.estimate(60_000)).toBeCloseTo(5_000 / Math.E);
  choose(other, 1_000);
  expect(slow.estimate(10_000)).toBeCloseTo(5_000 / Math.E);
});

test('a call that waits counts with its age, the oldest of them first', () => {
  const latency = new Latency(new Pace(), 0);
  const calls = [waiting(0), waiting(1_000), waiting(2_000)] as const;
  for (const call of calls) latency.began(call);
  expect(latency.estimate(9_000)).toBe(9_000);
  latency.ended(calls[1]);
  latency.ended(calls[0]);
  latency.ended(calls[0]);
  expect(latency.estimate(9_000)).toBe(7_000);
  latency.ended(calls[2]);
  expect(latency.estimate(9_000)).toBeLessThanOrEqual(1_000);
  expect(latency.awaited).toBe(false);
});

test('a failure counts as ten times what is usual, or as long as it took', () => {
  const pace = new Pace();
  const [one, other] = [new Latency(pace, 0), new Latency(pace, 0)];
  for (let i = 0; i < 100; i++) other.answered(200, i);
  one.failed(5, 100);
  expect(one.estimate(100)).toBeGreaterThan(1_900);
  one.failed(60_000, 100);
  expect(one.estimate(100)).toBe(60_000);
});

test('what tells nothing of the speed leaves the estimate as it is', () => {
  const pace = new Pace();
  const latency = new Latency(pace, 0);
  latency.answered(700, 0);
  for (let now = 0; now < 60_000; now += 500) {
    choose(latency, 1);
    latency.touched(now);
  }
  expect(latency.estimate(59_500)).toBe(700);
});

test('after a failure comes a suspicion that doubles, up to ten seconds, and then one call at a time', () => {
  const state = new EndpointState('a', new Pace(), new Pace(), 0);
  const suspect = (now: number): boolean => state.expectedMs(true, now) > 1e8;
  expect(suspect(0)).toBe(false);
  for (const [failures, forMs] of [
    [1, 1_000],
    [2, 2_000],
    [3, 4_000],
    [4, 8_000],
    [5, 10_000],
    [6, 10_000],
  ] as const) {
    state.failed(100_000 * failures);
    expect(suspect(100_000 * failures + forMs - 1)).toBe(true);
    expect(suspect(100_000 * failures + forMs)).toBe(false);
  }
  const trial = waiting(700_000);
  state.streamed.began(trial);
  expect(suspect(700_000)).toBe(true);
  state.streamed.ended(trial);
  expect(suspect(700_000)).toBe(false);
  state.failuresInRow = 0;
  state.streamed.began(trial);
  expect(suspect(700_001)).toBe(false);
});
