import type { Random } from '@sluice/core';
import { FIT } from './endpoint-state.ts';
import type { Route } from './route.ts';

/** A tier is full strength until it has lost more than a third or so of its weight (Envoy's over-provisioning factor). */
const OVER_PROVISIONING = 1.4;

/**
 * Narrows candidates down to those of one tier. The first tier gets all calls while it is well enough, and what it
 * cannot carry spills over to the next.
 *
 * @param permitted Everything that could take the call if it were well; what is unwell of it weakens its tier.
 */
export function oneTier(
  candidates: readonly Route[],
  permitted: readonly Route[],
  fitness: (route: Route) => number,
  random: Random,
): readonly Route[] {
  const tiers = [...new Set(permitted.map(({ priority }) => priority))].toSorted((a, b) => a - b);
  let draw = random.next();
  for (const tier of tiers) {
    let all = 0;
    let well = 0;
    for (const route of permitted) {
      if (route.priority !== tier) continue;
      all += route.weight;
      if (fitness(route) === FIT) well += route.weight;
    }
    const strength = Math.min(1, (OVER_PROVISIONING * well) / all);
    draw -= strength;
    if (draw >= 0) continue;
    const chosen = candidates.filter(({ priority }) => priority === tier);
    if (chosen.length > 0) return chosen;
    // All of them were tried: on to the next.
    draw = -1;
  }
  // What is left of the first tier that has any, when all together are not strong enough.
  const first = Math.min(...candidates.map(({ priority }) => priority));
  return candidates.filter(({ priority }) => priority === first);
}
