import {
  ALTERNATIVES,
  type ApiRequest,
  type Clock,
  type Context,
  discard,
  type Disposition,
  type Next,
  PipelineError,
  type Random,
} from '@sluice/core';
import { type Attempt, attempt, dispositionOf, giveUp, handOn, succeeded, unanswered } from './attempt.ts';
import { backoff, failoverDelay } from './backoff.ts';
import type { RetryBudget } from './budget.ts';
import type { RetrySettings } from './options.ts';
import { Tried } from './tried.ts';
import { wait } from './wait.ts';

/** What the recoveries of one pipeline share. */
export interface RecoveryParts {
  readonly settings: RetrySettings;
  /** How long a stream is held back. */
  readonly commitHoldMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly budget: RetryBudget;
}

/** When the next attempt is made, and where it must not go. */
interface Plan {
  readonly delayMs: number;
  readonly otherThan: readonly string[];
  readonly elsewhere: boolean;
}

/** A call whose first attempt has failed, until another one succeeds or no other is worth it. */
export class Recovery {
  readonly #parts: RecoveryParts;
  readonly #request: ApiRequest;
  readonly #next: Next;
  readonly #ctx: Context;
  /** Retries that are allowed: those that the SDK outside has made already are not. */
  readonly #maxRetries: number;
  readonly #tried = new Tried();
  /** Waits for an endpoint that has failed before. */
  #waits = 0;
  /** When the wait in progress began. */
  #waitingSince: number;
  /** Attempts that the budget has paid for; the first is free. */
  #paid = 1;

  constructor(parts: RecoveryParts, request: ApiRequest, next: Next, ctx: Context) {
    this.#parts = parts;
    this.#request = request;
    this.#next = next;
    this.#ctx = ctx;
    this.#maxRetries = allowedRetries(request, parts.settings.maxRetries);
    this.#waitingSince = parts.clock.now();
  }

  /** Tries again as long as it is worth it. `tookMs` is how long the failed attempt took. */
  async after(failed: Attempt, tookMs: number): Promise<Response> {
    const { clock, commitHoldMs, settings } = this.#parts;
    const ctx = this.#ctx;
    let result = failed;
    let took = tookMs;
    let sent = ctx.attempts > 0;
    let disposition = await dispositionOf(result, clock);
    let refused = !sent && disposition.retry === 'throttled';
    let leftOut: readonly string[] = [];
    for (let retries = 0; ;) {
      const now = clock.now();
      if (sent) this.#tried.note(ctx.history.at(-1)?.endpoint?.id, disposition, now);
      if (refused) this.#tried.noteRefusal(disposition, leftOut, now);
      // Another plugin may have sent it again already, with another key: that is a retry, too.
      const made = Math.max(retries, ctx.attempts - 1);
      // A hedge was the call's second chance: hedging and retrying would multiply.
      const allowed = made < this.#maxRetries && took <= settings.retryWithinMs && result.hedged !== true;
      const plan = allowed ? this.#plan(result, disposition, refused) : undefined;
      if (plan === undefined) return this.#end(result, disposition, refused);

      if ('response' in result) await discard(result.response);
      await wait(clock, plan.delayMs, this.#request.signal);

      const attemptsBefore = ctx.attempts;
      const startedAt = clock.now();
      leftOut = plan.otherThan;
      result = await attempt(this.#requestFor(plan), this.#next, clock, commitHoldMs);
      if (succeeded(result)) return result.response;
      took = clock.now() - startedAt;
      sent = ctx.attempts > attemptsBefore;
      // The other endpoint was gone when it came to it: as if there had been none.
      const gone = plan.elsewhere && !sent && isNoEndpoint(result);
      disposition = gone ? { ...disposition, otherEndpoint: false } : await dispositionOf(result, clock);
      refused = !sent && !gone && disposition.retry === 'throttled';
      // Who comes too early waits on, and has not had the retry yet.
      if (!refused || plan.elsewhere || disposition.retryAfterMs === 0) retries++;
    }
  }

  /** Ends the call with its last answer. */
  #end(result: Attempt, { retry: kind }: Disposition, refused: boolean): Response {
    // Nobody is there to be told, or everybody shall come back: it is not ours to say.
    if (this.#request.signal.aborted) return handOn(result);
    // A refusal from further in says of itself whether to come back, and what may be there twice is the caller's risk.
    const callersChoice = refused || kind === 'no' ? 'error' in result : this.#mayBeThereTwice(kind);
    // If all who come back have made one attempt or none, there are never more than a single call could have made.
    const { attempts } = this.#ctx;
    const invited = attempts === 0 || (attempts === 1 && this.#maxRetries > 0);
    return callersChoice && invited ? handOn(result) : giveUp(result);
  }

  #plan(result: Attempt, { retry: kind, otherEndpoint }: Disposition, refused: boolean): Plan | undefined {
    const { clock, random, settings, budget } = this.#parts;
    const ctx = this.#ctx;
    const now = clock.now();
    const elsewhere = otherEndpoint && (ctx.state.get(ALTERNATIVES) ?? 0) > 0;
    if (kind === 'no' && !elsewhere) return undefined;
    if (this.#mayBeThereTwice(kind)) return undefined;
    if (!settings.retryUnanswered && unanswered(result)) return undefined;

    const floorMs = this.#tried.floorMs(now);
    const delayMs = elsewhere ? failoverDelay(random) : backoff(kind, floorMs, this.#waits, settings, random);
    // A refusal only prolongs the wait that it ends, and no wait is longer than allowed.
    if (!refused) this.#waitingSince = now;
    else if (now + floorMs - this.#waitingSince > settings.maxDelayMs) return undefined;
    // What cannot be over in time is better told now.
    if (delayMs === undefined || delayMs >= ctx.remainingMs()) return undefined;
    // Last, because what is taken out of the budget is used. Nothing is owed for what was never sent.
    if (ctx.attempts >= this.#paid) {
      if (!budget.withdraw(now)) return undefined;
      this.#paid = ctx.attempts + 1;
    }
    if (elsewhere) return { delayMs, otherThan: this.#tried.all(), elsewhere };
    if (!refused) this.#waits++;
    return { delayMs, otherThan: this.#tried.closedAt(now + delayMs), elsewhere };
  }

  #requestFor({ otherThan }: Plan): ApiRequest {
    const request = this.#request;
    if (otherThan.length === 0) return request;
    return { ...request, otherThan: [...(request.otherThan ?? []), ...otherThan] };
  }

  /**
   * Whether to repeat the request might do twice what it does. A completion then costs its tokens twice, and nothing
   * else; a batch or an upload would be there twice. What was not accepted, or not sent at all, did nothing.
   */
  #mayBeThereTwice(kind: Disposition['retry']): boolean {
    const { format } = this.#ctx;
    const accepted = kind === 'backoff' || kind === 'no';
    return accepted && format === undefined && !IDEMPOTENT.has(this.#request.method);
  }
}

/** Methods that mean the same when they arrive twice (RFC 9110 §9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

/**
 * How many retries a request has left. The official SDKs say how many they have made themselves; both together make no
 * more than we would alone.
 */
export function allowedRetries({ headers }: ApiRequest, maxRetries: number): number {
  const said = headers['x-stainless-retry-count'];
  if (said === undefined || !/^\d{1,6}$/.test(said)) return maxRetries;
  return Math.max(0, maxRetries - Number(said));
}

function isNoEndpoint(result: Attempt): boolean {
  return 'error' in result && PipelineError.is(result.error) && result.error.code === 'no_endpoint';
}
