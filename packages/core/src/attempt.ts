import { classify, classifyStatus, type Disposition, SUCCESS } from './classify.ts';
import type { Clock } from './clock.ts';
import { guarded } from './diagnostics.ts';
import { PipelineError } from './errors.ts';
import type { Usage } from './format/format.ts';
import type { Next } from './plugin.ts';
import type { ApiRequest, Endpoint } from './request.ts';
import type { BodyFacts, BodyWatcher } from './stream/body-facts.ts';
import { LazyResponse } from './stream/lazy-response.ts';

/** One request upstream, from its start to the end of its answer's body. */
export interface Attempt {
  /** Where it was sent; undefined without routing. */
  readonly endpoint: Endpoint | undefined;
  /** When it began, on the pipeline's monotonic clock. */
  readonly startedAt: number;
  /** HTTP status; undefined when there was no answer. */
  readonly status: number | undefined;
  /** What failed it: no answer, a cut, an abort. Undefined for an answer that was whole, an error answer too. */
  readonly error: unknown;
  /**
   * From its start to the first content event of a stream, or the first bytes of another answer; undefined when there
   * was none. Milliseconds.
   */
  readonly firstContentMs: number | undefined;
  /** From its start to its end; undefined while it is in progress. Milliseconds. */
  readonly durationMs: number | undefined;
  /** What its end means; undefined while it is in progress. */
  readonly disposition: Disposition | undefined;
  /** Tokens as the provider counted them, as far as it had come. */
  readonly usage: Usage | undefined;
}

/** Who is told how an attempt goes. What it throws is reported and otherwise ignored. */
export interface AttemptListener {
  /** The first content has arrived, `attempt.firstContentMs` after the start. */
  contentBegan?(attempt: Attempt): void;
  /** The attempt is over. Called once: at the headers of an error answer, else at the end of the body. */
  attemptEnded(attempt: Attempt): void;
}

/**
 * Sends a request on and tells how that goes, to the end of the answer's body: headers are not completion. An answer
 * that nobody reads to its end, or gives up, stays in progress. A whole answer with an error status ends at its
 * headers; an error event inside a 200 counts as the status it stands for, if no content came before it.
 */
export function followAttempt(
  request: ApiRequest,
  next: Next,
  clock: Clock,
  listener: AttemptListener,
): Promise<Response> {
  const record = new AttemptRecord(request.endpoint, clock, listener);
  return next(request).then(
    (response) => record.answered(response),
    (error: unknown) => record.failed(error),
  );
}

/** The attempt as it becomes known. */
export class AttemptRecord implements Attempt, BodyWatcher {
  readonly endpoint: Endpoint | undefined;
  readonly startedAt: number;
  status: number | undefined;
  error: unknown;
  firstContentMs: number | undefined;
  durationMs: number | undefined;
  disposition: Disposition | undefined;
  readonly #clock: Clock;
  readonly #listener: AttemptListener;
  #facts: BodyFacts | undefined;

  constructor(endpoint: Endpoint | undefined, clock: Clock, listener: AttemptListener) {
    this.endpoint = endpoint;
    this.startedAt = clock.now();
    this.status = undefined;
    this.error = undefined;
    this.firstContentMs = undefined;
    this.durationMs = undefined;
    this.disposition = undefined;
    this.#clock = clock;
    this.#listener = listener;
  }

  get usage(): Usage | undefined {
    return this.#facts?.usage;
  }

  content(): void {
    this.firstContentMs = this.#clock.now() - this.startedAt;
    if (this.#listener.contentBegan === undefined) return;
    guarded('an attempt listener threw', () => this.#listener.contentBegan?.(this));
  }

  settled(error: PipelineError | undefined): void {
    if (this.disposition !== undefined) return;
    const { errorEvent, contentSeen, format } = this.#facts as BodyFacts;
    if (errorEvent !== undefined && format !== undefined) {
      this.error = new PipelineError('stream_error');
      this.#end(
        contentSeen ? classify(this.error, this.#clock) : classifyStatus(format.errorEventStatus(errorEvent)),
      );
    } else if (error === undefined) {
      this.#end(SUCCESS);
    } else {
      this.error = error;
      this.#end(classify(error, this.#clock));
    }
  }

  /** The headers have arrived. */
  answered(response: Response): Response {
    if (this.disposition !== undefined) return response;
    this.status = response.status;
    if (response.status > 399) {
      this.#facts = LazyResponse.factsOf(response);
      this.#end(classify(response, this.#clock));
      return response;
    }
    const facts = LazyResponse.factsOf(response) as BodyFacts;
    this.#facts = facts;
    facts.watch(this);
    return response;
  }

  /** There will be none. */
  failed(error: unknown): never {
    this.giveUp(error);
    throw error;
  }

  /** Ends it by this error, unless it has ended. */
  giveUp(error: unknown): void {
    if (this.disposition !== undefined) return;
    this.error = error;
    this.#end(classify(error, this.#clock));
  }

  #end(disposition: Disposition): void {
    this.durationMs = this.#clock.now() - this.startedAt;
    this.disposition = disposition;
    guarded('an attempt listener threw', () => {
      this.#listener.attemptEnded(this);
    });
  }
}
