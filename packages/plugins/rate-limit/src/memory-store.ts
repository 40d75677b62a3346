import type { Clock } from '@sluice/core';
import { Bounded } from './bounded.ts';
import { type Counter, counterFor, RateCounter, SlotCounter } from './counters.ts';
import {
  type Claim,
  type ClaimState,
  type Grant,
  type LimitStore,
  type Lowering,
  type Renewal,
  type Reservation,
  SETTLED_MS,
  type Settlement,
} from './store.ts';

/** How long a reservation outlives its lease. */
const GRACE_US = 60_000_000;

/** Options of {@link memoryLimitStore}. */
export interface MemoryLimitStoreOptions {
  /** Where time comes from. */
  readonly clock: Clock;
  /**
   * Most keys that are counted. Beyond, the key that would be full again soonest is forgotten.
   *
   * @default 100_000
   */
  readonly maxKeys?: number;
}

/** A reservation that was admitted, or one that was settled before it arrived. */
interface Held {
  readonly expiresAt: number;
  /** For each claim that was charged, what `settle` needs to know of it; undefined: settled. */
  readonly marks: readonly (number | undefined)[] | undefined;
}

/** Counts limits in the memory of this process. */
export function memoryLimitStore({ clock, maxKeys = 100_000 }: MemoryLimitStoreOptions): LimitStore {
  return new MemoryLimitStore(clock, maxKeys);
}

class MemoryLimitStore implements LimitStore {
  readonly #clock: Clock;
  readonly #counters: Bounded<Counter>;
  readonly #held: Bounded<Held>;

  constructor(clock: Clock, maxKeys: number) {
    this.#clock = clock;
    this.#counters = new Bounded(maxKeys);
    this.#held = new Bounded(maxKeys);
  }

  reserve({ id, claims, leaseMs }: Reservation): Grant {
    const now = this.#now();
    const before = id === '' ? undefined : this.#heldBy(id, now);
    const counters: Counter[] = [];
    const oks: boolean[] = [];
    let admitted = true;
    for (const claim of claims) {
      const counter = this.#counterOf(claim, now);
      const ok = before !== undefined || counter.allows(claim, now);
      counters.push(counter);
      oks.push(ok);
      if (!ok && claim.enforced) admitted = false;
    }
    if (admitted && before === undefined && id !== '') {
      const holder = { id, deadline: now + leaseMs * 1000 };
      const marks: (number | undefined)[] = [];
      for (let i = 0; i < counters.length; i++)
        marks.push(oks[i] === true ? counters[i]?.take(claims[i] as Claim, now, holder) : undefined);
      this.#held.set(id, { expiresAt: holder.deadline + GRACE_US, marks }, now);
    }
    const states: ClaimState[] = [];
    for (let i = 0; i < counters.length; i++)
      states.push((counters[i] as Counter).state(claims[i] as Claim, oks[i] === true, now));
    return { admitted, states, wallTime: this.#clock.wallTime() };
  }

  settle({ reservation: { id, claims }, actual, granted }: Settlement): void {
    const now = this.#now();
    const held = this.#heldBy(id, now);
    if (granted ? held?.marks === undefined : held !== undefined && held.marks === undefined) return;
    claims.forEach((claim, i) => {
      const mark = held?.marks?.[i];
      // Not charged though held: a claim that was not enforced, and could not be met.
      if (held !== undefined && mark === undefined) return;
      this.#counterOf(claim, now).settle(claim, actual[i] as number, mark, now, id);
    });
    if (granted) this.#held.delete(id);
    else this.#held.set(id, { expiresAt: now + SETTLED_MS * 1000, marks: undefined }, now);
  }

  renew({ key, ids, leaseMs }: Renewal): void {
    const counter = this.#counters.get(key);
    const deadline = this.#now() + leaseMs * 1000;
    if (counter instanceof SlotCounter) for (const id of ids) counter.hold(id, deadline);
  }

  lower(lowering: Lowering): void {
    const now = this.#now();
    const counter = this.#counterOf(lowering.claim, now);
    if (counter instanceof RateCounter) counter.lower(lowering, now);
  }

  #now(): number {
    return Math.floor(this.#clock.now() * 1000);
  }

  #heldBy(id: string, now: number): Held | undefined {
    const held = this.#held.get(id);
    return held !== undefined && held.expiresAt > now ? held : undefined;
  }

  #counterOf(claim: Claim, now: number): Counter {
    const known = this.#counters.get(claim.key);
    if (known !== undefined) return known;
    const counter = counterFor(claim, this.#clock);
    this.#counters.set(claim.key, counter, now);
    return counter;
  }
}
