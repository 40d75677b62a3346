import type { ItemResult } from './result.ts';

/** How far a batch has come. */
export interface BatchProgress {
  /** Items there will be; undefined when `requests` is no array and `total` is not given. */
  readonly total: number | undefined;
  /** Items that were skipped because they were completed before. */
  readonly skipped: number;
  /** Calls in progress. */
  readonly inFlight: number;
  /** Calls that were answered. */
  readonly succeeded: number;
  /** Calls that failed. */
  readonly errored: number;
  /** Calls that were given up with the batch. */
  readonly canceled: number;
  /** Input tokens of all answers, as far as the provider told. */
  readonly inputTokens: number;
  /** Output tokens of all answers, as far as the provider told. */
  readonly outputTokens: number;
}

type Counters = { -readonly [K in keyof Omit<BatchProgress, 'total' | 'inFlight'>]: number };

/** Counts how items end. */
export class Tally {
  readonly #total: number | undefined;
  readonly #counters: Counters = {
    skipped: 0,
    succeeded: 0,
    errored: 0,
    canceled: 0,
    inputTokens: 0,
    outputTokens: 0,
  };

  constructor(total: number | undefined) {
    this.#total = total;
  }

  /** An item was completed before. */
  skip(): void {
    this.#counters.skipped++;
  }

  /** An item has ended. */
  count(result: ItemResult): void {
    this.#counters[result.type]++;
    if (result.type !== 'succeeded') return;
    this.#counters.inputTokens += result.usage?.inputTokens ?? 0;
    this.#counters.outputTokens += result.usage?.outputTokens ?? 0;
  }

  /** As it is now. */
  progress(inFlight: number): BatchProgress {
    return { total: this.#total, inFlight, ...this.#counters };
  }
}
