import type { Applied, Expected } from './compiled-rule.ts';
import type { Claim, ClaimState, Reservation } from './store.ts';

/** What one call, or one attempt, has reserved. */
export class Hold {
  readonly applied: readonly Applied[];
  readonly expected: Expected;
  /** Under another id, once the first one was given up. */
  reservation: Reservation;
  /** Whether a place among concurrent calls belongs to it, which has to be renewed. */
  readonly hasSlot: boolean;
  /** Whether the store is known to have admitted it. */
  granted = false;
  /** Whether the store was asked and did not answer: it may still come to it. */
  unanswered = false;
  /** What this process decided itself, in an outage; by position, the claims it is for. */
  local: { readonly reservation: Reservation; readonly positions: readonly number[] } | undefined;
  /** Where the list of holds to renew keeps it; -1 while it does not. */
  slot = -1;
  /** The last decision, one state for each claim. */
  states: readonly (ClaimState | undefined)[] = [];

  constructor(applied: readonly Applied[], expected: Expected, reservation: Reservation) {
    this.applied = applied;
    this.expected = expected;
    this.reservation = reservation;
    this.hasSlot = reservation.claims.some(({ kind }) => kind === 'slot');
  }

  /** Its claims. */
  get claims(): readonly Claim[] {
    return this.reservation.claims;
  }
}
