import { fakeClock } from '@sluice/core/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Grant, memoryLimitStore, rateOf } from './index.ts';

/** The same algorithm in exact fractions: the backlog times the limit, in whole numbers of any size. */
class Exact {
  #backlog = 0n;
  #at = 0n;
  readonly #limit: bigint;
  readonly #windowUs: bigint;
  readonly #burst: bigint;

  constructor(limit: number, windowMs: number, burst: number) {
    this.#limit = BigInt(limit);
    this.#windowUs = BigInt(windowMs) * 1000n;
    this.#burst = BigInt(burst);
  }

  take(cost: number, nowUs: bigint): boolean {
    const worked = (nowUs - this.#at) * this.#limit;
    this.#backlog = this.#backlog > worked ? this.#backlog - worked : 0n;
    this.#at = nowUs;
    const after = this.#backlog + BigInt(cost) * this.#windowUs;
    if (after > this.#burst * this.#windowUs) return false;
    this.#backlog = after;
    return true;
  }
}

describe('a rate', () => {
  test('decides as exact fractions do, for any limit, window, burst, costs and times', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 1_000_000 }),
        fc.integer({ min: 1_000, max: 2_678_400_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat({ max: 60_000 })), {
          maxLength: 60,
        }),
        async (limit, windowMs, burstShare, steps) => {
          const burst = Math.max(1, Math.floor(limit * burstShare));
          const clock = fakeClock();
          const store = memoryLimitStore({ clock });
          const exact = new Exact(limit, windowMs, burst);
          const rate = rateOf(limit, windowMs, burst);
          let now = 0;
          for (const [n, [share, pauseMs]] of steps.entries()) {
            const cost = Math.floor(share * burst);
            const claims = [{ kind: 'rate', key: 'k', cost, enforced: true, rate } as const];
            const grant = store.reserve({ id: `id${n}`, group: 'g', claims, leaseMs: 1_000 }) as Grant;
            expect(grant.admitted).toBe(exact.take(cost, BigInt(now) * 1000n));
            await clock.advance(pauseMs);
            now += pauseMs;
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  test('never lets more than burst and refill pass in any stretch of time', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.array(fc.nat({ max: 400 }), { maxLength: 200 }),
        (limit, pauses) => {
          const admitted: number[] = [];
          let now = 0;
          const clock = { ...fakeClock(), now: () => now };
          const store = memoryLimitStore({ clock });
          const rate = rateOf(limit, 1_000);
          for (const [n, pause] of pauses.entries()) {
            now += pause;
            const claims = [{ kind: 'rate', key: 'k', cost: 1, enforced: true, rate } as const];
            if ((store.reserve({ id: `${n}`, group: '', claims, leaseMs: 1 }) as Grant).admitted)
              admitted.push(now);
          }
          for (let from = 0; from < admitted.length; from++)
            for (let to = from; to < admitted.length; to++) {
              const length = (admitted[to] as number) - (admitted[from] as number);
              expect(to - from + 1).toBeLessThanOrEqual(limit + Math.floor((length * limit) / 1_000));
            }
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('memory', () => {
  test('is bounded, whatever keys a stranger names; whoever has used most is remembered longest', () => {
    const store = memoryLimitStore({ clock: fakeClock(), maxKeys: 100 });
    const rate = rateOf(10, 60_000);
    const take = (key: string, cost: number): Grant =>
      store.reserve({
        id: `${key}-${cost}`,
        group: 'g',
        claims: [{ kind: 'rate', key, cost, enforced: true, rate }],
        leaseMs: 1_000,
      }) as Grant;
    take('victim', 10);
    for (let n = 0; n < 10_000; n++) take(`stranger-${n}`, 1);
    expect(take('victim', 1).admitted).toBe(false);
  });
});
