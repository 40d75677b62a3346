import type { Clock } from '@sluice/core';
import { rateState, slotState, windowState } from './claim-state.ts';
import { NO_TIME, type Rate, type Span, spanOf } from './gcra.ts';
import type { Claim, ClaimState, Lowering, RateClaim, SlotClaim, WindowClaim } from './store.ts';

/** A reservation, as far as a counter needs to know it. */
export interface Holder {
  /** Its id. */
  readonly id: string;
  /** When it lapses. */
  readonly deadline: number;
}

/**
 * What the memory store keeps under one key. Times are the store's own, in microseconds. Keys name the kind of claim, so
 * a counter meets only claims of its own kind.
 */
export interface Counter {
  /** When it may be forgotten. */
  readonly expiresAt: number;
  /** Whether the claim can be met. */
  allows(claim: Claim, now: number): boolean;
  /** Charges, and returns what `settle` needs to know of it. */
  take(claim: Claim, now: number, holder: Holder): number;
  /** Puts `actual` in the place of what was charged, if anything was (`mark`). */
  settle(claim: Claim, actual: number, mark: number | undefined, now: number, id: string): void;
  /** What is left. */
  state(claim: Claim, ok: boolean, now: number): ClaimState;
}

/** Makes the counter that a claim needs. */
export function counterFor(claim: Claim, clock: Clock): Counter {
  switch (claim.kind) {
    case 'rate':
      return new RateCounter();
    case 'window':
      return new WindowCounter(clock);
    case 'slot':
      return new SlotCounter();
  }
}

/** The theoretical arrival time of GCRA: when everything that was taken will have been worked off. */
export class RateCounter implements Counter {
  #whole = 0;
  #part = 0;

  get expiresAt(): number {
    return this.#whole;
  }

  allows({ rate, cost }: RateClaim, now: number): boolean {
    if (rate.spaced) return this.#whole <= now;
    const backlog = this.#whole > now;
    const need = spanOf(rate, cost);
    const part = (backlog ? this.#part : 0) + need.part;
    const carry = part >= rate.parts ? 1 : 0;
    const whole = (backlog ? this.#whole - now : 0) + need.whole + carry;
    const { capacity } = rate;
    return whole < capacity.whole || (whole === capacity.whole && part - carry * rate.parts <= capacity.part);
  }

  /** Charges, and returns when the charge will have been worked off. */
  take({ rate, cost }: RateClaim, now: number): number {
    this.#add(rate, spanOf(rate, cost), now);
    return this.#whole + (this.#part > 0 ? 1 : 0);
  }

  /** Puts `actual` in the place of what was charged. What has been worked off by now cannot be given back. */
  settle({ rate, cost }: RateClaim, actual: number, mark: number | undefined, now: number): void {
    const more = actual - (mark === undefined ? 0 : cost);
    if (more >= 0) this.#add(rate, spanOf(rate, more), now);
    else this.#subtract(rate, atMost(spanOf(rate, -more), (mark as number) - now));
  }

  lower({ claim: { rate }, remaining, blockedMs }: Lowering, now: number): void {
    const one = rate.spaced ? 0 : spanOf(rate, 1).whole;
    const backlog = rate.capacity.whole - spanOf(rate, remaining).whole;
    const blocked = blockedMs > 0 ? blockedMs * 1000 + rate.capacity.whole - one : 0;
    const least = now + Math.ceil(Math.max(backlog, blocked));
    if (least <= this.#whole) return;
    this.#whole = least;
    this.#part = 0;
  }

  state(claim: RateClaim, ok: boolean, now: number): ClaimState {
    const backlog = this.#whole > now ? this.#whole - now + (this.#part > 0 ? 1 : 0) : 0;
    return rateState(claim, ok, backlog);
  }

  #add({ parts }: Rate, span: Span, now: number): void {
    if (this.#whole < now) {
      this.#whole = now;
      this.#part = 0;
    }
    const part = this.#part + span.part;
    const carry = part >= parts ? 1 : 0;
    this.#whole += span.whole + carry;
    this.#part = part - carry * parts;
  }

  #subtract({ parts }: Rate, span: Span): void {
    const part = this.#part - span.part;
    const borrow = part < 0 ? 1 : 0;
    this.#whole -= span.whole + borrow;
    this.#part = part + borrow * parts;
  }
}

function atMost(span: Span, leftUs: number): Span {
  if (leftUs <= 0) return NO_TIME;
  return span.whole < leftUs ? span : { whole: leftUs, part: 0 };
}

/** A window's count is kept a little longer than the window, for calls that end after it. */
const WINDOW_GRACE_US = 3_600_000_000;

/** What a reservation has charged to a window, until it is settled or lapses. */
interface Held {
  readonly deadline: number;
  /** What is charged now: all of it, or what stays after it lapsed. */
  charged: number;
  readonly floor: number;
}

/** Units used in one window of the calendar. */
class WindowCounter implements Counter {
  expiresAt = 0;
  #used = 0;
  #earliest = Infinity;
  readonly #held = new Map<string, Held>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  allows({ cost, limit }: WindowClaim, now: number): boolean {
    this.#lapse(now);
    return this.#used + cost <= limit;
  }

