import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Clock, TimerHandle } from '@sluice/core';

/** The time in which no call begins, because the provider has asked for it. */
export class Pause {
  readonly #clock: Clock;
  readonly #onEnd: () => void;
  #endsAt = -Infinity;
  #timer: TimerHandle;
  /** Timers of a clock do not keep the process alive; a batch that waits with nothing in flight would end with it. */
  #port: MessagePort | undefined;

  constructor(clock: Clock, onEnd: () => void) {
    this.#clock = clock;
    this.#onEnd = onEnd;
  }

  /** Whether it is on. */
  get on(): boolean {
    return this.#port !== undefined;
  }

  /** Begins it, or makes it longer; it never becomes shorter. */
  extend(forMs: number): void {
    const endsAt = this.#clock.now() + forMs;
    if (endsAt <= this.#endsAt || forMs <= 0) return;
    this.clear();
    this.#endsAt = endsAt;
    this.#port = new MessageChannel().port1;
    this.#port.ref();
    this.#timer = this.#clock.setTimeout(() => {
      this.clear();
      this.#onEnd();
    }, forMs);
  }

  /** Ends it without telling. */
  clear(): void {
    if (this.#port === undefined) return;
    this.#clock.clearTimeout(this.#timer);
    this.#port.close();
    this.#port = undefined;
  }
}
