import type { LimitStore } from '@sluice/rate-limit';
import { describe, expect, test } from 'vitest';
import { rateClaim, reservation, slotClaim, windowClaim } from './rate-limit-claims.ts';

/** A store under test. Each test has a group of its own in it, or a store. */
export interface StoreCase {
  readonly store: LimitStore;
  /** Lets time pass. */
  advance(ms: number): Promise<void>;
}

/** What every store of limits has to do. */
export function limitStoreConformance(storeCase: () => StoreCase): void {
  let groups = 0;
  const inGroup = () => {
    const group = `test-${++groups}`;
    const { store, advance } = storeCase();
    let ids = 0;
    const reserve = (claims: Parameters<typeof reservation>[1], id = `id-${++ids}`, leaseMs = 60_000) =>
      Promise.resolve(store.reserve(reservation(id, claims, { group, leaseMs })));
    const admits = async (...claims: Parameters<typeof reservation>[1]) => (await reserve(claims)).admitted;
    const settle = async (
      id: string,
      claims: Parameters<typeof reservation>[1],
      actual: readonly number[],
      granted = true,
    ) => store.settle({ reservation: reservation(id, claims, { group }), actual, granted });
    const left = async (...claims: Parameters<typeof reservation>[1]) =>
      (await reserve(claims, '')).states.map((state) => state?.remaining);
    return { store, group, advance, reserve, admits, settle, left };
  };

  describe('a rate', () => {
    test.each([1, 3, 7, 60, 1_000])('of %i a day admits exactly so many at once', async (limit) => {
      const { reserve } = inGroup();
      const claim = rateClaim('r', 1, { limit });
      for (let left = limit - 1; left >= 0; left--) {
        const { admitted, states } = await reserve([claim]);
        expect({ admitted, remaining: states[0]?.remaining }).toEqual({ admitted: true, remaining: left });
      }
      const { admitted, states } = await reserve([claim]);
      expect(admitted).toBe(false);
      expect(states[0]).toMatchObject({ ok: false, remaining: 0 });
      const each = 86_400_000 / limit;
      expect(states[0]?.retryAfterMs).toBeGreaterThan(each * 0.5);
      expect(states[0]?.retryAfterMs).toBeLessThanOrEqual(Math.ceil(each) + 1);
      expect(states[0]?.resetMs).toBeLessThanOrEqual(86_400_001);
    });

    test('counts what each call costs; a refusal takes nothing, and neither does a look', async () => {
      const { admits, left } = inGroup();
      expect(await admits(rateClaim('r', 7))).toBe(true);
      expect(await admits(rateClaim('r', 4))).toBe(false);
      expect(await left(rateClaim('r', 0))).toEqual([3]);
      expect(await admits(rateClaim('r', 3))).toBe(true);
      expect(await admits(rateClaim('r', 0))).toBe(true);
      expect(await left(rateClaim('r', 1))).toEqual([0]);
    });

    test('gives back as time goes by', async () => {
      const { admits, advance } = inGroup();
      const claim = rateClaim('r', 1, { limit: 5, windowMs: 1_000, burst: 1 });
      expect(await admits(claim)).toBe(true);
      expect(await admits(claim)).toBe(false);
      await advance(210);
      expect(await admits(claim)).toBe(true);
      expect(await admits(claim)).toBe(false);
    });

    test('that is spaced admits one after the other, whatever its size', async () => {
      const { reserve, advance } = inGroup();
      const claim = rateClaim('r', 3, { limit: 10, windowMs: 1_000, spaced: true });
      expect((await reserve([claim])).admitted).toBe(true);
      const { admitted, states } = await reserve([claim]);
      expect(admitted).toBe(false);
      expect(states[0]?.retryAfterMs).toBeGreaterThan(0);
      expect(states[0]?.retryAfterMs).toBeLessThanOrEqual(300);
      await advance(310);
      expect((await reserve([claim])).admitted).toBe(true);
    });

    test('takes back what was reserved too much, and charges what was used beyond it', async () => {
      const { reserve, settle, left } = inGroup();
      const claim = rateClaim('r', 8);
      await reserve([claim], 'one');
      await settle('one', [claim], [2]);
      expect(await left(claim)).toEqual([8]);
      await reserve([claim], 'two');
      await settle('two', [claim], [15]);
      expect(await left(claim)).toEqual([-7]);
    });

    test('does not take back what time has given back already', async () => {
      const { reserve, settle, left, advance } = inGroup();
      const claim = rateClaim('r', 100, { limit: 100, windowMs: 200 });
      await reserve([claim], 'long');
      await advance(250);
      const other = rateClaim('r', 0, { limit: 100, windowMs: 100_000 });
      await reserve([{ ...other, cost: 50 }], 'other');
      await settle('long', [claim], [0]);
      expect(await left(other)).toEqual([50]);
    });
  });

  describe('a decision', () => {
    test('charges all of its claims or none', async () => {
      const { admits, left } = inGroup();
      const full = rateClaim('full', 10);
      expect(await admits(full)).toBe(true);
      for (const claims of [
        [rateClaim('a', 1), windowClaim('w', 1), slotClaim('s'), full],
        [full, rateClaim('a', 1), windowClaim('w', 1), slotClaim('s')],
      ]) {
        expect(await admits(...claims)).toBe(false);
      }
      expect(await left(rateClaim('a', 0), windowClaim('w', 0), slotClaim('s'))).toEqual([10, 10, 2]);
    });

    test('does not depend on what is not enforced, and charges that where it fits', async () => {
      const { reserve, left } = inGroup();
      const shadow = (cost: number) => rateClaim('shadow', cost, { enforced: false });
      expect((await reserve([rateClaim('a', 1), shadow(8)])).states.map((state) => state?.ok)).toEqual([
        true,
        true,
      ]);
      const second = await reserve([rateClaim('a', 1), shadow(3)]);
      expect(second.admitted).toBe(true);
      expect(second.states.map((state) => state?.ok)).toEqual([true, false]);
      expect(await left(rateClaim('a', 0), shadow(0))).toEqual([8, 2]);
    });

    test('that is made twice is made once', async () => {
      const { reserve, left } = inGroup();
      const claims = [rateClaim('a', 3), windowClaim('w', 4), slotClaim('s')];
      expect((await reserve(claims, 'same')).admitted).toBe(true);
      expect((await reserve(claims, 'same')).admitted).toBe(true);
      expect(await left(...claims)).toEqual([7, 6, 1]);
    });

    test('is settled once', async () => {
      const { reserve, settle, left } = inGroup();
      const claims = [rateClaim('a', 3), windowClaim('w', 4), slotClaim('s')];
      await reserve(claims, 'same');
      await settle('same', claims, [5, 1, 1]);
      await settle('same', claims, [5, 1, 1]);
      expect(await left(...claims)).toEqual([5, 9, 2]);
    });

    test('that nobody heard the answer of is settled all the same, before or after it takes effect', async () => {
      const { reserve, settle, left } = inGroup();
      const claims = [rateClaim('a', 3), windowClaim('w', 4), slotClaim('s')];
      await reserve(claims, 'late');
      for (let n = 0; n < 2; n++) await settle('late', claims, [5, 1, 1], false);
      expect(await left(...claims)).toEqual([5, 9, 2]);
      for (let n = 0; n < 2; n++) await settle('early', claims, [1, 2, 1], false);
      expect((await reserve(claims, 'early')).admitted).toBe(true);
      expect(await left(...claims)).toEqual([4, 7, 2]);
    });

    test('tells the time of the store', async () => {
      const { reserve } = inGroup();
      expect((await reserve([rateClaim('a', 1)])).wallTime).toBeGreaterThan(Date.UTC(2025, 0, 1));
    });
  });

  describe('a window', () => {
    test('admits up to its limit, and charges what was used', async () => {
      const { reserve, admits, settle, left } = inGroup();
      await reserve([windowClaim('w', 6)], 'one');
      expect(await admits(windowClaim('w', 5))).toBe(false);
      await settle('one', [windowClaim('w', 6)], [1]);
      expect(await admits(windowClaim('w', 9))).toBe(true);
      expect(await left(windowClaim('w', 0))).toEqual([0]);
    });

    test('tells when it ends', async () => {
      const { store, group } = inGroup();
      const { wallTime } = await store.reserve(reservation('', [], { group }));
      const claim = windowClaim('w', 11, { endsAt: wallTime + 90_000 });
      const { states } = await store.reserve(reservation('x', [claim], { group }));
      expect(states[0]?.retryAfterMs).toBeGreaterThan(80_000);
      expect(states[0]?.retryAfterMs).toBeLessThanOrEqual(90_001);
    });

    test('gives back what nobody settles, but for what is known to be used', async () => {
      const { reserve, settle, left, advance } = inGroup();
      const claim = windowClaim('w', 6, { floor: 2 });
      await reserve([claim], 'lost', 100);
      expect(await left(claim)).toEqual([4]);
      await advance(150);
      expect(await left(claim)).toEqual([8]);
      // It was only late: what it used is charged once.
      await settle('lost', [claim], [5]);
      expect(await left(claim)).toEqual([5]);
    });
  });

  describe('places', () => {
    test('are held until they are given back', async () => {
      const { reserve, admits, settle } = inGroup();
      const claim = slotClaim('s');
      await reserve([claim], 'one');
      await reserve([claim], 'two');
      expect(await admits(claim)).toBe(false);
      await settle('one', [claim], [1]);
      expect(await admits(claim)).toBe(true);
      expect(await admits(claim)).toBe(false);
    });

    test('come back when their holder is gone, and not while it renews them', async () => {
      const { store, group, reserve, admits, advance } = inGroup();
      const claim = slotClaim('s', { leaseMs: 200 });
      await reserve([claim], 'dead');
      await reserve([claim], 'alive');
      await advance(120);
      await store.renew({ key: 's', group, ids: ['alive'], leaseMs: 200 });
      await advance(120);
      expect(await admits(claim)).toBe(true);
      expect(await admits(claim)).toBe(false);
    });
  });

  describe('what an upstream says of its limit', () => {
    test('lowers what is left, and never raises it', async () => {
      const { store, group, admits, left } = inGroup();
      const claim = rateClaim('r', 0);
      await store.lower({ claim, group, remaining: 4, blockedMs: 0 });
      expect(await left(claim)).toEqual([4]);
      await store.lower({ claim, group, remaining: 9, blockedMs: 0 });
      expect(await left(claim)).toEqual([4]);
      expect(await admits(rateClaim('r', 5))).toBe(false);
    });

    test('may block it for a time', async () => {
      const { store, group, admits, advance } = inGroup();
      const claim = rateClaim('r', 1, { limit: 1_000, windowMs: 1_000 });
      await store.lower({ claim, group, remaining: 0, blockedMs: 150 });
      expect(await admits(claim)).toBe(false);
      await advance(170);
      expect(await admits(claim)).toBe(true);
    });
  });
}
