import type { InspectedRow } from '@sluice/core';
import type { CompiledRule } from './compiled-rule.ts';
import type { Hold } from './hold.ts';
import { MICRO } from './prices.ts';
import type { ClaimState } from './store.ts';

/** Decisions that are remembered; a power of two. */
const SIZE = 64;

/** The last decisions, from which can be said how limits stand without asking the store. */
export class RecentHolds {
  readonly #holds: (Hold | undefined)[] = Array.from<Hold | undefined>({ length: SIZE });
  readonly #times = new Float64Array(SIZE);
  #next = 0;

  /** Remembers a decision. One array store: this is on the way of every call. */
  note(hold: Hold, now: number): void {
    const slot = this.#next++ & (SIZE - 1);
    this.#holds[slot] = hold;
    this.#times[slot] = now;
  }

  /** How the limits stand that the last calls were about, the latest first; what came back since is taken off. */
  rows(now: number): InspectedRow[] {
    const rows = new Map<string, InspectedRow>();
    for (let back = 1; back <= SIZE; back++) {
      const slot = (this.#next - back) & (SIZE - 1);
      const hold = this.#holds[slot];
      hold?.applied.forEach(({ rule, scope }, i) => {
        const state = hold.states[i];
        const key = `${rule.name}:${scope}`;
        if (state === undefined || rows.has(key)) return;
        const resetMs = Math.max(0, state.resetMs - (now - (this.#times[slot] ?? 0)));
        const unit = rule.of === 'cost' ? MICRO : 1;
        const used = usedOf(rule, state, resetMs);
        rows.set(key, {
          rule: rule.name,
          of: rule.of,
          scope: rule.shown(scope),
          used: used === undefined ? undefined : used / unit,
          limit: (rule.rate?.burst ?? rule.limit) / unit,
          resetMs,
        });
      });
    }
    return [...rows.values()];
  }
}

/** Units in use. Undefined where a decision does not say it: of places, which come back when calls end, and of calls that are spaced. */
function usedOf(
  { rate, calendar, limit }: CompiledRule,
  state: ClaimState,
  resetMs: number,
): number | undefined {
  if (calendar !== undefined) return resetMs > 0 ? limit - state.remaining : 0;
  if (rate === undefined || rate.spaced) return undefined;
  // A rolling window gives back evenly.
  return ((rate.burst - state.remaining) * resetMs) / Math.max(1, state.resetMs);
}
