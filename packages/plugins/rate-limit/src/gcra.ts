/**
 * A rate as the generic cell rate algorithm needs it. Time is counted in whole microseconds and in fractions with a
 * fixed denominator, because seven a second is no whole number of microseconds: rounded up the seventh call would be
 * refused, rounded down the eighth let through.
 */
export interface Rate {
  /** Units per window. */
  readonly limit: number;
  /** Length of the window, in microseconds. */
  readonly windowUs: number;
  /** Units that may be taken at once. */
  readonly burst: number;
  /** One after the other, evenly: a call goes when the one before it has been worked off, whatever its size. */
  readonly spaced: boolean;
  /** Time of one unit: whole microseconds and `part / parts` of one. */
  readonly whole: number;
  /** Numerator of the fraction. */
  readonly part: number;
  /** Denominator of all fractions of this rate. */
  readonly parts: number;
  /** Time of a full burst; nothing where calls are spaced. */
  readonly capacity: Span;
}

/** A length of time: whole microseconds, and parts of one by the denominator of its rate. */
export interface Span {
  /** Microseconds. */
  readonly whole: number;
  /** Less than the rate's `parts`. */
  readonly part: number;
}

/** No time at all. */
export const NO_TIME: Span = { whole: 0, part: 0 };

/** Prepares a rate: `limit` units per window, `burst` of them at once. */
export function rateOf(limit: number, windowMs: number, burst: number = limit, spaced = false): Rate {
  const windowUs = windowMs * 1000;
  const divisor = gcd(windowUs, limit);
  const parts = limit / divisor;
  // A fraction times the largest cost has to stay a whole number that a double can hold. Limits that people choose
  // share most of their factors with a window; for the others, a call is rounded up to the microsecond.
  const exact = parts * burst <= Number.MAX_SAFE_INTEGER;
  const rate = {
    limit,
    windowUs,
    burst,
    spaced,
    whole: exact ? Math.floor(windowUs / divisor / parts) : windowUs / limit,
    part: exact ? (windowUs / divisor) % parts : 0,
    parts: exact ? parts : 1,
    capacity: NO_TIME,
  };
  return spaced ? rate : { ...rate, capacity: spanOf(rate, burst) };
}

/** How long a number of units takes. */
export function spanOf({ whole, part, parts }: Pick<Rate, 'whole' | 'part' | 'parts'>, units: number): Span {
  if (part === 0) return { whole: Math.ceil(units * whole), part: 0 };
  const fraction = units * part;
  return { whole: units * whole + Math.floor(fraction / parts), part: fraction % parts };
}

/** The units that fit into a time; negative for a debt. */
export function unitsIn({ limit, windowUs }: Rate, timeUs: number): number {
  return Math.floor((timeUs * limit) / windowUs);
}

function gcd(one: number, other: number): number {
  let [a, b] = [one, other];
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}
