import type { Clock } from '@sluice/core';
import type { Flight } from './flight.ts';
import { useOf } from './freshness.ts';
import type { GuardedStore } from './guarded-store.ts';
import type { AcrossProcesses } from './options.ts';
import type { CacheEntry, CacheLeases } from './store.ts';

const FIRST_LOOK_MS = 20;
const LONGEST_LOOK_MS = 250;
const NO_WINDOWS = { staleWhileRevalidateMs: 0, staleIfErrorMs: 0 };

/** Lets one process ask the upstream while the others wait for what it stores; never for longer than they are told to. */
export class LeaseQueue {
  readonly #store: GuardedStore;
  readonly #clock: Clock;
  readonly #options: Required<AcrossProcesses>;

  constructor(store: GuardedStore, clock: Clock, options: Required<AcrossProcesses>) {
    this.#store = store;
    this.#clock = clock;
    this.#options = options;
  }

  /** The entry that another process has stored meanwhile; undefined when the flight is to ask the upstream itself. */
  async enter(flight: Flight): Promise<CacheEntry | undefined> {
    const { key, shared, maxAgeMs } = flight.leader;
    if (!shared) return undefined;
    const until = this.#clock.now() + this.#options.waitMs;
    for (let lookMs = FIRST_LOOK_MS; ; lookMs = Math.min(2 * lookMs, LONGEST_LOOK_MS)) {
      const { leases } = this.#store;
      // The store has none, or is away: everybody asks for himself.
      if (leases === undefined) return undefined;
      const lease = await this.#store.lease(() => leases.acquire(key, this.#options.leaseMs), undefined);
      if (flight.signal.aborted) {
        this.#store.release(key, lease);
        return undefined;
      }
      if (lease !== undefined) this.#hold(flight, leases, lease);
      // Also with the lease in hand: whoever had it before may have stored just now.
      const entry = await this.#store.get(key);
      if (entry !== undefined && useOf(entry, this.#clock.wallTime(), NO_WINDOWS, maxAgeMs) === 'fresh')
        return entry;
      if (lease !== undefined || flight.signal.aborted || this.#clock.now() >= until) return undefined;
      await this.#pause(Math.min(lookMs, until - this.#clock.now()), flight.signal);
    }
  }

  /** No more renewing. */
  landed(flight: Flight): void {
    flight.stopRenewing?.();
  }

  #hold(flight: Flight, leases: CacheLeases, lease: string): void {
    const { key } = flight.leader;
    const { leaseMs } = this.#options;
    flight.lease = lease;
    const renew = (): void => {
      // One that was lost makes the store refuse the entry later: the answer is good for the callers all the same.
      void this.#store.lease(() => leases.renew(key, lease, leaseMs), false);
      timer = this.#clock.setTimeout(renew, leaseMs / 3);
    };
    let timer = this.#clock.setTimeout(renew, leaseMs / 3);
    flight.stopRenewing = () => {
      this.#clock.clearTimeout(timer);
    };
  }

  #pause(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#clock.clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = this.#clock.setTimeout(done, ms);
      signal.addEventListener('abort', done);
    });
  }
}
