import type { PipelineError } from '../errors.ts';
import { guarded, reportSwallowed } from '../diagnostics.ts';
import type { BodyFacts } from './body-facts.ts';
import { batchBytes, type EventReader } from './event-reader.ts';
import { Pending, type Wake } from './pull.ts';
import type { Batch } from './sse-decoder.ts';
import type { SseEvent } from './sse-event.ts';

/**
 * Watches a response body as it passes. It cannot change or delay anything, and what it throws is reported and
 * otherwise ignored: an observer never breaks a call.
 */
export interface StreamObserver {
  /** Each event that carries data, in order. Never called for an answer that is not an event stream. */
  event?(event: SseEvent): void;
  /** The bytes as they go on, of any body. Not to be kept or changed. */
  chunk?(bytes: Uint8Array): void;
  /** The body ended properly. */
  end?(): void;
  /** The body was cut, or given up by its reader. Exactly one of `end` and `error` is called, once. */
  error?(cause: unknown): void;
}

/** How a {@link StreamTransformer} hands events on. The names are those of WHATWG's TransformStream. */
export interface StreamController {
  /**
   * Sends an event on. A comment goes out at once, before what an asynchronous transformer is still at work on: it
   * shows that the connection lives.
   */
  enqueue(event: SseEvent): void;
  /**
   * Ends the stream here. Enqueue a legal ending of the dialect first. The upstream is cancelled, and the call is
   * counted by `reason`.
   */
  terminate(reason: PipelineError): void;
}

/** Changes an event stream as it passes: forwards, replaces, adds, holds back or drops events, or ends the stream. */
export interface StreamTransformer {
  /** Takes one event that carries data. What is not enqueued does not go on. May be asynchronous. */
  transform(event: SseEvent, controller: StreamController): void | Promise<void>;
  /** The stream ended properly: the last chance to enqueue what was held back. */
  flush?(controller: StreamController): void | Promise<void>;
}

/** One attached hook. */
export type StreamHook = { readonly observer: StreamObserver } | { readonly transformer: StreamTransformer };

const NO_EVENTS: readonly SseEvent[] = [];

/** Runs the hooks of a response, in the order of attachment, over the events that the one decoder found. */
export class HookedReader implements EventReader {
  readonly #inner: EventReader;
  readonly #facts: BodyFacts;
  readonly #hooks: StreamHook[] = [];
  /** Observers that have been told of their end already. */
  #told: readonly StreamHook[] = [];
  #started = false;
  #ended = false;
  /** What an asynchronous transformer is still at work on. */
  #pending: Pending<Batch | null> | undefined;
  /** Comments of that transformer, which do not wait for it. */
  #early: SseEvent[] = [];
  #wake: Wake | undefined;

  constructor(inner: EventReader, facts: BodyFacts) {
    this.#inner = inner;
    this.#facts = facts;
  }

