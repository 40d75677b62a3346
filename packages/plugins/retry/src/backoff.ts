import type { Disposition, Random } from '@sluice/core';
import type { RetrySettings } from './options.ts';

/** How waits grow. */
export type BackoffSettings = Pick<RetrySettings, 'baseDelayMs' | 'throttledDelayMs' | 'maxDelayMs'>;

/**
 * How long to wait before a retry, in milliseconds, or undefined when the upstream asks for more than anybody shall
 * wait. Full jitter: anywhere between nothing and a bound that doubles, so that callers that failed together do not
 * come back together (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
 *
 * @param retry 0 for the first retry.
 */
export function backoff(
  { retry: kind, retryAfterMs = 0 }: Pick<Disposition, 'retry' | 'retryAfterMs'>,
  retry: number,
  { baseDelayMs, throttledDelayMs, maxDelayMs }: BackoffSettings,
  random: Random,
): number | undefined {
  if (retryAfterMs > maxDelayMs) return undefined;
  if (kind === 'at-once' && retry === 0) return 0;
  const firstBoundMs = kind === 'throttled' ? throttledDelayMs : baseDelayMs;
  const jitteredMs = random.next() * firstBoundMs * 2 ** retry;
  // A floor, not a suggestion: coming back earlier is what got us throttled. Up to a tenth more, because everybody
  // else was told the same.
  const floorMs = retryAfterMs * (1 + random.next() / 10);
  // Whole milliseconds, because a timer would cut the fraction off.
  return Math.min(maxDelayMs, Math.ceil(Math.max(jitteredMs, floorMs)));
}
