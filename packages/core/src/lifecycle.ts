import type { Call } from './call.ts';
import type { Clock } from './clock.ts';
import { Deadlines } from './deadlines.ts';
import { PipelineError } from './errors.ts';

/** Something that is started and closed with the pipeline. */
interface Part {
  start?: () => Promise<void> | void;
  close?: () => Promise<void> | void;
}

/** What a lifecycle looks after. */
interface LifecycleOptions {
  readonly clock: Clock;
  /** In the order of starting. */
  readonly parts: readonly Part[];
}

const DEFAULT_DRAIN_MS = 30_000;
/** How long an aborted call may take to wind up, a start to end, and a part to close, before the rest goes on without it. */
const GRACE_MS = 5_000;

/** Start in order, fail fast; drain; close in reverse, each part within a time limit. */
export class Lifecycle {
  /** False until every part has started. */
  started: boolean;
  readonly #clock: Clock;
  /** Each once, whatever names it has. */
  readonly #parts: readonly Part[];
  /**
   * An array that the last call fills up the gaps of. A `Set` leaves a chain of outgrown tables behind, which keeps
   * finished calls alive until the next full collection: that doubled the cost of garbage collection.
   */
  readonly #calls: Call[] = [];
  readonly #deadlines: Deadlines;
  /** Asynchronous completion listeners that are not done yet. */
  readonly #listeners = new Set<Promise<unknown>>();
  #starting: Promise<void> | undefined;
  #draining = false;
  #closing: Promise<void> | undefined;
  /** Parts are being closed: nothing more is started. */
  #ended = false;
  readonly #idleWaiters: (() => void)[] = [];
  /** What has not been closed yet: a failed start closes some parts, and nothing is closed twice. */
  readonly #unclosed: Set<Part>;

  constructor(options: LifecycleOptions) {
    this.#clock = options.clock;
    this.#deadlines = new Deadlines(options.clock, this.#calls);
    this.#unclosed = new Set(options.parts);
    this.#parts = [...this.#unclosed];
    // Without anything to start, calls need not wait a turn for nothing.
    this.started = this.#parts.every((part) => part.start === undefined);
  }

  start(): Promise<void> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /** Admits a call or refuses it. */
  callStarted(call: Call, maxConcurrentCalls: number): void {
    if (this.#draining) throw new PipelineError('shutting_down', { retryAfterMs: 1_000 });
    if (this.#calls.length >= maxConcurrentCalls)
      throw new PipelineError('overloaded', { retryAfterMs: 1_000 });
    call.slot = this.#calls.push(call) - 1;
    this.#deadlines.added(call);
  }

  readonly callEnded = (call: Call, listeners: Promise<unknown> | undefined): void => {
    this.#remove(call);
    if (listeners !== undefined) {
      this.#listeners.add(listeners);
      void listeners.finally(() => {
        this.#listeners.delete(listeners);
        this.#checkIdle();
      });
    }
    this.#checkIdle();
  };

  async drain(timeoutMs: number = DEFAULT_DRAIN_MS): Promise<void> {
    this.#draining = true;
    if (await this.#within(timeoutMs, this.#untilIdle())) return;
    // A copy: a call that ends takes itself out of the list.
    for (const call of this.#calls.slice()) call.abort(new PipelineError('shutting_down'));
    await this.#within(GRACE_MS, this.#untilIdle());
  }

  close(timeoutMs?: number): Promise<void> {
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  async #start(): Promise<void> {
    const begun: Part[] = [];
    for (const part of this.#parts) {
      if (this.#ended) throw new PipelineError('shutting_down');
      begun.push(part);
      try {
        await part.start?.();
      } catch (error) {
        await this.#closeParts(begun.toReversed());
        throw error;
      }
    }
    this.started = true;
  }

  async #close(timeoutMs?: number): Promise<void> {
    await this.drain(timeoutMs);
    // What has not started yet would be started after it was closed, and then be closed by nobody.
    if (this.#starting !== undefined) await this.#within(GRACE_MS, this.#starting.catch(ignore));
    this.#ended = true;
    const errors = await this.#closeParts(this.#parts.toReversed());
    if (errors.length > 0)
      throw new AggregateError(errors, 'some parts of the pipeline did not close properly');
  }

  async #closeParts(parts: readonly Part[]): Promise<unknown[]> {
    const errors: unknown[] = [];
    for (const part of parts) {
      if (!this.#unclosed.delete(part)) continue;
      try {
        const done = await this.#within(GRACE_MS, Promise.resolve(part.close?.()));
        if (!done) errors.push(new Error(`a part of the pipeline did not close within ${GRACE_MS} ms`));
      } catch (error) {
        errors.push(error);
      }
    }
    return errors;
  }

  #remove(call: Call): void {
    // A call that was refused admission has no slot.
    if (call.slot < 0) return;
    const last = this.#calls.pop() as Call;
    if (last !== call) {
      this.#calls[call.slot] = last;
      last.slot = call.slot;
    }
    call.slot = -1;
    this.#deadlines.removed();
  }

  #untilIdle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idleWaiters.push(resolve);
      this.#checkIdle();
    });
  }

  #checkIdle(): void {
    if (this.#calls.length > 0 || this.#listeners.size > 0) return;
    for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }

  /** Whether the promise settled in time. */
  #within(limitMs: number, promise: Promise<void>): Promise<boolean> {
    const clock = this.#clock;
    return new Promise((resolve, reject) => {
      const timer = clock.setTimeout(() => {
        resolve(false);
      }, limitMs);
      promise.then(
        () => {
          clock.clearTimeout(timer);
          resolve(true);
        },
        (error: unknown) => {
          clock.clearTimeout(timer);
          reject(error as Error);
        },
      );
    });
  }
}

function ignore(): void {
  // Told to whoever asked for the start.
}
