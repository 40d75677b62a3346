import type { Clock, TimerHandle } from '@sluice/core';

/** The time in which no call begins, because the provider has asked for it. */
export class Pause {
  readonly #clock: Clock;
  readonly #onEnd: () => void;
  #endsAt = -Infinity;
  #timer: TimerHandle;

  constructor(clock: Clock, onEnd: () => void) {
    this.#clock = clock;
    this.#onEnd = onEnd;
  }

  /** Whether it is on. */
  get on(): boolean {
    return this.#timer !== undefined;
  }

  /** Begins it, or makes it longer; it never becomes shorter. */
  extend(forMs: number): void {
    const endsAt = this.#clock.now() + forMs;
    if (endsAt <= this.#endsAt || forMs <= 0) return;
    this.clear();
    this.#endsAt = endsAt;
    this.#timer = this.#clock.setTimeout(
      () => {
        this.#timer = undefined;
        this.#onEnd();
        // No call is in progress that would hold the process.
      },
      forMs,
      true,
    );
  }

  /** Ends it without telling. */
  clear(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
