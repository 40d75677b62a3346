import type { Disposition, Random } from '@sluice/core';
import type { RetrySettings } from './options.ts';

/** How waits grow. */
export type BackoffSettings = Pick<RetrySettings, 'baseDelayMs' | 'throttledDelayMs' | 'maxDelayMs'>;

/** Bound of the pause before another endpoint is asked: enough to keep a fallen endpoint's calls from arriving as one. */
export const FAILOVER_JITTER_MS = 50;

/**
 * How long to wait before the same endpoint is asked again, in milliseconds, or undefined when the upstream asks for
 * more than anybody shall wait. Full jitter: anywhere between nothing and a bound that doubles, so that callers that
 * failed together do not come back together (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
 *
 * @param floorMs What the upstream asked for.
 * @param waits How many such waits the call has had.
 */
export function backoff(
  kind: Disposition['retry'],
  floorMs: number,
  waits: number,
  { baseDelayMs, throttledDelayMs, maxDelayMs }: BackoffSettings,
  random: Random,
): number | undefined {
  if (floorMs > maxDelayMs) return undefined;
  if (kind === 'at-once' && waits === 0 && floorMs === 0) return 0;
  const firstBoundMs = kind === 'throttled' ? throttledDelayMs : baseDelayMs;
  const jitteredMs = random.next() * firstBoundMs * 2 ** waits;
  // A floor, not a suggestion: coming back earlier is what got us throttled. Up to a tenth more, because everybody
  // else was told the same.
  const spreadFloorMs = floorMs * (1 + random.next() / 10);
  // Whole milliseconds, because a timer would cut the fraction off.
  return Math.min(maxDelayMs, Math.ceil(Math.max(jitteredMs, spreadFloorMs)));
}

/** How long to wait before another endpoint is asked, in milliseconds. */
export function failoverDelay(random: Random): number {
  return Math.floor(random.next() * (FAILOVER_JITTER_MS + 1));
}
