import { listenToAbort, stopListening } from './abort-listeners.ts';
import { type Attempt, type AttemptListener, AttemptRecord } from './attempt.ts';
import type { Clock } from './clock.ts';
import type { Context } from './context.ts';
import type { Timed } from './deadlines.ts';
import { guarded, reportSwallowed } from './diagnostics.ts';
import { PipelineError } from './errors.ts';
import type { Format, Usage } from './format/format.ts';
import type { JsonFacts } from './json/inspect.ts';
import type { Outcome, OutcomeKind } from './outcome.ts';
import type { Endpoint } from './request.ts';
import type { Random } from './random.ts';
import type { State, StateKey } from './state.ts';
import type { BodyFacts } from './stream/body-facts.ts';

type Listener = (outcome: Outcome) => void | Promise<void>;

/** What a call is made with. */
export interface CallOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly format: Format | undefined;
  /** What the request's body asks for. */
  readonly facts: JsonFacts;
  readonly totalMs: number;
  /** The caller's own signal. */
  readonly signal: AbortSignal | undefined;
  /** The call's controller, if a mount has made it. */
  readonly controller: AbortController | undefined;
  /** Called once the outcome was reported, with the promise of asynchronous listeners. */
  readonly onEnd: (call: Call, listeners: Promise<unknown> | undefined) => void;
}

/** One call in progress: its context, its deadline, its one outcome. */
export class Call implements Context, AttemptListener, Timed {
  readonly format: Format | undefined;
  readonly streamed: boolean;
  readonly model: string | undefined;
  readonly history: AttemptRecord[] = [];
  readonly maxOutputTokens: number | undefined;
  readonly deadline: number;
  /** Where the lifecycle keeps the call; -1 while it is not in progress. */
  slot = -1;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #controller: AbortController;
  readonly #callerSignal: AbortSignal | undefined;
  readonly #onEnd: CallOptions['onEnd'];
  readonly #startedAt: number;
  #id: string | undefined;
  #values: Map<StateKey<unknown>, unknown> | undefined;
  #listeners: Listener[] | undefined;
  #attemptListeners: ((attempt: Attempt) => void)[] | undefined;
  #outcome: Outcome | undefined;
  #onAbort: ((reason: PipelineError) => void) | undefined;

  constructor(options: CallOptions) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.format = options.format;
    this.streamed = options.facts.streamed;
    this.model = options.facts.model;
    this.maxOutputTokens = options.facts.maxOutputTokens;
    this.#onEnd = options.onEnd;
    this.#startedAt = options.clock.now();
    this.deadline = this.#startedAt + options.totalMs;
    this.#controller = options.controller ?? new AbortController();
    listenToAbort(this.#controller.signal, this.#onSignal);
    this.#callerSignal = options.signal;
    if (options.signal?.aborted === true) this.#onCallerAbort();
    else if (options.signal !== undefined) listenToAbort(options.signal, this.#onCallerAbort);
  }

  get attempts(): number {
    return this.history.length;
  }

  get id(): string {
    this.#id ??= this.#random.uuid();
    return this.#id;
  }

  /** Aborts with the call: its caller left, its deadline passed, the pipeline shut down. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether the call has ended. */
  get ended(): boolean {
    return this.#outcome !== undefined;
  }

  get state(): State {
    return this;
  }

  get<T>(key: StateKey<T>): T | undefined {
    return this.#values?.get(key) as T | undefined;
  }

  set<T>(key: StateKey<T>, value: T): void {
    this.#values ??= new Map();
    this.#values.set(key, value);
  }

  remainingMs(): number {
    return Math.max(0, this.deadline - this.#clock.now());
  }

  onComplete(listener: Listener): void {
    if (this.#outcome !== undefined) {
      void this.#tell(listener, this.#outcome);
      return;
    }
    this.#listeners ??= [];
    this.#listeners.push(listener);
  }

  onAttempt(listener: (attempt: Attempt) => void): void {
    this.#attemptListeners ??= [];
    this.#attemptListeners.push(listener);
  }

  /** Puts one attempt on record, to the end of its answer's body. */
  beginAttempt(endpoint: Endpoint | undefined): AttemptRecord {
    const record = new AttemptRecord(endpoint, this.#clock, this);
    this.history.push(record);
    return record;
  }

  /** An attempt of this call is over. */
  attemptEnded(attempt: Attempt): void {
    const listeners = this.#attemptListeners;
    if (listeners !== undefined)
      for (const listener of listeners) {
        guarded('an onAttempt listener threw', () => {
          listener(attempt);
        });
      }
  }

  /** Ends what is in progress. The reason decides the outcome. */
  abort(reason: PipelineError): void {
    if (this.#outcome === undefined) this.#controller.abort(reason);
  }

  expire(): void {
    this.abort(new PipelineError('total_timeout'));
  }

  /** Sets who is told of an abort: whoever holds the call at the time. */
  set onAbort(listener: (reason: PipelineError) => void) {
    this.#onAbort = listener;
  }

  /** Reports the outcome. Later calls change nothing: a call ends once. */
  end(kind: OutcomeKind, status: number, facts: BodyFacts | undefined, cause: unknown): void {
    if (this.#outcome !== undefined) return;
    if (this.#callerSignal !== undefined) stopListening(this.#callerSignal, this.#onCallerAbort);
    const { aborted, reason } = this.signal;
    // They have been told, and are about to end: the outcome shall not come before that.
    if (aborted) for (const attempt of this.history) attempt.giveUp(reason);
    const durationMs = this.#clock.now() - this.#startedAt;
    const outcome = new CallOutcome(kind, status, this.history, facts, cause, durationMs);
    this.#outcome = outcome;
    const listeners = this.#listeners;
    const told =
      listeners === undefined ? undefined : Promise.all(listeners.map((one) => this.#tell(one, outcome)));
    this.#onEnd(this, told);
  }

  async #tell(listener: Listener, outcome: Outcome): Promise<void> {
    try {
      await listener(outcome);
    } catch (error) {
      reportSwallowed('an onComplete listener failed', error);
    }
  }

  readonly #onSignal = (): void => {
    const reason: unknown = this.signal.reason;
    this.#onAbort?.(PipelineError.is(reason) ? reason : new PipelineError('client_abort', { cause: reason }));
  };

  readonly #onCallerAbort = (): void => {
    this.abort(new PipelineError('client_abort', { cause: this.#callerSignal?.reason }));
  };
}

/**
 * A class for the sake of its getter: usage of a whole answer is parsed only when a listener asks. A getter in an
 * object literal would give every outcome a hidden class of its own, which only a full collection frees.
 */
class CallOutcome implements Outcome {
  readonly kind: OutcomeKind;
  readonly status: number;
  readonly attempts: number;
  readonly history: readonly Attempt[];
  readonly cause: unknown;
  readonly durationMs: number;
  readonly #facts: BodyFacts | undefined;

  constructor(
    kind: OutcomeKind,
    status: number,
    history: readonly Attempt[],
    facts: BodyFacts | undefined,
    cause: unknown,
    durationMs: number,
  ) {
    this.kind = kind;
    this.status = status;
    this.attempts = history.length;
    this.history = history;
    this.#facts = facts;
    this.cause = cause;
    this.durationMs = durationMs;
  }

  get usage(): Usage | undefined {
    const facts = this.#facts;
    // In the place of the upstream's answer stands a refusal, which counts nothing: what was used was used all the same.
    return facts === undefined || facts.terminated !== undefined ? this.history.at(-1)?.usage : facts.usage;
  }
}
