import type { Rate } from './gcra.ts';

/** What one rule asks of one key for one call. */
export type Claim = RateClaim | WindowClaim | SlotClaim;

/** What every claim has. */
interface AnyClaim {
  /** Names the counter: kind, rule and scope. Unique in the store, whatever the group. Without secrets. */
  readonly key: string;
  /** Units to take. */
  readonly cost: number;
  /** False: the decision does not depend on it; it is charged where it would be admitted. */
  readonly enforced: boolean;
}

/** Units of a rolling window, by the generic cell rate algorithm. */
export interface RateClaim extends AnyClaim {
  /** Tells the claims apart. */
  readonly kind: 'rate';
  /** How fast units come back. */
  readonly rate: Rate;
}

/** Units of a window of the calendar, which begins at nothing. Its key names the window too. */
export interface WindowClaim extends AnyClaim {
  /** Tells the claims apart. */
  readonly kind: 'window';
  /** Units in the window. */
  readonly limit: number;
  /** What stays charged when the reservation lapses unsettled: the call was sent, and so much of it is known. */
  readonly floor: number;
  /** End of the window, in milliseconds since the Unix epoch. */
  readonly endsAt: number;
}

/** A place among calls in progress, held until it is settled or its lease runs out. */
export interface SlotClaim extends AnyClaim {
  /** Tells the claims apart. */
  readonly kind: 'slot';
  /** Places. */
  readonly limit: number;
  /** How long the place is held without `renew`. */
  readonly leaseMs: number;
}

/** What a call wants to reserve, in one step. */
export interface Reservation {
  /** Unique; the same reservation made twice is made once. Empty: nothing is taken, the state is only read. */
  readonly id: string;
  /** Claims of one group are decided together; a cluster keeps a group in one place. */
  readonly group: string;
  /** All of them are charged, or none. */
  readonly claims: readonly Claim[];
  /** After this time nobody will settle it any more: what is unsettled then lapses. Whole milliseconds. */
  readonly leaseMs: number;
}

/** The state of one claim after a decision. */
export interface ClaimState {
  /** Whether this claim, alone, can be met. */
  readonly ok: boolean;
  /** Units that are left; negative when more was used than reserved. */
  readonly remaining: number;
  /** Milliseconds until the claim can be met, if nothing else happens; 0 when it can. */
  readonly retryAfterMs: number;
  /** Milliseconds until everything is there again. */
  readonly resetMs: number;
}

/** The answer to a reservation. */
export interface Grant {
  /** Whether everything that is enforced was charged. */
  readonly admitted: boolean;
  /** One for each claim, in their order. Undefined where nobody looked, because a refusal was known beforehand. */
  readonly states: readonly (ClaimState | undefined)[];
  /** The store's wall clock, in milliseconds since the Unix epoch: windows of the calendar begin by it. */
  readonly wallTime: number;
}

/**
 * How long a store remembers a settlement of a reservation that it was not known to have admitted, in milliseconds: told
 * of it once more, or of the reservation itself, it changes nothing.
 */
export const SETTLED_MS = 3_600_000;

/** What a call turned out to use. */
export interface Settlement {
  /** What was reserved, or was to be. */
  readonly reservation: Reservation;
  /** Units used, one for each claim, in their order. */
  readonly actual: readonly number[];
  /**
   * Whether the store is known to have admitted it. Then it counts only if the store still holds the reservation;
   * otherwise what was used is charged all the same, and for an hour neither the reservation, should it arrive late,
   * nor the same settlement takes anything more.
   */
  readonly granted: boolean;
}

/** Sees to it that a key has no more than so much left: what an upstream said of its own limit. */
export interface Lowering {
  /** The rate to lower, with the key. Its cost is not used. */
  readonly claim: RateClaim;
  /** The group it is decided in. */
  readonly group: string;
  /** Units that are left at most. */
  readonly remaining: number;
  /** Nothing at all is left for this long. */
  readonly blockedMs: number;
}

/** Places to hold on to. */
export interface Renewal {
  /** The slot's key. */
  readonly key: string;
  /** The group it is decided in. */
  readonly group: string;
  /** Ids of the reservations that hold places. */
  readonly ids: readonly string[];
  /** For how long from now. */
  readonly leaseMs: number;
}

/** Where limits are counted. Every method takes effect in one atomic step. */
export interface LimitStore {
  /** Checks all claims and charges all of them, or none. */
  reserve(reservation: Reservation): Grant | Promise<Grant>;
  /** Puts what was used in the place of what was reserved, and gives places back. Once: a second time changes nothing. */
  settle(settlement: Settlement): void | Promise<void>;
  /** Holds places longer. */
  renew(renewal: Renewal): void | Promise<void>;
  /** Lowers what is left of a rate; never raises it. */
  lower(lowering: Lowering): void | Promise<void>;
}
