import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Histogram } from './histogram.ts';

test('quantiles are off by a sixteenth at most, and bars hold every time once', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 4e6, noNaN: true }), { minLength: 1, maxLength: 200 }),
      (times) => {
        const histogram = new Histogram();
        for (const ms of times) histogram.record(ms, 0);
        const view = histogram.view(0);
        const sorted = times.toSorted((a, b) => a - b);
        for (const [share, told] of [
          [0.5, view.p50],
          [0.95, view.p95],
          [0.99, view.p99],
        ] as const) {
          const exact = sorted[Math.ceil(share * sorted.length) - 1] as number;
          expect(Math.abs((told as number) - exact)).toBeLessThanOrEqual(Math.max(exact / 15, 0.0626));
        }
        expect(view.count).toBe(times.length);
        for (const { fromMs, toMs, count } of view.bars)
          expect(count).toBe(times.filter((ms) => ms >= fromMs && ms < toMs).length);
        expect(view.bars.reduce((sum, { count }) => sum + count, 0)).toBe(times.length);
      },
    ),
  );
});

test('bars touch each other, two to a doubling, from the first time to the last', () => {
  const histogram = new Histogram();
  for (const ms of [1.2, 3.9]) histogram.record(ms, 0);
  expect(histogram.view(0).bars).toEqual([
    { fromMs: 1, toMs: 1.5, count: 1 },
    { fromMs: 1.5, toMs: 2, count: 0 },
    { fromMs: 2, toMs: 3, count: 0 },
    { fromMs: 3, toMs: 4, count: 1 },
  ]);
});

test('times beyond all bounds count at the ends', () => {
  const histogram = new Histogram();
  for (const ms of [-5, 1e12, Infinity]) histogram.record(ms, 0);
  const { count, bars } = histogram.view(0);
  expect(count).toBe(3);
  expect(bars.at(0)).toMatchObject({ fromMs: 0, count: 1 });
  expect(bars.at(-1)).toMatchObject({ toMs: 2 ** 22, count: 2 });
});

test('nothing is nothing, and after five minutes again', () => {
  const histogram = new Histogram();
  const nothing = { count: 0, p50: undefined, p95: undefined, p99: undefined, bars: [] };
  expect(histogram.view(0)).toEqual(nothing);
  histogram.record(5, 0);
  expect(histogram.view(300_000)).toEqual(nothing);
});
