import { type Clock, PipelineError } from '@sluice/core';

/** How a store that fails or does not answer is dealt with. */
export interface StoreGateOptions {
  /** `open`: go on without it. `closed`: refuse the call. */
  readonly onError: 'open' | 'closed';
  /** Longest wait for one answer, in milliseconds. */
  readonly timeoutMs: number;
  /** How long a store that failed is not asked again, in milliseconds. */
  readonly retryMs: number;
}

/** Asks a store, for a limited time, and leaves it alone for a while after it failed: an outage costs one wait. */
export class StoreGate {
  readonly #options: StoreGateOptions;
  readonly #clock: Clock;
  #downUntil = Number.NEGATIVE_INFINITY;

  constructor(options: StoreGateOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** What the store says; undefined when it cannot, and the call goes on without it. */
  async ask<T>(question: () => Promise<T>): Promise<T | undefined> {
    const clock = this.#clock;
    if (clock.now() < this.#downUntil) return this.#failed(undefined);
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = clock.setTimeout(() => {
      reject(new Error('the strike store took too long'));
    }, this.#options.timeoutMs);
    try {
      return await Promise.race([question(), late]);
    } catch (error) {
      this.#downUntil = clock.now() + this.#options.retryMs;
      return this.#failed(error);
    } finally {
      clock.clearTimeout(timer);
    }
  }

  #failed(cause: unknown): undefined {
    if (this.#options.onError === 'open') return undefined;
    throw new PipelineError('plugin_failed', { plugin: 'moderation', status: 503, retryable: true, cause });
  }
}
