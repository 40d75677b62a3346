import type { Clock } from './clock.ts';
import { LazyResponse } from './stream/lazy-response.ts';

/**
 * The wait an answer asks for, in milliseconds. By `retry-after-ms` or Azure's `x-ms-retry-after-ms`, else by
 * `retry-after` in seconds or as a date (RFC 9110 §10.2.3). A 429 or 529 that says neither is read by its reset headers:
 * of the limits that have nothing left, the last to reset counts, because until then the same request fails again.
 *
 * What cannot be read, and what is negative, counts as not said; a time that has passed is no wait.
 */
export function retryAfter(response: Response, clock: Clock): number | undefined {
  const said =
    number(LazyResponse.header(response, 'retry-after-ms')) ??
    number(LazyResponse.header(response, 'x-ms-retry-after-ms')) ??
    secondsOrDate(LazyResponse.header(response, 'retry-after'), clock);
  if (said !== undefined || (response.status !== 429 && response.status !== 529)) return said;
  return untilReset(response, clock);
}

/** Providers send fractions too. */
const NUMBER = /^\d{1,16}(?:\.\d{1,16})?$/;
/** The forms of HTTP-date begin with the day of the week, ISO 8601 with the year. `Date.parse` takes "5 apples" for a date. */
const DATE = /^(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)|\d{4}-\d\d-\d\d)/i;
/** RFC 3339 §5.6. */
const TIMESTAMP = /^\d{4}-\d\d-\d\d[t ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:z|[+-]\d\d:\d\d)$/i;
/** As Go prints them: `6m0s`, `1h2m3.5s`, `17ms`. */
const DURATION = /^(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m(?!s))?(?:(\d{1,9}(?:\.\d{1,9})?)(ms|s))?$/;

/** Beyond, `x-ratelimit-reset` is a point in time and no duration: nobody limits by the month. */
const MAX_RESET_SECONDS = 30 * 24 * 3600;
/** Beyond, it is one in milliseconds. In seconds this is the year 5138. */
const MIN_EPOCH_MS = 100_000_000_000;

/** Those of the account, and of its priority and fast tiers. */
const ANTHROPIC_LIMITS = [
  'ratelimit-requests',
  'ratelimit-tokens',
  'ratelimit-input-tokens',
  'ratelimit-output-tokens',
  'priority-input-tokens',
  'priority-output-tokens',
  'fast-input-tokens',
  'fast-output-tokens',
];
/** OpenAI's names, and those of hosts that speak its dialect and limit by the day or the minute too. */
const OPENAI_LIMITS = [
  'requests',
  'tokens',
  'requests-minute',
  'tokens-minute',
  'requests-hour',
  'tokens-hour',
  'requests-day',
  'tokens-day',
];

function untilReset(response: Response, clock: Clock): number | undefined {
  const header = (name: string): string | undefined => LazyResponse.header(response, name);
  const used = (name: string): boolean => number(header(name)) === 0;
  let latest: number | undefined;
  const add = (waitMs: number | undefined): void => {
    if (waitMs !== undefined) latest = Math.max(latest ?? 0, waitMs);
  };
  for (const limit of ANTHROPIC_LIMITS) {
    if (used(`anthropic-${limit}-remaining`)) add(timestamp(header(`anthropic-${limit}-reset`), clock));
  }
  for (const limit of OPENAI_LIMITS) {
    if (used(`x-ratelimit-remaining-${limit}`)) add(duration(header(`x-ratelimit-reset-${limit}`)));
  }
  // Without a kind there is one limit, and it has nothing left unless it says so.
  if (used('x-ratelimit-remaining') || header('x-ratelimit-remaining') === undefined)
    add(durationOrEpoch(header('x-ratelimit-reset'), clock));
  return latest;
}

function number(value: string | undefined): number | undefined {
  const text = value?.trim() ?? '';
  return NUMBER.test(text) ? Number(text) : undefined;
}

function secondsOrDate(value: string | undefined, clock: Clock): number | undefined {
  const seconds = number(value);
  if (seconds !== undefined) return seconds * 1000;
  const text = value?.trim() ?? '';
  return DATE.test(text) ? until(Date.parse(text), clock) : undefined;
}

function timestamp(value: string | undefined, clock: Clock): number | undefined {
  const text = value?.trim() ?? '';
  return TIMESTAMP.test(text) ? until(Date.parse(text), clock) : undefined;
}

/** A duration with units; bare digits are seconds. */
function duration(value: string | undefined): number | undefined {
  const seconds = number(value);
  if (seconds !== undefined) return seconds * 1000;
  const text = value?.trim() ?? '';
  const parts = text === '' ? null : DURATION.exec(text);
  if (parts === null) return undefined;
  const [, days = 0, hours = 0, minutes = 0, rest = 0, unit] = parts;
  const minutesInAll = (Number(days) * 24 + Number(hours)) * 60 + Number(minutes);
  return minutesInAll * 60_000 + Number(rest) * (unit === 'ms' ? 1 : 1000);
}

function durationOrEpoch(value: string | undefined, clock: Clock): number | undefined {
  const said = number(value);
  if (said === undefined || said < MAX_RESET_SECONDS) return duration(value);
  return until(said < MIN_EPOCH_MS ? said * 1000 : said, clock);
}

function until(wallTime: number, clock: Clock): number | undefined {
  return Number.isNaN(wallTime) ? undefined : Math.max(0, wallTime - clock.wallTime());
}