  take(claim: WindowClaim, now: number, { id, deadline }: Holder): number {
    this.#keep(claim, now);
    this.#used += claim.cost;
    this.#held.set(id, { deadline, charged: claim.cost, floor: claim.floor });
    this.#earliest = Math.min(this.#earliest, deadline);
    return 0;
  }

  settle(claim: WindowClaim, actual: number, _mark: number | undefined, now: number, id: string): void {
    this.#keep(claim, now);
    this.#used += actual - (this.#held.get(id)?.charged ?? 0);
    this.#held.delete(id);
  }

  state(claim: WindowClaim, ok: boolean): ClaimState {
    return windowState(claim, ok, this.#used, this.#clock.wallTime());
  }

  #keep({ endsAt }: WindowClaim, now: number): void {
    this.expiresAt = now + Math.max(0, endsAt - this.#clock.wallTime()) * 1000 + WINDOW_GRACE_US;
  }

  /** Gives back what reservations hold that nobody will settle any more. */
  #lapse(now: number): void {
    if (now < this.#earliest) return;
    this.#earliest = Infinity;
    for (const held of this.#held.values()) {
      if (held.deadline <= now) {
        this.#used -= held.charged - Math.min(held.charged, held.floor);
        held.charged = Math.min(held.charged, held.floor);
      } else {
        this.#earliest = Math.min(this.#earliest, held.deadline);
      }
    }
  }
}

/** Who holds a place, and until when. */
export class SlotCounter implements Counter {
  expiresAt = 0;
  readonly #deadlines = new Map<string, number>();
  #earliest = Infinity;

  allows({ cost, limit }: SlotClaim, now: number): boolean {
    this.#lapse(now);
    return this.#deadlines.size + cost <= limit;
  }

  take({ leaseMs }: SlotClaim, now: number, { id }: Holder): number {
    this.hold(id, now + leaseMs * 1000);
    return 0;
  }

  hold(id: string, deadline: number): void {
    this.#deadlines.set(id, deadline);
    this.#earliest = Math.min(this.#earliest, deadline);
    this.expiresAt = Math.max(this.expiresAt, deadline);
  }

  settle(_claim: SlotClaim, _actual: number, _mark: number | undefined, _now: number, id: string): void {
    this.#deadlines.delete(id);
  }

  state(claim: SlotClaim, ok: boolean): ClaimState {
    return slotState(claim, ok, this.#deadlines.size);
  }

  #lapse(now: number): void {
    if (now < this.#earliest) return;
    this.#earliest = Infinity;
    for (const [id, deadline] of this.#deadlines) {
      if (deadline <= now) this.#deadlines.delete(id);
      else this.#earliest = Math.min(this.#earliest, deadline);
    }
  }
}
