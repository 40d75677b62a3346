import { describe, expect, it } from 'vitest';
import { fakeRandom } from './fake-random.ts';

describe('fakeRandom', () => {
  it('repeats itself for a seed and differs between seeds', () => {
    const take = (seed?: number): unknown[] => {
      const random = fakeRandom(seed);
      return [random.next(), random.uuid(), random.next(), random.uuid()];
    };
    expect(take(7)).toEqual(take(7));
    expect(take()).toEqual(take(1));
    expect(take(7)).not.toEqual(take(8));
  });

  it('spreads numbers evenly over [0, 1)', () => {
    const random = fakeRandom(42);
    const tenths = Array.from({ length: 10 }, () => 0);
    for (let n = 0; n < 10_000; n++) {
      const value = random.next();
      expect(value >= 0 && value < 1).toBe(true);
      tenths[Math.floor(value * 10)]! += 1;
    }
    for (const count of tenths) expect(count).toBeGreaterThan(850);
  });

  it('makes version 4 UUIDs, each another', () => {
    const random = fakeRandom();
    const uuids = Array.from({ length: 1000 }, () => random.uuid());
    for (const uuid of uuids) {
      expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    }
    expect(new Set(uuids).size).toBe(1000);
  });
});
