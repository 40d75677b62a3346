import type { Attempt } from '@sluice/core';

/** Attempts that are listed; more are rare, and the header shall stay short. */
const MAX_LISTED = 10;

/** What a `Server-Timing` header is made of. Times are on one monotonic clock, in milliseconds. */
export interface Timing {
  /** When the call began. */
  readonly startedAt: number;
  /** When its headers are sent. */
  readonly now: number;
  /** Its attempts so far. */
  readonly history: readonly Attempt[];
  /** How the cache took part. */
  readonly cacheStatus: string | undefined;
}

/**
 * Where the time went until the headers: `queue` before the first attempt (limits, moderation, the audit), each attempt
 * with its status, `total`. Browsers show it. Names no endpoint: that is nobody's business outside.
 */
export function serverTiming({ startedAt, now, history, cacheStatus }: Timing): string {
  const parts: string[] = [];
  if (cacheStatus !== undefined) parts.push(`cache;desc=${cacheStatus}`);
  const [first] = history;
  if (first !== undefined) parts.push(`queue;${duration(first.startedAt - startedAt)}`);
  for (const [index, attempt] of history.slice(0, MAX_LISTED).entries()) {
    const { durationMs = now - attempt.startedAt, status } = attempt;
    const description = status === undefined ? '' : `;desc="${status}"`;
    parts.push(`attempt-${index + 1};${duration(durationMs)}${description}`);
  }
  parts.push(`total;${duration(now - startedAt)}`);
  return parts.join(', ');
}

function duration(ms: number): string {
  return `dur=${Math.round(ms * 10) / 10}`;
}
