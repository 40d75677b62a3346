import { type ApiRequest, CLOCK, type Context, definePlugin, discard, type PluginFactory, RANDOM } from '@sluice/core';
import { attempt, dispositionOf, giveUp, handOn } from './attempt.ts';
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

    return {
      async handle(request, next, ctx) {
        budget.deposit();
        for (let retries = 0; ; retries++) {
          const result = await attempt(request, next, clock, commitHoldMs);
          if ('response' in result && result.response.status < 400) return result.response;

          const disposition = await dispositionOf(result, clock);
          if (disposition.retry === 'no' && 'error' in result) return handOn(result);
          if (disposition.retry === 'backoff' && !mayHappenTwice(request, ctx)) return handOn(result);
          if (disposition.retry === 'no' || retries >= maxRetries) return giveUp(result);

          const delayMs = backoff(disposition, retries, settings, random);
          // What cannot be over in time is better told now. The budget comes last: what is taken out of it is used.
          if (delayMs === undefined || delayMs >= ctx.remainingMs() || !budget.withdraw()) return giveUp(result);

          if ('response' in result) await discard(result.response);
          await wait(clock, delayMs, request.signal);
        }
      },
    };
  },
});

/** Methods that mean the same when they arrive twice (RFC 9110 §9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

/**
 * Whether a request may be sent again that was perhaps carried out. A completion costs its tokens twice, and nothing
 * else; a batch or an upload would be there twice.
 */
function mayHappenTwice(request: ApiRequest, ctx: Context): boolean {
  return ctx.format !== undefined || IDEMPOTENT.has(request.method);
}
