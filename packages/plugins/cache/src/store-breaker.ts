import type { Clock } from '@sluice/core';

/** Keeps away from a store that does not answer: one try at a time until it does again. */
export class StoreBreaker {
  readonly #clock: Clock;
  readonly #retryMs: number;
  /** When the next try may be made; undefined while all is well. */
  #retryAt: number | undefined;
  #trying = false;

  constructor(clock: Clock, retryMs: number) {
    this.#clock = clock;
    this.#retryMs = retryMs;
  }

  /** Whether the store is left alone at present. */
  get open(): boolean {
    return this.#retryAt !== undefined;
  }

  /** Whether it is time for the one try. Whoever is told so must make it, and tell how it went. */
  mayTry(): boolean {
    if (this.#retryAt === undefined || this.#trying || this.#clock.now() < this.#retryAt) return false;
    this.#trying = true;
    return true;
  }

  succeeded(): void {
    this.#trying = false;
    this.#retryAt = undefined;
  }

  failed(): void {
    this.#trying = false;
    this.#retryAt = this.#clock.now() + this.#retryMs;
  }
}
