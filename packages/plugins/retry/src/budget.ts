/** How fast calls of the past are forgotten, in milliseconds. */
const MEMORY_MS = 10_000;
/** How long a spent reserve takes to fill up again without any call, in milliseconds. */
const REFILL_MS = 600_000;

/** How much a {@link RetryBudget} holds. */
export interface BudgetOptions {
  /** Retries that each call adds. */
  readonly ratio: number;
  /** Retries that are there without any call: an advance on those that calls will add. */
  readonly reserve: number;
}

/**
 * Bounds the retries of all calls together (Finagle's RetryBudget, which Tower and Envoy have too). With a limit per
 * call alone, an outage is answered with three times the load.
 *
 * What calls add above the reserve fades away within seconds, so that a good hour does not pay for a storm. What is
 * taken from the reserve is paid back by the next calls before they add anything: so an outage costs its share and no
 * more, at one call a second as well as at a thousand.
 */
export class RetryBudget {
  readonly #ratio: number;
  readonly #reserve: number;
  #balance: number;
  /** What of the reserve calls have not paid for yet. */
  #advance: number;
  #settledAt: number;

  constructor({ ratio, reserve }: BudgetOptions, now: number) {
    this.#ratio = ratio;
    this.#reserve = reserve;
    this.#balance = reserve;
    this.#advance = reserve;
    this.#settledAt = now;
  }

  /** Adds what a call brings with it. */
  deposit(now: number): void {
    this.#settle(now);
    const repaid = Math.min(this.#advance, this.#ratio);
    this.#advance -= repaid;
    this.#balance += this.#ratio - repaid;
  }

  /** Takes one retry out, or returns false when there is none. */
  withdraw(now: number): boolean {
    this.#settle(now);
    // The small sums of deposits do not add up exactly.
    if (this.#balance < 1 - 1e-9) return false;
    this.#balance--;
    return true;
  }

  #settle(now: number): void {
    const elapsedMs = now - this.#settledAt;
    if (elapsedMs === 0) return;
    this.#settledAt = now;
    const excess = this.#balance - this.#reserve;
    if (excess > 0) {
      // An exponential decay: like a window, without a list of what fell into it.
      this.#balance = this.#reserve + excess * Math.exp(-elapsedMs / MEMORY_MS);
    } else if (excess < 0) {
      const refill = Math.min(-excess, (this.#reserve * elapsedMs) / REFILL_MS);
      this.#balance += refill;
      this.#advance = Math.min(this.#reserve, this.#advance + refill);
    }
  }
}
