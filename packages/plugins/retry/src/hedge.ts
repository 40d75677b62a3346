import {
  ALTERNATIVES,
  type ApiRequest,
  type Clock,
  type Context,
  discard,
  type Next,
  PipelineError,
  type TimerHandle,
} from '@sluice/core';
import { type Attempt, attempt, succeeded } from './attempt.ts';
import { RetryBudget } from './budget.ts';
import { ContentTimes } from './content-times.ts';
import type { HedgeSettings } from './options.ts';

/** A longer name of a model is not kept. */
const MAX_MODEL_LENGTH = 256;

/** What hedging is made with. */
export interface HedgingParts {
  readonly settings: HedgeSettings;
  readonly clock: Clock;
  readonly commitHoldMs: number;
  /** The budget of retries, which a hedge is paid from as well. */
  readonly budget: RetryBudget;
}

/** Second attempts to other endpoints for calls that take longer than most (Dean and Barroso, "The Tail at Scale"). */
export class Hedging {
  readonly #parts: HedgingParts;
  readonly #times: ContentTimes;
  readonly #own: RetryBudget;

  constructor(parts: HedgingParts) {
    const { clock, settings } = parts;
    this.#parts = parts;
    this.#times = new ContentTimes(settings.minSamples);
    this.#own = new RetryBudget({ ratio: settings.budgetRatio, reserve: 1 }, clock.now());
  }

  /** Makes the first attempt of a call of a known format, and a second one beside it when it takes long. */
  async firstAttempt(request: ApiRequest, next: Next, ctx: Context): Promise<Attempt> {
    const { clock, commitHoldMs, settings } = this.#parts;
    const startedAt = clock.now();
    this.#own.deposit(startedAt);
    const kind = kindOf(ctx);
    const p95 = this.#times.p95(kind);
    if (p95 === undefined || request.signal.aborted) {
      const result = await attempt(request, next, clock, commitHoldMs);
      if (succeeded(result)) this.#times.add(kind, clock.now() - startedAt);
      return result;
    }
    const race = new Race(request, next, ctx, this.#parts, this.#paid);
    const delayMs = Math.min(settings.maxDelayMs, Math.max(settings.minDelayMs, p95));
    const result = await race.run(delayMs);
    // Of one that lost it is known that it takes at least as long: without it, the percentile would sink with each hedge.
    if (succeeded(result)) this.#times.add(kind, clock.now() - startedAt);
    return result;
  }

  /** Pays for one hedge, or returns false. */
  readonly #paid = (): boolean => {
    const now = this.#parts.clock.now();
    // The own budget first, because it is the smaller one.
    return this.#own.withdraw(now) && this.#parts.budget.withdraw(now);
  };
}

/** A model answers a streamed call with its first words, and any other with its last. */
function kindOf({ model = '', streamed }: Context): string {
  return `${streamed ? 'streamed' : 'whole'} ${model.length > MAX_MODEL_LENGTH ? '' : model}`;
}

/** One of the attempts, with a signal of its own: it must end with the call, and alone when it has lost. */
interface Runner {
  readonly controller: AbortController;
  readonly isHedge: boolean;
}

/** The first attempt of a call and its hedge, up to the first content of either. */
class Race {
  readonly #request: ApiRequest;
  readonly #next: Next;
  readonly #ctx: Context;
  readonly #parts: HedgingParts;
  readonly #paid: () => boolean;
  readonly #outcome = Promise.withResolvers<Attempt>();
  /** Where the first attempt will be in the call's history, once it is sent. */
  readonly #place: number;
  readonly #runners: Runner[] = [];
  #running = 0;
  #hedged = false;
  #over = false;
  #timer: TimerHandle | undefined;

  constructor(request: ApiRequest, next: Next, ctx: Context, parts: HedgingParts, paid: () => boolean) {
    this.#request = request;
    this.#next = next;
    this.#ctx = ctx;
    this.#parts = parts;
    this.#paid = paid;
    this.#place = ctx.attempts;
  }

  run(hedgeAfterMs: number): Promise<Attempt> {
    const { signal } = this.#request;
    signal.addEventListener('abort', this.#onAbort);
    // The winner's body is read long after this: only then has the call no use for its signal.
    this.#ctx.onComplete(this.#onComplete);
    this.#timer = this.#parts.clock.setTimeout(this.#hedge, hedgeAfterMs);
    this.#start(false, this.#request.otherThan);
    return this.#outcome.promise;
  }

  #start(isHedge: boolean, otherThan: readonly string[] | undefined): void {
    const { clock, commitHoldMs } = this.#parts;
    const runner: Runner = { controller: new AbortController(), isHedge };
    this.#runners.push(runner);
    this.#running++;
    const { signal } = runner.controller;
    const request = { ...this.#request, signal, ...(otherThan === undefined ? {} : { otherThan }) };
    const attemptsBefore = this.#ctx.attempts;
    void attempt(request, this.#next, clock, commitHoldMs).then((result) => {
      this.#ended(runner, result, this.#ctx.attempts > attemptsBefore);
    });
  }

  readonly #hedge = (): void => {
    this.#timer = undefined;
    // Where the first attempt is must be known, or this one could go there as well.
    const id = this.#ctx.history[this.#place]?.endpoint?.id;
    if (id === undefined || (this.#ctx.state.get(ALTERNATIVES) ?? 0) === 0 || !this.#paid()) return;
    this.#hedged = true;
    this.#start(true, [...(this.#request.otherThan ?? []), id]);
  };

  #ended(runner: Runner, result: Attempt, sent: boolean): void {
    this.#running--;
    if (this.#over) {
      giveUp(result);
      return;
    }
    if (succeeded(result)) {
      for (const other of this.#runners) {
        if (other !== runner) other.controller.abort(new PipelineError('superseded'));
      }
      this.#finish(result);
      return;
    }
    // Nobody was asked: it is as if there had been no hedge.
    if (runner.isHedge && !sent) this.#hedged = false;
    if (this.#running === 0) this.#finish(result);
    else giveUp(result);
  }

  #finish(result: Attempt): void {
    this.#over = true;
    if (this.#timer !== undefined) this.#parts.clock.clearTimeout(this.#timer);
    this.#outcome.resolve({ ...result, hedged: this.#hedged });
  }

  readonly #onComplete = (): void => {
    const { signal } = this.#request;
    signal.removeEventListener('abort', this.#onAbort);
    // The call hears of an abort before we do, and may end by it.
    if (signal.aborted) this.#onAbort();
  };

  readonly #onAbort = (): void => {
    if (this.#timer !== undefined) this.#parts.clock.clearTimeout(this.#timer);
    for (const { controller } of this.#runners) controller.abort(this.#request.signal.reason);
  };
}

/** Frees the connection of an answer that will not be handed on. */
function giveUp(result: Attempt): void {
  // `discard` does not fail: how a body ends that is thrown away does not matter.
  if ('response' in result) void discard(result.response);
}
