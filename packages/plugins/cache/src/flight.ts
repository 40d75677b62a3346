import { PipelineError } from '@sluice/core';
import type { Call } from './call.ts';
import type { Cursor, LogEnd, ReplayLog } from './replay-log.ts';
import type { CacheEntry } from './store.ts';

/** Status and headers of a shared answer, as the upstream sent them. */
export interface SharedHead {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[]>>;
}

/** How a flight failed: by an error, or by an answer that is for the call that asked and for nobody else. */
export type Failure = { readonly error: unknown } | { readonly response: Response };

/** Who waits for a flight's answer to begin. */
export interface Waiter {
  /** What it would ask the upstream itself. */
  readonly call: Call;
  /** The flight it waits for; another one after a failure. */
  flight: Flight;
  /** The answer has begun. Joins `flight.log` at once. */
  opened(flight: Flight): void;
  /** Another process has fetched it. */
  stored(entry: CacheEntry): void;
  /** There is none. */
  failed(failure: Failure): void;
  /** There is none, and the call's own stale entry is to do. */
  stale(): void;
}

/**
 * One request upstream on behalf of all calls that want the same. It belongs to none of them: it goes on while anybody
 * is left, and is given up with the last.
 */
export class Flight {
  /** When it was asked for, on the monotonic clock. */
  readonly startedAt: number;
  /** Flights before this one that failed the same calls. */
  readonly failures: number;
  /** Whose call it is that asks. It may have left by now. */
  readonly leader: Call;
  /** False once something forbids to store what comes: a purge, a verdict, the kind of answer. */
  storable = true;
  /** Where `Flights` keeps it. */
  slot = -1;
  /** The event has passed behind which nothing of value follows. */
  complete = false;
  /** Held for this flight while other processes wait. */
  lease: string | undefined;
  /** What the lease is held with, and has to be stopped in the end. */
  stopRenewing: (() => void) | undefined;
  head: SharedHead | undefined;
  log: ReplayLog | undefined;
  waiters: Waiter[] = [];
  readonly #controller = new AbortController();
  readonly #landed: (flight: Flight) => void;
  #over = false;

  /** @param landed Called once: when it has failed, or was given up, or its body has ended. */
  constructor(leader: Call, startedAt: number, failures: number, landed: (flight: Flight) => void) {
    this.leader = leader;
    this.startedAt = startedAt;
    this.failures = failures;
    this.#landed = landed;
  }

  /** Aborts when nobody is left. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether a call that comes now gets everything. */
  get joinable(): boolean {
    return !this.signal.aborted && (this.log === undefined || this.log.whole);
  }

  /** The answer has begun. */
  open(head: SharedHead, makeLog: (onEnd: (end: LogEnd) => void) => ReplayLog): void {
    this.head = head;
    this.log = makeLog(() => {
      this.#land();
    });
    for (const waiter of this.waiters.splice(0)) waiter.opened(this);
    // All may have left while it was on its way.
    this.#abandonIfAlone();
  }

  /** There is no answer of its own. Returns who has waited for it. */
  end(): Waiter[] {
    this.#land();
    return this.waiters.splice(0);
  }

  /** A waiting call has left. */
  forget(waiter: Waiter): void {
    const place = this.waiters.indexOf(waiter);
    if (place >= 0) this.waiters.splice(place, 1);
    this.#abandonIfAlone();
  }

  /** A reading call has left, or is done. */
  leave(cursor: Cursor): void {
    this.log?.leave(cursor);
    this.#abandonIfAlone();
  }

  /** Gives it up, whoever is left. */
  abandon(reason: PipelineError): void {
    if (this.signal.aborted || this.log?.end !== undefined) return;
    this.#controller.abort(reason);
    this.log?.cancel(reason);
    this.#land();
  }

  #abandonIfAlone(): void {
    // The last reader of an answer that is over: the common case, and an `Error` would cost as much as the rest.
    if (this.log?.end !== undefined) return;
    if (this.waiters.length > 0 || (this.log?.readers ?? 0) > 0) return;
    // Some readers leave with the last event, and nothing is missing then.
    if (this.complete) {
      this.log?.close();
      return;
    }
    this.abandon(new PipelineError('client_abort', { cause: new Error('nobody waits for the answer') }));
  }

  #land(): void {
    if (this.#over) return;
    this.#over = true;
    this.#landed(this);
  }
}
