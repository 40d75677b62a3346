import type { Random } from '@sluice/core';
import type { CircuitRules } from './circuits.ts';

/** How long circuits stay open. */
export type OpenTimeRules = Pick<CircuitRules, 'openMs' | 'maxOpenMs'>;

/**
 * How long a circuit stays open, in milliseconds: twice as long each time in a row, never less than the upstream asked
 * for, and up to a tenth longer, because other instances opened at the same moment and were told the same.
 *
 * @param reopened How many times it has opened before in a row.
 * @param floorMs What the upstream asked for.
 */
export function openTime(
  reopened: number,
  floorMs: number,
  { openMs, maxOpenMs }: OpenTimeRules,
  random: Random,
): number {
  const growingMs = Math.min(maxOpenMs, openMs * 2 ** reopened);
  // Whole milliseconds: `retry-after` and timers have no fraction.
  return Math.ceil(Math.max(growingMs, floorMs) * (1 + random.next() / 10));
}
