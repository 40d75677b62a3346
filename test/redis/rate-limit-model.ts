import type { Claim, LimitStore } from '@sluice/rate-limit';
import fc from 'fast-check';
import { expect } from 'vitest';
import { rateClaim, reservation, slotClaim, windowClaim } from './rate-limit-claims.ts';

/** One thing that happens to a store. */
export type Step =
  | { readonly do: 'reserve'; readonly id: string; readonly claims: readonly Claim[] }
  | {
      readonly do: 'settle';
      readonly id: string;
      readonly actual: readonly number[];
      readonly granted: boolean;
    };

const cost = fc.integer({ min: 0, max: 6 });
const enforced = fc.boolean();
const claims: fc.Arbitrary<readonly Claim[]> = fc
  .tuple(cost, cost, cost, enforced, enforced, fc.subarray([0, 1, 2, 3], { minLength: 1 }))
  .map(([a, b, c, one, other, chosen]) => {
    const all: readonly Claim[] = [
      rateClaim('r:a', a, { limit: 10, enforced: one }),
      // No whole number of microseconds each.
      rateClaim('r:b', b, { limit: 7, burst: 5, enforced: other }),
      windowClaim('w:c', c, { limit: 12, enforced: one }),
      slotClaim('s:d', { limit: 3, enforced: other }),
    ];
    return chosen.map((i) => all[i] as Claim);
  });
// Few ids: the same one is reserved again, settled twice, settled before it is reserved.
const id = fc.integer({ min: 0, max: 7 }).map(String);
const actual = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 4, maxLength: 4 });

/** What happens, in any order. */
export const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ do: fc.constant('reserve' as const), id, claims }) },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('settle' as const), id, actual, granted: fc.boolean() }),
    },
  ),
  { maxLength: 24 },
);

/** A reservation as the model knows it: what each claim has charged; undefined where it was not charged. */
interface Held {
  readonly claims: readonly Claim[];
  readonly charged: readonly (number | undefined)[];
}

/** What is used by key, in plain numbers, while no time passes. */
class Model {
  readonly used = new Map<string, number>();
  readonly held = new Map<string, Held | 'settled'>();
  readonly seen = new Map<string, readonly Claim[]>();

  reserve(id: string, claims: readonly Claim[]): boolean {
    this.seen.set(id, this.seen.get(id) ?? claims);
    if (this.held.has(id)) return true;
    const fits = claims.map((claim) => this.of(claim) + claim.cost <= bound(claim));
    if (claims.some((claim, i) => claim.enforced && fits[i] === false)) return false;
    claims.forEach((claim, i) => {
      if (fits[i] === true) this.add(claim, claim.cost);
    });
    this.held.set(id, {
      claims,
      charged: claims.map((claim, i) => (fits[i] === true ? claim.cost : undefined)),
    });
    return true;
  }

  settle(id: string, claims: readonly Claim[], actual: readonly number[], granted: boolean): void {
    const held = this.held.get(id);
    if (held === 'settled' || (granted && held === undefined)) return;
    claims.forEach((claim, i) => {
      const charged = held === undefined ? 0 : held.charged[i];
      if (charged === undefined) return;
      if (claim.kind === 'slot') this.add(claim, held === undefined ? 0 : -1);
      else this.add(claim, (actual[i] as number) - charged);
    });
    if (granted) this.held.delete(id);
    else this.held.set(id, 'settled');
  }

  of({ key }: Claim): number {
    return this.used.get(key) ?? 0;
  }

  add(claim: Claim, units: number): void {
    this.used.set(claim.key, this.of(claim) + units);
  }
}

function bound(claim: Claim): number {
  return claim.kind === 'rate' ? claim.rate.burst : claim.limit;
}

/** Does the same to a store and to the model, and compares them after each step. */
export async function agreesWithModel(store: LimitStore, group: string, run: readonly Step[]): Promise<void> {
  const model = new Model();
  for (const step of run) {
    if (step.do === 'reserve') {
      const claims = heldClaims(model, step.id) ?? step.claims;
      const expected = model.reserve(step.id, claims);
      const { admitted, states } = await store.reserve(reservation(step.id, claims, { group }));
      expect(admitted).toBe(expected);
      expect(states.map((state) => state?.remaining)).toEqual(
        claims.map((claim) => bound(claim) - model.of(claim)),
      );
    } else {
      // Whoever settles knows what was, or was to be, reserved.
      const claims = heldClaims(model, step.id) ?? [
        rateClaim('r:a', 1),
        windowClaim('w:c', 1, { limit: 12 }),
      ];
      const { actual, granted } = step;
      model.settle(step.id, claims, actual, granted);
      await store.settle({ reservation: reservation(step.id, claims, { group }), actual, granted });
    }
  }
}

function heldClaims(model: Model, id: string): readonly Claim[] | undefined {
  const held = model.held.get(id);
  return held === undefined || held === 'settled' ? undefined : held.claims;
}
