import {
  type ApiRequest,
  classify,
  CLOCK,
  type Context,
  definePlugin,
  discard,
  type Disposition,
  holdUntilContent,
  type Next,
  peekJson,
  PipelineError,
  type PluginFactory,
  RANDOM,
} from '@sluice/core';
import * as v from 'valibot';
import { fullJitter } from './backoff.ts';
import { wait } from './wait.ts';

/** Options of {@link retry}. */
export interface RetryOptions {
  /** Retries after the first attempt. Default 2: three attempts. */
  readonly maxRetries?: number;
  /** Bound of the first wait after an ordinary fault; doubles each time. Default 500 ms. */
  readonly baseDelayMs?: number;
  /** Bound of the first wait after 429 or 529; doubles each time. Default 2 000 ms. */
  readonly throttledDelayMs?: number;
  /** No wait is longer; an upstream that asks for more gets no retry. Default 30 000 ms. */
  readonly maxDelayMs?: number;
  /** How long the preamble of a stream is held back so that its failure can still be retried. Default 30 000 ms. */
  readonly commitHoldMs?: number;
}

const wholeNumber = (what: string, min: number) =>
  v.pipe(v.number(`must be ${what}`), v.integer(`must be ${what}`), v.minValue(min, `must be at least ${min}`));
const milliseconds = v.pipe(v.number('must be a number of milliseconds'), v.minValue(0, 'must be at least 0'));

const options = v.strictObject({
  maxRetries: v.exactOptional(wholeNumber('a whole number', 0), 2),
  baseDelayMs: v.exactOptional(milliseconds, 500),
  throttledDelayMs: v.exactOptional(milliseconds, 2_000),
  maxDelayMs: v.exactOptional(milliseconds, 30_000),
  commitHoldMs: v.exactOptional(milliseconds, 30_000),
});

/** What one attempt came to. */
type Attempt = { readonly response: Response } | { readonly error: unknown };

/**
 * Tries again what may succeed when tried again: full jitter, the upstream's `retry-after` as a floor, nothing after
 * the first content event has gone out. What it gives up on carries `x-should-retry: false`, so that an SDK outside
 * does not multiply the attempts.
 */
export const retry: PluginFactory<RetryOptions> = definePlugin<RetryOptions, v.InferOutput<typeof options>, { clock: typeof CLOCK; random: typeof RANDOM }>({
  name: 'retry',
  outside: ['region-routing', 'circuit-breaker', 'credentials'],
  needs: { clock: CLOCK, random: RANDOM },
  options,
  create: ({ maxRetries, baseDelayMs, throttledDelayMs, maxDelayMs, commitHoldMs }, { clock, random }) => {
    const attempt = async (request: ApiRequest, next: Next): Promise<Attempt> => {
      try {
        return { response: await holdUntilContent(await next(request), { clock, commitHoldMs }) };
      } catch (error) {
        return { error };
      }
    };

    /** How long to wait before the next attempt, or undefined when there shall be none. */
    const delayBefore = (retryIndex: number, disposition: Disposition, ctx: Context): number | undefined => {
      const { retry: kind, retryAfterMs = 0 } = disposition;
      if (kind === 'no' || retryIndex >= maxRetries) return undefined;
      const baseMs = kind === 'throttled' ? throttledDelayMs : baseDelayMs;
      const jittered = kind === 'at-once' && retryIndex === 0 ? 0 : fullJitter({ baseMs, capMs: maxDelayMs }, retryIndex, random);
      // A floor, not a suggestion: coming back earlier is what got us throttled.
      const delayMs = retryAfterMs > 0 ? retryAfterMs + Math.min(jittered, retryAfterMs / 10) : jittered;
      return retryAfterMs > maxDelayMs || delayMs >= ctx.remainingMs() ? undefined : delayMs;
    };

    return {
      async handle(request, next, ctx) {
        for (let retryIndex = 0; ; retryIndex++) {
          const result = await attempt(request, next);
          if ('response' in result && result.response.status < 400) return result.response;
          const disposition = await dispositionOf(result);
          const delayMs = delayBefore(retryIndex, disposition, ctx);
          if (delayMs === undefined) return giveUp(result);
          if ('response' in result) await discard(result.response);
          await wait(clock, delayMs, request.signal);
        }
      },
    };

    async function dispositionOf(result: Attempt): Promise<Disposition> {
      if ('error' in result) return classify(result.error, clock);
      const body = result.response.status === 429 ? await peekJson(result.response) : undefined;
      return classify(result.response, clock, body);
    }
  },
});

/** The last real answer, intact, with the word that trying again is of no use. */
function giveUp(result: Attempt): Response {
  if ('response' in result) {
    result.response.headers.set('x-should-retry', 'false');
    return result.response;
  }
  const { error } = result;
  if (!PipelineError.is(error) || !error.retryable) throw error;
  const { code, message, status, retryAfterMs, plugin, cause } = error;
  throw new PipelineError(code, {
    message,
    status,
    retryable: false,
    cause,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(plugin === undefined ? {} : { plugin }),
  });
}
