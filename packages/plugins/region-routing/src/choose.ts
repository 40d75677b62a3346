import type { Random } from '@sluice/core';
import { homeOf } from './affinity.ts';
import { FIT } from './endpoint-state.ts';
import type { RoutingStrategy } from './options.ts';
import type { Dropped, Route } from './route.ts';
import { type Moment, type Pick, STRATEGIES, waitOf } from './strategies.ts';
import { oneTier } from './tiers.ts';

/** What is asked of a {@link Chooser}. */
export interface Question {
  /** Ids of endpoints that have had the call. */
  readonly tried: readonly string[] | undefined;
  readonly model: string | undefined;
  /** Hash of the conversation, with affinity. */
  readonly conversation: number | undefined;
}

/** The choice. */
export interface Choice {
  readonly route: Route;
  /** In a word: the strategy, `affinity`, `only`, `again` (all that are well were tried) or `panic` (none is well). */
  readonly reason: string;
  /** How many others could have taken the call. */
  readonly alternatives: number;
  /** Who was left out at this step. */
  readonly dropped: readonly Dropped[];
}

/** Picks an endpoint: health → not yet tried → tier → strategy. */
export class Chooser {
  readonly #strategy: RoutingStrategy;
  readonly #pick: Pick;
  readonly #random: Random;
  readonly #tiered: boolean;

  constructor(strategy: RoutingStrategy, routes: readonly Route[], random: Random) {
    this.#strategy = strategy;
    this.#pick = STRATEGIES[strategy];
    this.#random = random;
    this.#tiered = routes.some(({ priority }) => priority !== routes[0]?.priority);
  }

  /**
   * Chooses. There is always a choice: if none is well, it is the least bad.
   *
   * @param permitted What can take the call, as far as residency and capability go; not empty.
   */
  choose(permitted: readonly Route[], question: Question, moment: Moment): Choice {
    const { tried, model, conversation } = question;
    const { now } = moment;
    const dropped: Dropped[] = [];
    // By fitness, and within it those that have not had the call yet: the best there is, whatever that is.
    let candidates: Route[] = [];
    let best = Infinity;
    for (const route of permitted) {
      const grade = gradeOf(route, model, tried, now);
      if (grade < best) {
        best = grade;
        candidates = [route];
      } else if (grade === best) {
        candidates.push(route);
      }
    }
    if (candidates.length < permitted.length) {
      for (const route of permitted) {
        const grade = gradeOf(route, model, tried, now);
        if (grade !== best)
          dropped.push(route.dropped(grade === TRIED ? 'tried' : route.state.objection(model, now)));
      }
    }
    const fresh = best === FIT;
    const alternatives = fresh ? candidates.length - 1 : 0;
    const reason = fresh ? undefined : best === TRIED ? 'again' : 'panic';
    const chosen = this.#amongEquals(candidates, permitted, model, conversation, moment, dropped);
    return { route: chosen.route, reason: reason ?? chosen.reason, alternatives, dropped };
  }

  #amongEquals(
    candidates: readonly Route[],
    permitted: readonly Route[],
    model: string | undefined,
    conversation: number | undefined,
    moment: Moment,
    dropped: Dropped[],
  ): { readonly route: Route; readonly reason: string } {
    let left = candidates;
    if (this.#tiered && candidates.length > 1) {
      left = oneTier(candidates, permitted, ({ state }) => state.fitness(model, moment.now), this.#random);
      for (const route of candidates) if (!left.includes(route)) dropped.push(route.dropped('priority'));
    }
    if (left.length === 1) return { route: left[0] as Route, reason: 'only' };
    if (conversation !== undefined) {
      const home = homeOf(conversation, left, (route) => waitOf(route, moment));
      if (home !== undefined) return { route: home, reason: 'affinity' };
    }
    return { route: this.#pick(left, moment, this.#random), reason: this.#strategy };
  }
}

/** Fit, and tried: every second grade is that of a fitness. */
const TRIED = 1;

function gradeOf(
  { id, state }: Route,
  model: string | undefined,
  tried: readonly string[] | undefined,
  now: number,
): number {
  return 2 * state.fitness(model, now) + (tried?.includes(id) === true ? 1 : 0);
}
