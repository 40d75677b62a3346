import { type Clock, PipelineError, type TimerHandle } from '@sluice/core';
import type { Hold } from './hold.ts';
import type { Grant } from './store.ts';

/** A call that waits for its turn. */
interface Waiter {
  readonly hold: Hold;
  /** How much of its scarcest limit it takes: what fairness is reckoned in. */
  readonly weight: number;
  /** When it is worth asking for it again. */
  tryAt: number;
  /** The keys that refused it. */
  blockedBy: readonly string[];
  readonly grant: (grant: Grant) => void;
  readonly fail: (error: unknown) => void;
  over: boolean;
}

/** The calls of one tenant, in order. */
interface Lane {
  readonly waiters: Waiter[];
  /** What the tenant was given while others waited. Who was given least is next. */
  served: number;
}

/** What a waiting room is made with. */
export interface WaitingParts {
  readonly clock: Clock;
  readonly maxWaiting: number;
  /** Asks the store for a call. */
  readonly reserve: (hold: Hold) => Grant | Promise<Grant>;
  /** Gives back what was granted to a call that is gone. */
  readonly giveBack: (hold: Hold) => void;
}

/**
 * Where calls wait for their turn: bounded, in order for each tenant, fair between tenants by what they take, and left at
 * once by whoever goes away. Start-time fair queueing: like deficit round robin, without a quantum to choose.
 */
export class WaitingRoom {
  readonly #parts: WaitingParts;
  readonly #lanes = new Map<string, Lane>();
  #size = 0;
  #served = 0;
  #timer: TimerHandle | undefined;
  #timerAt = Infinity;
  #pumping = false;
  #again = false;

  constructor(parts: WaitingParts) {
    this.#parts = parts;
  }

  /** How many wait. */
  get size(): number {
    return this.#size;
  }

