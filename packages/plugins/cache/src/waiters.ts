import { type Clock, PipelineError } from '@sluice/core';
import type { Call } from './call.ts';
import type { Failure, Flight, Waiter } from './flight.ts';
import type { Cursor, ReplayLog } from './replay-log.ts';
import type { CacheEntry } from './store.ts';

/** What a call that waited for a flight got. */
export type Boarded =
  | { readonly flight: Flight; readonly cursor: Cursor }
  | { readonly failure: Failure }
  | { readonly stored: CacheEntry }
  | 'stale';

/** A call that waits for a flight, until its own signal aborts. */
export class CallWaiter implements Waiter {
  readonly call: Call;
  flight: Flight;
  readonly boarded: Promise<Boarded>;
  #settle!: (result: Boarded) => void;

  constructor(call: Call, flight: Flight) {
    this.call = call;
    this.flight = flight;
    this.boarded = new Promise((resolve) => {
      this.#settle = resolve;
    });
    flight.waiters.push(this);
    call.request.signal.addEventListener('abort', this.#onAbort);
  }

  opened(flight: Flight): void {
    // Now, while all of it is there: by the time the call goes on, others may have read far ahead.
    this.#done({ flight, cursor: (flight.log as ReplayLog).join() });
  }

  stored(entry: CacheEntry): void {
    this.#done({ stored: entry });
  }

  failed(failure: Failure): void {
    this.#done({ failure });
  }

  stale(): void {
    this.#done('stale');
  }

  readonly #onAbort = (): void => {
    this.#done({ failure: { error: abortReason(this.call.request.signal) } });
    this.flight.forget(this);
  };

  #done(result: Boarded): void {
    this.call.request.signal.removeEventListener('abort', this.#onAbort);
    this.#settle(result);
  }
}

/** Why a call has ended before its answer. */
export function abortReason({ reason }: AbortSignal): PipelineError {
  return PipelineError.is(reason) ? reason : new PipelineError('client_abort', { cause: reason });
}

/** Nobody's call: fetches a new answer in the background, within a time of its own. */
export class RefreshWaiter implements Waiter {
  readonly call: Call;
  flight: Flight;
  readonly #clock: Clock;
  readonly #timer: unknown;

  constructor(call: Call, flight: Flight, clock: Clock, timeoutMs: number) {
    this.call = call;
    this.flight = flight;
    this.#clock = clock;
    this.#timer = clock.setTimeout(() => {
      this.flight.abandon(new PipelineError('total_timeout'));
    }, timeoutMs);
    flight.waiters.push(this);
  }

  opened(flight: Flight): void {
    const log = flight.log as ReplayLog;
    const cursor = log.join();
    const read = (): void => {
      try {
        let chunk: Uint8Array | null | undefined;
        do chunk = log.pull(cursor, read);
        while (chunk !== undefined && chunk !== null);
        if (chunk === undefined) return;
      } catch {
        // What is stale stays so; the next call that finds it tries again.
      }
      this.#done();
      flight.leave(cursor);
    };
    read();
  }

  stored(): void {
    this.#done();
  }

  failed(): void {
    this.#done();
  }

  stale(): void {
    this.#done();
  }

  #done(): void {
    this.#clock.clearTimeout(this.#timer);
  }
}
