import { type ApiRequest, CLOCK, type Context, definePlugin, type PluginFactory, RANDOM } from '@sluice/core';
import { attempt, succeeded } from './attempt.ts';
import { RetryBudget } from './budget.ts';
import { Hedging } from './hedge.ts';
import { options, type RetryOptions } from './options.ts';
import { allowedRetries, Recovery } from './recovery.ts';

/**
 * Tries again what may succeed when tried again: elsewhere at once, or after a wait with full jitter and the upstream's
 * `retry-after` as a floor. A budget for all calls together, nothing after the first content event has gone out. What
 * it gives up on carries `x-should-retry: false`, so that an SDK outside does not multiply the attempts.
 */
export const retry: PluginFactory<RetryOptions> = definePlugin({
  name: 'retry',
  outside: ['region-routing', 'circuit-breaker', 'credentials'],
  needs: { clock: CLOCK, random: RANDOM },
  options,
  create: (settings, { clock, random }) => {
    const { budgetRatio, budgetReserve, hedge, maxRetries, retryWithinMs } = settings;
    // What fails later is not repeated, and has no reason to be held back.
    const commitHoldMs = Math.min(settings.commitHoldMs, retryWithinMs);
    const budget = new RetryBudget({ ratio: budgetRatio, reserve: budgetReserve }, clock.now());
    const parts = { settings, commitHoldMs, clock, random, budget };
    const hedging =
      hedge === undefined ? undefined : new Hedging({ settings: hedge, commitHoldMs, clock, budget });

    /** A second completion costs its tokens again, and nothing else: of other requests nobody knows. */
    const mayHedge = (request: ApiRequest, { format }: Context): boolean =>
      format !== undefined && allowedRetries(request, maxRetries) > 0;

    return {
      async handle(request, next, ctx) {
        const startedAt = clock.now();
        budget.deposit(startedAt);
        const hedged = hedging !== undefined && mayHedge(request, ctx);
        const first = hedged
          ? await hedging.firstAttempt(request, next, ctx)
          : await attempt(request, next, clock, commitHoldMs);
        if (succeeded(first)) return first.response;
        return new Recovery(parts, request, next, ctx).after(first, clock.now() - startedAt);
      },
    };
  },
});
