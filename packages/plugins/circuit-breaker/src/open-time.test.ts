import { fakeRandom } from '@sluice/core/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openTime } from './open-time.ts';

test('an open time is never below what was asked for, grows, and has a bound', () => {
  fc.assert(
    fc.property(
      fc.nat({ max: 2_000 }),
      fc.integer({ min: -1_000, max: 600_000 }),
      fc.integer({ min: 1, max: 10_000 }),
      fc.integer({ min: 10_000, max: 1_000_000 }),
      fc.nat(),
      (reopened, floorMs, openMs, maxOpenMs, seed) => {
        const time = openTime(reopened, floorMs, { openMs, maxOpenMs }, fakeRandom(seed));
        const least = Math.max(floorMs, Math.min(maxOpenMs, openMs * 2 ** reopened));
        expect(Number.isInteger(time)).toBe(true);
        expect(time).toBeGreaterThanOrEqual(least);
        expect(time).toBeLessThanOrEqual(Math.ceil(least * 1.1));
      },
    ),
  );
});
