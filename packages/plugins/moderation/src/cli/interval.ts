/** A share with what it was counted from. */
export interface Rate {
  /** How many of them. */
  readonly count: number;
  /** Of how many. */
  readonly of: number;
  /** The share. */
  readonly rate: number;
  /** The lower bound of Wilson's interval at 95 %. */
  readonly low: number;
  /** The upper bound. */
  readonly high: number;
}

const Z = 1.959_963_984_540_054;

/** A share with Wilson's score interval (1927): it holds for small samples and for shares near 0 and 1. */
export function rateOf(count: number, of: number): Rate {
  if (of === 0) return { count, of, rate: Number.NaN, low: 0, high: 1 };
  const rate = count / of;
  const square = (Z * Z) / of;
  const middle = (rate + square / 2) / (1 + square);
  const half = (Z / (1 + square)) * Math.sqrt((rate * (1 - rate)) / of + square / (4 * of));
  return { count, of, rate, low: Math.max(0, middle - half), high: Math.min(1, middle + half) };
}
