import type { OptionSchema } from '@sluice/core';
import * as v from 'valibot';

/** Options of `retry`. */
export interface RetryOptions {
  /**
   * Retries after the first attempt, at the same endpoint or another. With 0, nothing but the commit point is left.
   *
   * @default 2
   */
  readonly maxRetries?: number;
  /**
   * Bound of the first wait after an ordinary fault, in milliseconds; it doubles with each wait.
   *
   * @default 500
   */
  readonly baseDelayMs?: number;
  /**
   * Bound of the first wait after 429 or 529, in milliseconds; it doubles with each wait.
   *
   * @default 2_000
   */
  readonly throttledDelayMs?: number;
  /**
   * No wait is longer, in milliseconds. An upstream that asks for more gets no retry.
   *
   * @default 30_000
   */
  readonly maxDelayMs?: number;
  /**
   * An attempt that took longer than this before it failed is not repeated, in milliseconds. Keep it above
   * `timeouts.firstEventMs`, or a stream that never begins is not tried again.
   *
   * @default 90_000
   */
  readonly retryWithinMs?: number;
  /**
   * Whether an attempt is repeated that was sent and not answered: the connection was lost, or nothing came in time.
   * The provider may have worked on it, and then bills it twice. Without effect on requests of no known format, which
   * are never repeated then.
   *
   * @default true
   */
  readonly retryUnanswered?: boolean;
  /**
   * How long the preamble of a stream is held back, in milliseconds, so that its failure can still be retried; never
   * longer than `retryWithinMs`.
   *
   * @default 60_000
   */
  readonly commitHoldMs?: number;
  /**
   * Retries of all calls together, as a share of the calls of the last seconds. What an outage multiplies the load by
   * is one more than this.
   *
   * @default 0.2
   */
  readonly budgetRatio?: number;
  /**
   * Retries that the budget holds when there are hardly any calls; later calls pay for what is taken.
   *
   * @default 10
   */
  readonly budgetReserve?: number;
  /**
   * Sends a second attempt to another endpoint when the first has no content after the time in which 95 of 100 have.
   * The first content wins. Needs routing to more than one endpoint, and costs the input of the hedged calls twice.
   *
   * @default off
   */
  readonly hedge?: HedgeOptions;
}

/** Options of hedging, the `hedge` of {@link RetryOptions}. */
export interface HedgeOptions {
  /**
   * Hedges of all calls together, as a share of the calls; 0.05 at most. They count against the retry budget as well.
   *
   * @default 0.02
   */
  readonly budgetRatio?: number;
  /**
   * Answers of the same model, streamed or not, whose times have to be known first.
   *
   * @default 50
   */
  readonly minSamples?: number;
  /**
   * No hedge is sent earlier, in milliseconds after the first attempt.
   *
   * @default 500
   */
  readonly minDelayMs?: number;
  /**
   * No hedge waits longer, in milliseconds after the first attempt.
   *
   * @default 30_000
   */
  readonly maxDelayMs?: number;
}

/** The options of hedging, with defaults where none were given. */
export type HedgeSettings = Required<HedgeOptions>;

/** The options, with defaults where none were given. */
export type RetrySettings = Required<Omit<RetryOptions, 'hedge'>> & { readonly hedge?: HedgeSettings };

const number = v.pipe(
  v.number('must be a number'),
  v.finite('must be finite'),
  v.minValue(0, 'must be at least 0'),
);
const wholeNumber = v.pipe(
  v.number('must be a whole number'),
  v.integer('must be a whole number'),
  v.minValue(0, 'must be at least 0'),
);
const milliseconds = v.pipe(
  v.number('must be a number of milliseconds'),
  v.finite('must be finite'),
  v.minValue(0, 'must be at least 0'),
);

const hedge = v.pipe(
  v.strictObject({
    // More is no hedging, it is load: a twentieth is all that a 95th percentile can ask for.
    budgetRatio: v.exactOptional(v.pipe(number, v.maxValue(0.05, 'must be at most 0.05')), 0.02),
    // Of fewer than twenty times, the slowest would be the 95th percentile.
    minSamples: v.exactOptional(
      v.pipe(wholeNumber, v.minValue(20, 'must be at least 20'), v.maxValue(128, 'must be at most 128')),
      50,
    ),
    minDelayMs: v.exactOptional(milliseconds, 500),
    maxDelayMs: v.exactOptional(milliseconds, 30_000),
  }),
  v.check(({ minDelayMs, maxDelayMs }) => minDelayMs <= maxDelayMs, 'minDelayMs must not exceed maxDelayMs'),
);

/** Checks the options and fills in the defaults. */
export const options: OptionSchema<RetrySettings> = v.pipe(
  v.strictObject({
    // Beyond, the waits alone take minutes: a queue does that better.
    maxRetries: v.exactOptional(v.pipe(wholeNumber, v.maxValue(10, 'must be at most 10')), 2),
    baseDelayMs: v.exactOptional(milliseconds, 500),
    throttledDelayMs: v.exactOptional(milliseconds, 2_000),
    maxDelayMs: v.exactOptional(milliseconds, 30_000),
    // Longer than the default clock of the first event, so that a stream that never begins is tried again; shorter than
    // the 100 s after which a CDN gives a slow upstream up: whoever needed longer will need longer again.
    retryWithinMs: v.exactOptional(milliseconds, 90_000),
    retryUnanswered: v.exactOptional(v.boolean('must be true or false'), true),
    // As long as the default clock of the first event: until that one has fired, no failure is final.
    commitHoldMs: v.exactOptional(milliseconds, 60_000),
    budgetRatio: v.exactOptional(number, 0.2),
    budgetReserve: v.exactOptional(number, 10),
    hedge: v.exactOptional(hedge),
  }),
  v.check(
    (given) => given.hedge === undefined || given.maxRetries > 0,
    'a hedge is a second attempt, which "maxRetries": 0 forbids; raise it or remove "hedge"',
  ),
  v.check(
    (given) => given.hedge === undefined || given.retryUnanswered,
    'a hedge repeats what is not answered yet, which "retryUnanswered": false forbids; remove one of them',
  ),
  v.check(
    ({ hedge: given, commitHoldMs, retryWithinMs }) =>
      given === undefined || given.maxDelayMs < Math.min(commitHoldMs, retryWithinMs),
    '"hedge.maxDelayMs" must be less than "commitHoldMs" and "retryWithinMs", after which the first attempt is committed',
  ),
);
