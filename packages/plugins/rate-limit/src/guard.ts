import { type Clock, within } from '@sluice/core';
import { Denials } from './denials.ts';
import type { LimitListener } from './events.ts';
import type { Hold } from './hold.ts';
import { Leases } from './leases.ts';
import { memoryLimitStore } from './memory-store.ts';
import { Outage } from './outage.ts';
import { cannotTell } from './refusal.ts';
import type { Claim, Grant, LimitStore, Lowering, Settlement } from './store.ts';

/** How long an app waits at its start for a store that does not answer. */
const STARTING_MS = 1_000;

/** What a guard is made with. */
export interface GuardParts {
  readonly store: LimitStore;
  readonly clock: Clock;
  readonly plugin: string;
  readonly timeoutMs: number;
  readonly leaseMs: number;
  readonly report: LimitListener;
}

/**
 * Stands between the calls and the store. Bounds how long a decision takes, decides without the store while it does not
 * answer, and sees to it that what was used is charged once, however late.
 */
export class Guard {
  readonly #parts: GuardParts;
  readonly #denials: Denials;
  readonly #local: LimitStore;
  readonly #outage: Outage;
  readonly #leases: Leases;
  /** The store's wall clock less ours. */
  #skewMs = 0;

  constructor(parts: GuardParts) {
    const { store, clock } = parts;
    this.#parts = parts;
    this.#denials = new Denials(clock);
    this.#local = memoryLimitStore({ clock });
    this.#outage = new Outage(parts);
    this.#leases = new Leases(store, clock, parts.leaseMs, this.#outage);
  }

  /** The store's wall clock. */
  wallTime(): number {
    return this.#parts.clock.wallTime() + this.#skewMs;
  }

  /** Whether decisions are made without the store now. */
  get out(): boolean {
    return this.#outage.out;
  }

  /**
   * Decides. At once where the store is in memory, or a refusal is known beforehand.
   *
   * @throws PipelineError When the store does not answer, and a rule is closed then.
   */
  reserve(hold: Hold): Grant | Promise<Grant> {
    if (this.#outage.out) return this.#without(hold);
    const foreseen = this.#denials.foresee(hold.reservation);
    if (foreseen !== undefined) return this.#decided(hold, foreseen);
    let answer: Grant | Promise<Grant>;
    try {
      answer = this.#parts.store.reserve(hold.reservation);
    } catch (error) {
      return this.#failed(hold, error);
    }
    if (!(answer instanceof Promise)) return this.#decided(hold, answer, true);
    return within(answer, this.#parts.clock, this.#parts.timeoutMs).then(
      (grant) => {
        if (!grant.admitted) this.#denials.remember(hold.reservation, grant);
        return this.#decided(hold, grant, true);
      },
      (error: unknown) => this.#failed(hold, error),
    );
  }

  /** Puts what was used in the place of what was reserved, and gives places back. */
  settle(hold: Hold, actual: readonly number[]): Promise<void> | undefined {
    this.#leases.remove(hold);
    this.#denials.forget(hold.reservation);
    const { local, granted, reservation } = hold;
    if (local !== undefined) {
      const used = local.positions.map((position) => actual[position] as number);
      void this.#local.settle({ reservation: local.reservation, actual: used, granted: true });
    }
    // What this process decided has been charged here. A quota of the calendar is the store's all the same; what rolls
    // would only come to weigh on later calls.
    const late = granted ? actual : actual.map((units, i) => (hold.claims[i]?.kind === 'window' ? units : 0));
    return this.#outage.settle({ reservation, actual: late, granted });
  }

  /** Lowers a rate to what an upstream has said. */
  lower(lowering: Lowering): void {
    if (this.#outage.out) return;
    try {
      const lowered = this.#parts.store.lower(lowering);
      if (lowered instanceof Promise)
        lowered.catch((error: unknown) => {
          this.#outage.begin(error);
        });
    } catch (error) {
      this.#outage.begin(error);
    }
  }

  /** Looks at the store before the first call does: a connection takes longer to open than a decision may take. */
  async start(group: string): Promise<void> {
    const look = { id: '', group, claims: [], leaseMs: 0 };
    const { store, clock } = this.#parts;
    try {
      const { wallTime } = await within(Promise.resolve(store.reserve(look)), clock, STARTING_MS);
      this.#skewMs = wallTime - clock.wallTime();
    } catch (error) {
      this.#outage.begin(error);
    }
  }

  /** Tries to hand over what is still to be settled, and stops all timers. */
  async close(): Promise<void> {
    this.#leases.close();
    await this.#outage.close();
  }

  #decided(hold: Hold, grant: Grant, byStore = false): Grant {
    hold.states = grant.states;
    if (byStore) {
      this.#skewMs = grant.wallTime - this.#parts.clock.wallTime();
      hold.granted = grant.admitted;
      if (grant.admitted && hold.hasSlot) this.#leases.add(hold);
    }
    return grant;
  }

  #failed(hold: Hold, error: unknown): Grant {
    hold.unanswered = true;
    this.#outage.begin(error, hold.reservation);
    try {
      return this.#without(hold);
    } catch (refused) {
      this.#cancel(hold);
      throw refused;
    }
  }

  /** Decides by each rule's own policy. */
  #without(hold: Hold): Grant {
    const { applied, claims, reservation } = hold;
    const { plugin, report } = this.#parts;
    const positions: number[] = [];
    const shares: Claim[] = [];
    let policy: 'open' | 'local' = 'open';
    for (const [position, { rule }] of applied.entries()) {
      if (rule.onOutage === 'closed' && rule.enforced) {
        report({ type: 'store-skip', policy: 'closed' });
        throw cannotTell(plugin, this.#outage.cause);
      }
      if (rule.onOutage !== 'local') continue;
      policy = 'local';
      positions.push(position);
      shares.push(rule.shareOf(claims[position] as Claim, reservation.leaseMs));
    }
    report({ type: 'store-skip', policy });
    const local = { ...reservation, claims: shares };
    const { admitted, states, wallTime } = this.#local.reserve(local) as Grant;
    if (admitted) hold.local = { reservation: local, positions };
    else if (hold.unanswered) this.#cancel(hold);
    const all = claims.map((_, position) => states[positions.indexOf(position)]);
    return this.#decided(hold, { admitted, states: all, wallTime });
  }

  /** The store may yet come to a reservation that is of no use any more. */
  #cancel(hold: Hold): void {
    const settlement: Settlement = {
      reservation: hold.reservation,
      actual: hold.claims.map(() => 0),
      granted: false,
    };
    void this.#outage.settle(settlement);
    // Under the same id the store would take it for settled, should a call that waits ask once more.
    hold.reservation = { ...hold.reservation, id: `${hold.reservation.id}'` };
    hold.unanswered = false;
  }
}
