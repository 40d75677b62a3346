import { describe, expect, it } from 'vitest';
import { median, quantile } from './quantile.ts';

describe('quantile', () => {
  it('is a value where it falls on one, and between two where it falls between', () => {
    expect(quantile([40, 10, 30, 20, 50], 0.25)).toBe(20);
    expect(quantile([10, 20], 0.99)).toBeCloseTo(19.9);
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });

  it('is the only value, and not a number without values', () => {
    expect(quantile([7], 0.99)).toBe(7);
    expect(median([])).toBeNaN();
  });

  it('leaves the values as they are', () => {
    const values = [3, 1, 2];
    median(values);
    expect(values).toEqual([3, 1, 2]);
  });
});