  /** Whether a call has to get in line: one of its tenant waits, or one that waits for a limit it takes from. */
  blocks(tenant: string, hold: Hold): boolean {
    if (this.#size === 0) return false;
    if (this.#lanes.has(tenant)) return true;
    for (const { waiters } of this.#lanes.values())
      if (waiters[0]?.blockedBy.some((key) => hold.claims.some((claim) => claim.key === key)) === true)
        return true;
    return false;
  }

  /**
   * Waits for the call's turn.
   *
   * @param refused The decision it was refused by; undefined when it was not asked for yet.
   * @throws PipelineError The reason of the abort; what `give up` makes of a wait that took too long.
   */
  enter(
    tenant: string,
    hold: Hold,
    {
      refused,
      maxWaitMs,
      signal,
      giveUp,
    }: {
      readonly refused: Grant | undefined;
      readonly maxWaitMs: number;
      readonly signal: AbortSignal;
      readonly giveUp: () => PipelineError;
    },
  ): Promise<Grant> {
    if (this.#size >= this.#parts.maxWaiting) return Promise.reject(giveUp());
    const { clock } = this.#parts;
    return new Promise<Grant>((resolve, reject) => {
      const leave = (): void => {
        this.#remove(tenant, waiter);
        clock.clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
      };
      const onAbort = (): void => {
        leave();
        const reason: unknown = signal.reason;
        reject(PipelineError.is(reason) ? reason : new PipelineError('client_abort', { cause: reason }));
        this.#pump();
      };
      const waiter: Waiter = {
        hold,
        weight: weightOf(hold),
        tryAt: 0,
        blockedBy: [],
        over: false,
        grant: (grant) => {
          leave();
          resolve(grant);
        },
        fail: (error) => {
          leave();
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      };
      if (refused !== undefined) this.#refuse(waiter, refused);
      const timer = clock.setTimeout(() => {
        leave();
        reject(giveUp());
        this.#pump();
      }, maxWaitMs);
      signal.addEventListener('abort', onAbort);
      this.#add(tenant, waiter);
      if (signal.aborted) onAbort();
      else this.#pump();
    });
  }

  /** Something was given back: those who wait for it are asked for again. */
  wake(hold: Hold): void {
    if (this.#size === 0) return;
    const keys = new Set(hold.claims.map(({ key }) => key));
    for (const { waiters } of this.#lanes.values()) {
      const first = waiters[0];
      if (first?.blockedBy.some((key) => keys.has(key)) === true) first.tryAt = 0;
    }
    this.#pump();
  }

  #add(tenant: string, waiter: Waiter): void {
    this.#size++;
    const lane = this.#lanes.get(tenant);
    if (lane === undefined) this.#lanes.set(tenant, { waiters: [waiter], served: this.#served });
    else lane.waiters.push(waiter);
  }

  #remove(tenant: string, waiter: Waiter): void {
    if (waiter.over) return;
    waiter.over = true;
    this.#size--;
    const lane = this.#lanes.get(tenant) as Lane;
    lane.waiters.splice(lane.waiters.indexOf(waiter), 1);
    if (lane.waiters.length > 0) return;
    this.#lanes.delete(tenant);
    if (this.#lanes.size > 0) return;
    this.#served = 0;
    this.#parts.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerAt = Infinity;
  }

  #refuse(waiter: Waiter, { states }: Grant): void {
    const blockedBy: string[] = [];
    let waitMs = 1;
    waiter.hold.claims.forEach(({ key, enforced }, i) => {
      const state = states[i];
      if (!enforced || state === undefined || state.ok) return;
      blockedBy.push(key);
      waitMs = Math.max(waitMs, state.retryAfterMs);
    });
    waiter.blockedBy = blockedBy;
    waiter.tryAt = this.#parts.clock.now() + waitMs;
  }

  /** Asks for whoever is next, until nobody can be served. One at a time: the order is the point. */
  #pump(): void {
    if (this.#pumping) {
      this.#again = true;
      return;
    }
    this.#pumping = true;
    void this.#serve().finally(() => {
      this.#pumping = false;
      if (this.#again) {
        this.#again = false;
        this.#pump();
      }
    });
  }

  async #serve(): Promise<void> {
    for (;;) {
      const now = this.#parts.clock.now();
      const next = this.#next(now);
      if (next === undefined) {
        this.#sleep(now);
        return;
      }
      const { lane, waiter } = next;
      let grant: Grant;
      try {
        grant = await this.#parts.reserve(waiter.hold);
      } catch (error) {
        if (!waiter.over) waiter.fail(error);
        continue;
      }
      if (!grant.admitted) {
        this.#refuse(waiter, grant);
      } else if (waiter.over) {
        this.#parts.giveBack(waiter.hold);
      } else {
        this.#served = lane.served;
        lane.served += waiter.weight;
        waiter.grant(grant);
      }
    }
  }

  /** The first call of the tenant that was given least, of those that can be served now. */
  #next(now: number): { readonly lane: Lane; readonly waiter: Waiter } | undefined {
    const taken = new Set<string>();
    const lanes = [...this.#lanes.values()].sort((one, other) => one.served - other.served);
    for (const lane of lanes) {
      const waiter = lane.waiters[0] as Waiter;
      // Whoever is further down the line must not take what this one waits for.
      if (waiter.tryAt > now) for (const key of waiter.blockedBy) taken.add(key);
      else if (!waiter.hold.claims.some(({ key }) => taken.has(key))) return { lane, waiter };
    }
    return undefined;
  }

  /** Until the next turn. `now` is when nobody could be served: a turn that has come since then would be forgotten. */
  #sleep(now: number): void {
    const { clock } = this.#parts;
    let at = Infinity;
    for (const { waiters } of this.#lanes.values()) {
      const tryAt = waiters[0]?.tryAt ?? Infinity;
      if (tryAt > now) at = Math.min(at, tryAt);
    }
    if (at === this.#timerAt) return;
    clock.clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer =
      at === Infinity
        ? undefined
        : clock.setTimeout(
            () => {
              this.#timerAt = Infinity;
              this.#pump();
            },
            Math.ceil(at - now),
          );
  }
}

function weightOf({ applied, claims }: Hold): number {
  return claims.reduce((most, { cost }, i) => Math.max(most, cost / (applied[i]?.rule.limit ?? 1)), 0);
}
