import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ContentTimes } from './content-times.ts';

test('knows nothing of a kind until it has seen enough of it', () => {
  const times = new ContentTimes(20);
  for (let ms = 1; ms < 20; ms++) times.add('one', ms);
  times.add('other', 5);
  expect(times.p95('one')).toBeUndefined();
  times.add('one', 20);
  expect(times.p95('one')).toBe(19);
  expect(times.p95('other')).toBeUndefined();
  expect(times.p95('none')).toBeUndefined();
});

test('has 95 of 100 of the last 128 at or below it', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(100_000), { minLength: 20, maxLength: 400 }), (all) => {
      const times = new ContentTimes(20);
      for (const ms of all) times.add('one', ms);
      const last = all.slice(-128);
      const p95 = times.p95('one') as number;
      expect(last).toContain(p95);
      expect(last.filter((ms) => ms <= p95).length).toBeGreaterThanOrEqual(last.length * 0.95);
      expect(last.filter((ms) => ms < p95).length).toBeLessThan(last.length * 0.95);
    }),
  );
});

test('moves with the times, at most eight of them late', () => {
  const times = new ContentTimes(20);
  for (let n = 0; n < 128; n++) times.add('one', 100);
  expect(times.p95('one')).toBe(100);
  for (let n = 0; n < 14; n++) {
    times.add('one', 5_000);
    times.p95('one');
  }
  expect(times.p95('one')).toBe(5_000);
  for (let n = 0; n < 136; n++) times.add('one', 200);
  expect(times.p95('one')).toBe(200);
});

test('keeps 256 kinds, and forgets the one that came first', () => {
  const times = new ContentTimes(0);
  for (let kind = 0; kind < 257; kind++) times.add(String(kind), kind);
  expect(times.p95('0')).toBeUndefined();
  expect(times.p95('1')).toBe(1);
  expect(times.p95('256')).toBe(256);
});