  /** Adds a hook. False once reading has begun: the hook would miss events, so it needs a reader of its own. */
  attach(hook: StreamHook): boolean {
    if (this.#started) return false;
    this.#hooks.push(hook);
    return true;
  }

  pull(wake: Wake): Batch | null | undefined {
    this.#started = true;
    if (this.#pending !== undefined) return this.#await(this.#pending, wake);
    if (this.#ended) return null;
    let batch: Batch | null | undefined;
    try {
      batch = this.#inner.pull(wake);
    } catch (error) {
      return this.#fail(error);
    }
    if (batch === undefined) return undefined;
    const passed = this.#passFrom(0, batch, batch === null);
    return passed instanceof Promise ? this.#await(new Pending(passed), wake) : passed;
  }

  cancel(reason: unknown): void {
    if (!this.#ended) this.#finish((observer) => observer.error?.(reason));
    this.#inner.cancel(reason);
  }

  readonly #fail = (error: unknown): never => {
    this.#finish((observer) => observer.error?.(error));
    throw error;
  };

  #await(pending: Pending<Batch | null>, wake: Wake): Batch | null | undefined {
    this.#pending = pending;
    if (this.#early.length > 0) return { events: this.#early.splice(0), bytes: undefined };
    this.#wake = wake;
    const batch = pending.pull(wake);
    if (batch !== undefined) this.#pending = undefined;
    return batch;
  }

  /** Takes a batch through the hooks from `index` on. `flushing`: the stream has ended and no events follow. */
  #passFrom(index: number, input: Batch | null, flushing: boolean): Batch | null | Promise<Batch | null> {
    let batch = input;
    for (let i = index; i < this.#hooks.length; i++) {
      const hook = this.#hooks[i] as StreamHook;
      if ('observer' in hook) {
        if (batch !== null) observe(hook.observer, batch);
        continue;
      }
      const result = this.#transform(i, hook.transformer, batch, flushing);
      if (result instanceof Promise)
        return result.then((next) => this.#passFrom(i + 1, next, flushing || this.#ended));
      batch = result;
      flushing ||= this.#ended;
    }
    if (flushing) {
      this.#finish((observer) => observer.end?.());
      return batch;
    }
    return batch;
  }

  #transform(
    index: number,
    transformer: StreamTransformer,
    batch: Batch | null,
    flushing: boolean,
  ): Batch | null | Promise<Batch | null> {
    const out: SseEvent[] = [];
    let terminated = false;
    const controller: StreamController = {
      enqueue: (event) => {
        if (terminated) return;
        if (event.hasData || this.#pending === undefined) out.push(event);
        else {
          this.#early.push(event);
          this.#wake?.();
        }
      },
      terminate: (reason) => {
        if (terminated) return;
        terminated = true;
        this.#terminate(index, reason);
      },
    };
    const events = batch?.events ?? NO_EVENTS;
    const result = (): Batch | null => {
      if (batch !== null && isSame(out, events)) return batch;
      return out.length === 0 && flushing ? null : { events: out, bytes: undefined };
    };
    const step = (from: number): Promise<void> | undefined => {
      for (let i = from; i < events.length && !terminated; i++) {
        const event = events[i] as SseEvent;
        if (!event.hasData) {
          out.push(event);
          continue;
        }
        const pending = transformer.transform(event, controller);
        if (pending instanceof Promise) return pending.then(() => step(i + 1));
      }
      return flushing && !terminated ? (transformer.flush?.(controller) ?? undefined) : undefined;
    };
    try {
      const pending = step(0);
      return pending instanceof Promise ? pending.then(result, this.#broken) : result();
    } catch (error) {
      return this.#broken(error);
    }
  }

  /** A transformer that throws has lost track of what may go on: nothing more does. */
  readonly #broken = (error: unknown): never => {
    this.#inner.cancel(error);
    return this.#fail(error);
  };

  /** Observers further in than the transformer have seen a body that was given up; for the others it ends here. */
  #terminate(index: number, reason: PipelineError): void {
    this.#facts.terminated ??= reason;
    this.#ended = true;
    this.#inner.cancel(reason);
    const before = this.#told;
    this.#told = this.#hooks.slice(0, index);
    for (const hook of this.#told) {
      if ('observer' in hook && !before.includes(hook)) observed(() => hook.observer.error?.(reason));
    }
  }

  #finish(tell: (observer: StreamObserver) => void): void {
    this.#ended = true;
    for (const hook of this.#hooks.splice(0)) {
      if ('observer' in hook && !this.#told.includes(hook))
        observed(() => {
          tell(hook.observer);
        });
    }
  }
}

function isSame(out: readonly SseEvent[], events: readonly SseEvent[]): boolean {
  if (out.length !== events.length) return false;
  for (let i = 0; i < out.length; i++) if (out[i] !== events[i]) return false;
  return true;
}

/** No closure per event: with one observer on a stream it would be most of what the observer costs. */
function observe(observer: StreamObserver, { events, bytes }: Batch): void {
  if (observer.event !== undefined) {
    for (const event of events) {
      // Each by itself: how many events come in one batch is up to the network.
      try {
        if (event.hasData) observer.event(event);
      } catch (error) {
        reportSwallowed(THREW, error);
      }
    }
  }
  if (observer.chunk === undefined) return;
  const whole = bytes ?? batchBytes({ events, bytes });
  if (whole.length > 0) observed(() => observer.chunk?.(whole));
}

const THREW = 'a stream observer threw';

/** Runs an observer's callback so that its failure stays its own. */
export function observed(callback: () => void): void {
  guarded(THREW, callback);
}
