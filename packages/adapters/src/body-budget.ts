import { PipelineError } from '@sluice/core';

/** When a caller may try again for whom there was no room, in milliseconds. */
const RETRY_AFTER_MS = 1_000;

/** Bytes that the request bodies in arrival may hold, all of a mount's together. */
export class BodyBudget {
  readonly #maxBytes: number;
  #held = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** A body that arrives. Its announced length takes no room: a head alone could take it from everybody. */
  hold(): HeldBytes {
    return new HeldBytes(this);
  }

  /** Takes more room, or gives some back. For {@link HeldBytes}. */
  change(bytes: number): void {
    if (this.#held + bytes > this.#maxBytes)
      throw new PipelineError('overloaded', { retryAfterMs: RETRY_AFTER_MS });
    this.#held += bytes;
  }
}

/** The room of one body. */
export class HeldBytes {
  readonly #budget: BodyBudget;
  #bytes = 0;
  #released = false;

  constructor(budget: BodyBudget) {
    this.#budget = budget;
  }

  /**
   * So much has come.
   *
   * @throws PipelineError `overloaded` when there is no room for more.
   */
  growTo(bytes: number): void {
    // A chunk that was under way when its body was given up must not be counted for ever.
    if (bytes <= this.#bytes || this.#released) return;
    this.#budget.change(bytes - this.#bytes);
    this.#bytes = bytes;
  }

  /** Gives the room back; harmless when repeated. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#budget.change(-this.#bytes);
  }
}
