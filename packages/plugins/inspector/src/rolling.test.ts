import { describe, expect, test } from 'vitest';
import { Ring } from './ring.ts';
import { RollingRow, RollingTable } from './rolling.ts';
import { Seconds } from './seconds.ts';

const MINUTE = 60_000;

describe('a rolling row', () => {
  test('forgets what is five minutes old, a minute at a time', () => {
    const row = new RollingRow(2);
    row.add(0, 0);
    row.add(1, 90_000, 10);
    row.add(0, 4 * MINUTE);
    expect(row.totals(4 * MINUTE)).toEqual([2, 10]);
    expect(row.totals(5 * MINUTE)).toEqual([1, 10]);
    expect(row.totals(6 * MINUTE)).toEqual([1, 0]);
    expect(row.totals(60 * MINUTE)).toEqual([0, 0]);
    row.add(1, 60 * MINUTE);
    expect(row.totals(60 * MINUTE)).toEqual([0, 1]);
  });
});

describe('a rolling table', () => {
  test('lets the name go that was not used for longest', () => {
    const table = new RollingTable(1, 2);
    for (const name of ['a', 'b', 'a', 'c']) table.row(name).add(0, 0);
    expect(table.totals(0)).toEqual([
      ['a', [2]],
      ['c', [1]],
    ]);
    expect(table.totals(5 * MINUTE)).toEqual([]);
  });
});

describe('the seconds', () => {
  test('end with the present one, and are zero where nothing was', () => {
    const seconds = new Seconds(2);
    seconds.add(0, 10_000);
    seconds.add(0, 10_999);
    seconds.add(1, 12_000, 5);
    expect(seconds.last(4, 13_500)).toEqual([
      [2, 0],
      [0, 0],
      [0, 5],
      [0, 0],
    ]);
    expect(seconds.last(9_000, 13_500)).toHaveLength(300);
  });

  test('come round after five minutes without what was there before', () => {
    const seconds = new Seconds(1);
    for (let second = 0; second < 700; second++) seconds.add(0, second * 1_000);
    expect(seconds.last(300, 699_000)).toEqual(Array.from({ length: 300 }, () => [1]));
    expect(
      seconds
        .last(300, 850_000)
        .flat()
        .filter((n) => n > 0),
    ).toHaveLength(149);
    expect(
      seconds
        .last(300, 9_000_000)
        .flat()
        .some((n) => n > 0),
    ).toBe(false);
  });
});

describe('a ring', () => {
  test('gives what was added since, as far as it is still there', () => {
    const ring = new Ring<number>(3);
    expect(ring.since(0)).toEqual([]);
    for (let n = 1; n <= 5; n++) ring.push(n);
    expect(ring.count).toBe(5);
    expect(ring.since(0)).toEqual([3, 4, 5]);
    expect(ring.since(4)).toEqual([5]);
    expect(ring.since(5)).toEqual([]);
  });
});
