import type { Clock } from '@sluice/core';

/** How far a budget looks back, in milliseconds. */
const MEMORY_MS = 10_000;

/** How much a {@link RetryBudget} holds. */
export interface BudgetOptions {
  /** Retries that each call adds. */
  readonly ratio: number;
  /** Retries that are there without any call. */
  readonly reserve: number;
}

/**
 * Bounds the retries of all calls together (Finagle's RetryBudget, which Tower and Envoy have too). With a limit per
 * call alone, an outage is answered with three times the load. What calls add fades away within seconds, so that a
 * good hour does not pay for a storm.
 */
export class RetryBudget {
  readonly #clock: Clock;
  readonly #options: BudgetOptions;
  #balance: number;
  #settledAt: number;

  constructor(clock: Clock, options: BudgetOptions) {
    this.#clock = clock;
    this.#options = options;
    this.#balance = options.reserve;
    this.#settledAt = clock.now();
  }

  /** Adds what a call brings with it. */
  deposit(): void {
    this.#settle();
    this.#balance += this.#options.ratio;
  }

  /** Takes one retry out, or returns false when there is none. */
  withdraw(): boolean {
    this.#settle();
    if (this.#balance < 1) return false;
    this.#balance--;
    return true;
  }

  /** An exponential decay towards the reserve: like a window, without a list of what fell into it. */
  #settle(): void {
    const now = this.#clock.now();
    const { reserve } = this.#options;
    this.#balance = reserve + (this.#balance - reserve) * Math.exp((this.#settledAt - now) / MEMORY_MS);
    this.#settledAt = now;
  }
}
