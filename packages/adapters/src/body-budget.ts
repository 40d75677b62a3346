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

  /**
   * Sets room aside for a body.
   *
   * @param bytes Its announced length; 0 when none was.
   * @throws PipelineError `overloaded` when there is no room.
   */
  hold(bytes: number): HeldBytes {
    const held = new HeldBytes(this);
    held.growTo(bytes);
    return held;
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
   * So much has come. Nothing happens while it is less than was set aside.
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
