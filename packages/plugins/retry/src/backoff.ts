import type { Random } from '@sluice/core';

/** How waits grow. */
export interface Backoff {
  /** Bound of the wait before the first retry; it doubles with each one. Milliseconds. */
  readonly baseMs: number;
  /** No bound grows beyond this. Milliseconds. */
  readonly capMs: number;
}

/**
 * Full jitter: anywhere between nothing and the bound, so that callers that failed together do not come back together
 * (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
 *
 * @param retry 0 for the first retry.
 */
export function fullJitter({ baseMs, capMs }: Backoff, retry: number, random: Random): number {
  return random.next() * Math.min(capMs, baseMs * 2 ** retry);
}
