import { type Rate, unitsIn } from './gcra.ts';
import type { ClaimState, RateClaim, SlotClaim, WindowClaim } from './store.ts';

/**
 * How long to wait for a place. When one becomes free depends on calls that are in progress, so this is no promise, but
 * long enough not to be a busy loop.
 */
const SLOT_RETRY_MS = 1_000;

/** The backlog was rounded up to the microsecond, and the capacity down. */
const ROUNDED_US = 2;

/** What a rate's backlog means. `backlogUs` is what is still to be worked off, rounded up. */
export function rateState({ rate, cost }: RateClaim, ok: boolean, backlogUs: number): ClaimState {
  return {
    ok,
    remaining: rate.spaced
      ? Number(backlogUs <= 0)
      : unitsIn(rate, rate.capacity.whole - backlogUs + ROUNDED_US),
    retryAfterMs: ok ? 0 : Math.max(1, Math.ceil(waitUs(rate, cost, backlogUs) / 1000)),
    resetMs: Math.ceil(Math.max(0, backlogUs) / 1000),
  };
}

/** How long until `cost` units fit behind the backlog. A microsecond more than nothing: the fractions. */
function waitUs({ spaced, capacity, windowUs, limit }: Rate, cost: number, backlogUs: number): number {
  return spaced ? backlogUs : backlogUs + Math.ceil((cost * windowUs) / limit) - capacity.whole;
}

/** What a window's count means. */
export function windowState(claim: WindowClaim, ok: boolean, used: number, wallTime: number): ClaimState {
  const resetMs = Math.max(1, Math.ceil(claim.endsAt - wallTime));
  return { ok, remaining: claim.limit - used, retryAfterMs: ok ? 0 : resetMs, resetMs };
}

/** What a number of places in use means. */
export function slotState({ limit }: SlotClaim, ok: boolean, used: number): ClaimState {
  const wait = ok ? 0 : SLOT_RETRY_MS;
  return { ok, remaining: limit - used, retryAfterMs: wait, resetMs: used > 0 ? SLOT_RETRY_MS : 0 };
}
