import type { ApiRequest, Context } from '@sluice/core';

/** What a rule counts. */
export type Dimension =
  | 'requests'
  | 'input-tokens'
  | 'output-tokens'
  | 'tokens'
  | 'cost'
  | 'concurrent-calls';

/** Who shares a counter. */
export type Scope = 'tenant' | 'app' | 'model' | 'endpoint' | 'global';

/** Names whoever shares a counter with this call; undefined: the rule does not apply to it. */
export type ScopeFunction = (request: ApiRequest, ctx: Context) => string | undefined;

/** What happens to a call when the store cannot be asked. */
export type OutagePolicy = 'open' | 'closed' | 'local';

/** The largest limit: in millionths of a currency, too, a double still holds it exactly. */
export const MAX_LIMIT = 1e9;

/** The longest time that is reckoned with: 31 days. */
export const LONGEST_MS: number = 31 * 86_400_000;

/** One limit. */
export interface LimitRule {
  /**
   * Unique; shown to callers and part of the keys in the store. Lower-case letters, digits and hyphens. A caller's own
   * limit of this name (`LIMITS`, which an identity plugin sets) stands in place of `limit`; 0 refuses its calls, and
   * with Infinity the rule does not apply to them.
   */
  readonly name: string;
  /** What it counts. */
  readonly of: Dimension;
  /** How much: calls, tokens, or an amount of the currency that `prices` are in. */
  readonly limit: number;
  /** A rolling window, in milliseconds: one second to 31 days. Not with `calendar`, not for concurrent calls. */
  readonly windowMs?: number;
  /** A window of the calendar, which begins at nothing: a quota. */
  readonly calendar?: 'day' | 'month';
  /**
   * Where the calendar's days begin: an IANA time zone.
   *
   * @default 'UTC'
   */
  readonly timeZone?: string;
  /** How much of a rolling window may be taken at once. Default: all of it. */
  readonly burst?: number;
  /**
   * Who shares a counter: one scope, several (each combination has a counter), or a function.
   *
   * @default 'tenant'
   */
  readonly by?: Scope | readonly Scope[] | ScopeFunction;
  /**
   * Count and report only.
   *
   * @default false
   */
  readonly shadow?: boolean;
  /**
   * What happens when the store cannot be asked. Default: `closed` for cost and for windows of the calendar, else that
   * of the plugin.
   */
  readonly onOutage?: OutagePolicy;
  /**
   * How much output is reserved: what the model usually answers, or the most that the request allows. Default: `most`
   * for windows of the calendar, else `usual`.
   */
  readonly reserve?: 'usual' | 'most';
  /**
   * Whether a call that was refused further in, or never reached the upstream, counts as no request.
   *
   * @default true
   */
  readonly refunds?: boolean;
  /**
   * What a token that was read from the provider's prompt cache counts, between 0 and 1. Not for cost, which has
   * prices.
   *
   * @default 1
   */
  readonly cacheReadWeight?: number;
  /**
   * Share of the limit, or of the burst, between 0 and 1, at which `limit-near` is reported. Not for a rolling window
   * in mode `pace`. Default: it is not.
   */
  readonly warnAt?: number;
  /**
   * Lower what is left to what the upstream says of its own limit, in `anthropic-ratelimit-*`, `x-ratelimit-*` and
   * `retry-after`. For rolling windows of requests or tokens.
   *
   * @default false
   */
  readonly feedback?: boolean;
}

/** What a million tokens cost, in your currency. */
export interface Price {
  /** Input that was neither read from nor written to the provider's prompt cache. */
  readonly input: number;
  /** Output, reasoning included. */
  readonly output: number;
  /** Input that was read from the prompt cache. Default: that of input. */
  readonly cacheRead?: number;
  /** Input that was written to the prompt cache. Default: that of input. */
  readonly cacheWrite?: number;
}
