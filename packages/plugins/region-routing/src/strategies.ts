import type { Random } from '@sluice/core';
import type { RoutingStrategy } from './options.ts';
import type { Route } from './route.ts';

/** What a strategy knows beside the candidates. */
export interface Moment {
  /** The pipeline's monotonic clock. */
  readonly now: number;
  /** Whether the call is streamed. */
  readonly streamed: boolean;
  readonly slowStartMs: number;
}

/** Picks one of at least two candidates, all as good as each other so far. */
export type Pick = (candidates: readonly Route[], moment: Moment, random: Random) => Route;

/** Up to so many candidates are all compared; more would make every process run to the same one. */
const COMPARE_ALL = 4;
/** Costs are taken up to this much too high, by chance, for the same reason. */
const JITTER = 0.2;

/** The ways to pick, by name. */
export const STRATEGIES: Readonly<Record<RoutingStrategy, Pick>> = {
  /** The least loaded by expected wait; of two drawn by chance where there are many ("power of two choices"). */
  latency(candidates, moment, random) {
    if (candidates.length > COMPARE_ALL) {
      const first = Math.floor(random.next() * candidates.length);
      const second = (first + 1 + Math.floor(random.next() * (candidates.length - 1))) % candidates.length;
      const [one, other] = [candidates[first] as Route, candidates[second] as Route];
      return costOf(one, moment) <= costOf(other, moment) ? one : other;
    }
    let best = candidates[0] as Route;
    let least = Infinity;
    for (const route of candidates) {
      const cost = costOf(route, moment) * (1 + JITTER * random.next());
      if (cost < least) {
        least = cost;
        best = route;
      }
    }
    return best;
  },

  priority: (candidates) => candidates[0] as Route,

  weighted(candidates, moment, random) {
    let total = 0;
    for (const route of candidates) total += weightOf(route, moment);
    let left = random.next() * total;
    for (const route of candidates) {
      left -= weightOf(route, moment);
      if (left < 0) return route;
    }
    return candidates.at(-1) as Route;
  },

  /** nginx's smooth weighted round-robin: in turn, and those of more weight more often, but never in a row for it. */
  'round-robin'(candidates, moment) {
    let best = candidates[0] as Route;
    let total = 0;
    for (const route of candidates) {
      const weight = weightOf(route, moment);
      total += weight;
      route.credit += weight;
      if (route.credit > best.credit) best = route;
    }
    best.credit -= total;
    return best;
  },
};

/** What the next call has to expect, in milliseconds. */
export function waitOf({ state }: Route, { now, streamed }: Moment): number {
  return state.expectedMs(streamed, now);
}

function costOf(route: Route, moment: Moment): number {
  return (waitOf(route, moment) * (route.state.inFlight + 1)) / weightOf(route, moment);
}

function weightOf({ weight, state }: Route, { now, slowStartMs }: Moment): number {
  return weight * state.share(now, slowStartMs);
}
