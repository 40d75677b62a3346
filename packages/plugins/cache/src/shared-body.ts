import { type BodySource, PipelineError, type Wake } from '@sluice/core';
import type { Flight } from './flight.ts';
import type { Cursor, ReplayLog } from './replay-log.ts';

/**
 * One call's view of a shared body. If the sharing breaks down before it has delivered anything, a follower asks once
 * more: nobody has seen anything of the answer yet.
 */
export class SharedBody implements BodySource {
  readonly #flight: Flight;
  readonly #log: ReplayLog;
  readonly #cursor: Cursor;
  #askAgain: (() => Promise<BodySource>) | undefined;
  #asking = false;
  #own: BodySource | undefined;
  #failure: { readonly error: unknown } | undefined;
  #wake: Wake | undefined;
  #over = false;

  /**
   * @param askAgain Absent for the call that has asked, as it has failed as it would have without a cache, and for one
   *   that has asked again already.
   */
  constructor(flight: Flight, cursor: Cursor, askAgain?: () => Promise<BodySource>) {
    this.#flight = flight;
    this.#log = flight.log as ReplayLog;
    this.#cursor = cursor;
    this.#askAgain = askAgain;
  }

  get terminated(): PipelineError | undefined {
    return this.#own === undefined ? this.#log.terminated : this.#own.terminated;
  }

  pull(wake: Wake): Uint8Array | null | undefined {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#over) return null;
    if (this.#asking || this.#own !== undefined) return this.#pullOwn(wake);
    try {
      const chunk = this.#log.pull(this.#cursor, wake);
      if (chunk === null) this.#leave();
      return chunk;
    } catch (error) {
      this.#leave();
      const askAgain = this.#askAgain;
      if (askAgain === undefined || this.#cursor.next > 0) {
        this.#failure = { error };
        throw error;
      }
      this.#ask(askAgain);
      return this.#pullOwn(wake);
    }
  }

  cancel(reason: unknown): void {
    if (this.#own !== undefined) this.#own.cancel(reason);
    this.#leave();
  }

  #leave(): void {
    this.#over = true;
    this.#flight.leave(this.#cursor);
  }

  #ask(askAgain: () => Promise<BodySource>): void {
    this.#over = false;
    this.#asking = true;
    this.#askAgain = undefined;
    askAgain().then(
      (own) => {
        this.#asking = false;
        this.#own = own;
        if (this.#over) own.cancel(new PipelineError('client_abort'));
        this.#wake?.();
      },
      (error: unknown) => {
        this.#failure = { error };
        this.#wake?.();
      },
    );
  }

  #pullOwn(wake: Wake): Uint8Array | null | undefined {
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#wake = wake;
    return this.#own?.pull(wake);
  }
}
