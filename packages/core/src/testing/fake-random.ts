import type { Random } from '../random.ts';

/**
 * Makes a {@link Random} that yields the same numbers and ids in every run.
 *
 * @param seed Which sequence; any 32-bit integer. Default: 1.
 */
export function fakeRandom(seed: number = 1): Random {
  let state = seed >>> 0;
  // mulberry32: tiny, and evenly spread enough for jitter and ids.
  const next32 = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return {
    next: () => next32() / 2 ** 32,
    uuid() {
      const hex = Array.from({ length: 4 }, () => next32().toString(16).padStart(8, '0')).join('');
      // The two fixed fields of RFC 9562: version 4, variant 10xx.
      const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
    },
  };
}
