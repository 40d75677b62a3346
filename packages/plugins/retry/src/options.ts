import type { OptionSchema } from '@sluice/core';
import * as v from 'valibot';

/** Options of `retry`. */
export interface RetryOptions {
  /**
   * Retries after the first attempt. With 0, nothing but the commit point is left.
   *
   * @default 2
   */
  readonly maxRetries?: number;
  /**
   * Bound of the first wait after an ordinary fault, in milliseconds; it doubles with each retry.
   *
   * @default 500
   */
  readonly baseDelayMs?: number;
  /**
   * Bound of the first wait after 429 or 529, in milliseconds; it doubles with each retry.
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
   * How long the preamble of a stream is held back, in milliseconds, so that its failure can still be retried.
   *
   * @default 30_000
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
   * Retries that the budget holds when there are hardly any calls; spent, it fills up again within seconds.
   *
   * @default 10
   */
  readonly budgetReserve?: number;
}

/** The options, with defaults where none were given. */
export type RetrySettings = Required<RetryOptions>;

const number = v.pipe(
  v.number('must be a number'),
  v.finite('must be finite'),
  v.minValue(0, 'must be at least 0'),
);
const milliseconds = v.pipe(
  v.number('must be a number of milliseconds'),
  v.finite('must be finite'),
  v.minValue(0, 'must be at least 0'),
);

/** Checks the options and fills in the defaults. */
export const options: OptionSchema<RetrySettings> = v.strictObject({
  maxRetries: v.exactOptional(
    v.pipe(
      v.number('must be a whole number'),
      v.integer('must be a whole number'),
      v.minValue(0, 'must be at least 0'),
      // Beyond, the waits alone take minutes: a queue does that better.
      v.maxValue(10, 'must be at most 10'),
    ),
    2,
  ),
  baseDelayMs: v.exactOptional(milliseconds, 500),
  throttledDelayMs: v.exactOptional(milliseconds, 2_000),
  maxDelayMs: v.exactOptional(milliseconds, 30_000),
  commitHoldMs: v.exactOptional(milliseconds, 30_000),
  budgetRatio: v.exactOptional(number, 0.2),
  budgetReserve: v.exactOptional(number, 10),
});
