import {
  type ApiRequest,
  CLOCK,
  type Context,
  definePlugin,
  discard,
  type Disposition,
  type PluginFactory,
  RANDOM,
} from '@sluice/core';
import { type Attempt, attempt, dispositionOf, giveUp, handOn } from './attempt.ts';
import { backoff } from './backoff.ts';
import { RetryBudget } from './budget.ts';
import { options, type RetryOptions } from './options.ts';
import { wait } from './wait.ts';

/**
 * Tries again what may succeed when tried again: full jitter, the upstream's `retry-after` as a floor, a budget for all
 * calls together, nothing after the first content event has gone out. What it gives up on carries
 * `x-should-retry: false`, so that an SDK outside does not multiply the attempts.
 */
export const retry: PluginFactory<RetryOptions> = definePlugin({
  name: 'retry',
  outside: ['region-routing', 'circuit-breaker', 'credentials'],
  needs: { clock: CLOCK, random: RANDOM },
  options,
  create: (settings, { clock, random }) => {
    const { maxRetries, commitHoldMs, budgetRatio, budgetReserve } = settings;
    const budget = new RetryBudget(clock, { ratio: budgetRatio, reserve: budgetReserve });

    /** How long to wait before a retry, or undefined when there shall be none. */
    const delayBefore = (retry: number, disposition: Disposition, ctx: Context): number | undefined => {
      if (disposition.retry === 'no' || retry >= maxRetries) return undefined;
      const delayMs = backoff(disposition, retry, settings, random);
      // What cannot be over in time is better told now.
      if (delayMs === undefined || delayMs >= ctx.remainingMs()) return undefined;
      // Last, because what is taken out of the budget is used.
      return budget.withdraw() ? delayMs : undefined;
    };

    return {
      async handle(request, next, ctx) {
        budget.deposit();
        for (let retry = 0; ; retry++) {
          const result = await attempt(request, next, clock, commitHoldMs);
          if ('response' in result && result.response.status < 400) return result.response;

          const disposition = await dispositionOf(result, clock);
          if (callerDecides(result, disposition, request, ctx)) return handOn(result);

          const delayMs = delayBefore(retry, disposition, ctx);
          if (delayMs === undefined) return giveUp(result);

          if ('response' in result) await discard(result.response);
          await wait(clock, delayMs, request.signal);
        }
      },
    };
  },
});

/** Whether it is not ours to say that trying again is of no use, either. */
function callerDecides(
  result: Attempt,
  { retry: kind }: Disposition,
  { method }: ApiRequest,
  { format }: Context,
): boolean {
  // A refusal from further in, which says of itself whether to come back.
  if (kind === 'no') return 'error' in result;
  // Perhaps carried out. A completion then costs its tokens twice, and nothing else; a batch or an upload would be there
  // twice.
  return kind === 'backoff' && format === undefined && !IDEMPOTENT.has(method);
}

/** Methods that mean the same when they arrive twice (RFC 9110 §9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);
