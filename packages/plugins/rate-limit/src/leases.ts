import type { Clock, TimerHandle } from '@sluice/core';
import type { Hold } from './hold.ts';
import type { Outage } from './outage.ts';
import type { LimitStore } from './store.ts';

/** Holds on to the places of calls in progress: one timer for all of them, three looks in the time of a lease. */
export class Leases {
  readonly #store: LimitStore;
  readonly #clock: Clock;
  readonly #leaseMs: number;
  readonly #outage: Outage;
  readonly #holds: Hold[] = [];
  #timer: TimerHandle | undefined;

  constructor(store: LimitStore, clock: Clock, leaseMs: number, outage: Outage) {
    this.#store = store;
    this.#clock = clock;
    this.#leaseMs = leaseMs;
    this.#outage = outage;
  }

  /** Renews the hold's places from now on. */
  add(hold: Hold): void {
    hold.slot = this.#holds.push(hold) - 1;
    this.#timer ??= this.#clock.setTimeout(this.#renewAll, this.#leaseMs / 3);
  }

  /** Lets go of them. */
  remove(hold: Hold): void {
    if (hold.slot < 0) return;
    const last = this.#holds.pop() as Hold;
    if (last !== hold) {
      this.#holds[hold.slot] = last;
      last.slot = hold.slot;
    }
    hold.slot = -1;
  }

  /** Stops the timer. */
  close(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  readonly #renewAll = (): void => {
    this.#timer = undefined;
    if (this.#holds.length === 0) return;
    this.#timer = this.#clock.setTimeout(this.#renewAll, this.#leaseMs / 3);
    if (this.#outage.out) return;
    const byKey = new Map<string, { readonly group: string; readonly ids: string[] }>();
    for (const { reservation } of this.#holds) {
      for (const { kind, key } of reservation.claims) {
        if (kind !== 'slot') continue;
        const known = byKey.get(key);
        if (known === undefined) byKey.set(key, { group: reservation.group, ids: [reservation.id] });
        else known.ids.push(reservation.id);
      }
    }
    for (const [key, { group, ids }] of byKey) {
      const renewal = { key, group, ids, leaseMs: this.#leaseMs };
      Promise.resolve(this.#store.renew(renewal)).catch((error: unknown) => {
        this.#outage.begin(error);
      });
    }
  };
}
