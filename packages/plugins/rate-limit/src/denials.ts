import type { Clock } from '@sluice/core';
import type { ClaimState, Grant, Reservation } from './store.ts';

/** A refusal is believed no longer than this: what others give back is not seen from here. */
const BELIEVED_MS = 1_000;
/** Keys that are remembered. A flood of others is refused by the store, as before. */
const MAX_KEYS = 10_000;

/** A claim that could not be met. */
interface Denial {
  readonly cost: number;
  readonly until: number;
  /** When it can be met, as the store said. */
  readonly dueAt: number;
  readonly state: ClaimState;
}

/** Refuses in this process what the store has just refused: a flood of calls then costs no round trips. */
export class Denials {
  readonly #clock: Clock;
  readonly #denied = new Map<string, Denial>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The refusal that the store would answer with; undefined when it has to be asked. */
  foresee({ group, claims }: Reservation): Grant | undefined {
    if (this.#denied.size === 0) return undefined;
    const now = this.#clock.now();
    const refused = claims.findIndex(({ key, cost, enforced }) => {
      const denial = this.#denied.get(`${group}:${key}`);
      return denial !== undefined && enforced && cost >= denial.cost && now < denial.until;
    });
    const claim = claims[refused];
    if (claim === undefined) return undefined;
    const { state, dueAt } = this.#denied.get(`${group}:${claim.key}`) as Denial;
    const known = { ...state, retryAfterMs: Math.max(1, Math.ceil(dueAt - now)) };
    const states = claims.map((_, i) => (i === refused ? known : undefined));
    return { admitted: false, states, wallTime: this.#clock.wallTime() };
  }

  /** Takes note of a refusal. */
  remember({ group, claims }: Reservation, { states }: Grant): void {
    const now = this.#clock.now();
    states.forEach((state, i) => {
      const claim = claims[i];
      // When a place becomes free is not known.
      if (claim === undefined || state === undefined || state.ok || !claim.enforced || claim.kind === 'slot')
        return;
      if (this.#denied.size >= MAX_KEYS) this.#denied.clear();
      const until = now + Math.min(state.retryAfterMs - 1, BELIEVED_MS);
      const dueAt = now + state.retryAfterMs;
      this.#denied.set(`${group}:${claim.key}`, { cost: claim.cost, until, dueAt, state });
    });
  }

  /** Something was given back, or charged: the store has to be asked again. */
  forget({ group, claims }: Reservation): void {
    if (this.#denied.size === 0) return;
    for (const { key } of claims) this.#denied.delete(`${group}:${key}`);
  }
}
