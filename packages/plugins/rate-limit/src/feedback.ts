import { type Clock, headerRecord, retryAfter } from '@sluice/core';
import type { Dimension } from './rule.ts';

/** Never longer, whatever an upstream says. */
const MAX_BLOCKED_MS = 300_000;

/** What an upstream says of its own limit. */
export interface UpstreamLimit {
  /** Units left. */
  readonly remaining: number;
  /** Nothing is to be had for this long. */
  readonly blockedMs: number;
}

/** Where the providers tell what is left, by what a rule counts. */
const HEADERS: Readonly<Partial<Record<Dimension, readonly string[]>>> = {
  requests: ['anthropic-ratelimit-requests-remaining', 'x-ratelimit-remaining-requests'],
  'input-tokens': ['anthropic-ratelimit-input-tokens-remaining'],
  'output-tokens': ['anthropic-ratelimit-output-tokens-remaining'],
  tokens: ['anthropic-ratelimit-tokens-remaining', 'x-ratelimit-remaining-tokens'],
};

const COUNT = /^\d{1,15}$/;

/** Reads an upstream's word about a dimension; undefined when it says nothing that can be understood. */
export function upstreamLimit(response: Response, of: Dimension, clock: Clock): UpstreamLimit | undefined {
  const headers = headerRecord(response);
  let remaining: number | undefined;
  for (const name of HEADERS[of] ?? []) {
    const value = headers[name];
    if (typeof value !== 'string' || !COUNT.test(value.trim())) continue;
    remaining = Math.min(remaining ?? Infinity, Number(value));
  }
  const throttled = response.status === 429;
  if (throttled && of === 'requests') {
    const wait = Math.min(MAX_BLOCKED_MS, retryAfter(response, clock) ?? 0);
    return { remaining: wait > 0 ? 0 : (remaining ?? 0), blockedMs: wait };
  }
  return remaining === undefined ? undefined : { remaining, blockedMs: 0 };
}
