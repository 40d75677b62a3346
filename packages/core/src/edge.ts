import type { Call } from './call.ts';
import { PipelineError } from './errors.ts';
import type { Format } from './format/format.ts';
import { BodyFacts } from './stream/body-facts.ts';
import { type BodySource, bytesSource } from './stream/body.ts';
import { answerResponse } from './stream/answer.ts';
import { bodySource, LazyResponse } from './stream/lazy-response.ts';
import { DEFAULT_SSE_LIMITS } from './stream/sse-decoder.ts';

/**
 * The outer edge: hands the answer to the caller and finds out how the call ended. Every body passes here once, so
 * that no failure can look like a proper end.
 */
export function deliver(given: Response, call: Call): Response {
  const response = tracked(given, call);
  const facts = LazyResponse.factsOf(response) as BodyFacts;
  const body = LazyResponse.takeBody(response);
  if (body === null) {
    endProperly(call, response.status, facts);
    return LazyResponse.putBody(response, null);
  }
  const source = new EdgeSource(bodySource(body), 'events' in body, facts, call, response.status);
  return LazyResponse.putBody(response, { bytes: source });
}

/** A failure as an answer in the caller's dialect. */
export function refusal(error: PipelineError, id: string, format: Format): Response {
  const bytes = Buffer.from(format.errorBody(error, id));
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'content-length': String(bytes.length),
    'request-id': id,
    'x-request-id': id,
  };
  // Both official SDKs obey this header; without it they would try again what cannot succeed.
  if (!error.retryable) headers['x-should-retry'] = 'false';
  // Another instance may take the next request; this connection is of no more use.
  if (error.code === 'shutting_down') headers['connection'] = 'close';
  if (error.retryAfterMs !== undefined) headers['retry-after'] = String(Math.ceil(error.retryAfterMs / 1000));
  const facts = new BodyFacts(undefined);
  facts.complete = true;
  return LazyResponse.from({
    status: error.status,
    statusText: '',
    headers,
    body: { bytes: bytesSource(bytes) },
    facts,
  });
}

/** A response whose end can be judged. One that a plugin made itself is read by the call's format from here on. */
function tracked(response: Response, call: Call): Response {
  const facts = LazyResponse.factsOf(response);
  const judged =
    facts !== undefined && (facts.format !== undefined || call.format === undefined || response.status > 299);
  if (judged) return response;
  const body = LazyResponse.takeBody(response);
  return answerResponse({
    status: response.status,
    statusText: response.statusText,
    headers: { ...LazyResponse.headerRecord(response) },
    source: body === null ? null : bodySource(body),
    format: call.format,
    limits: DEFAULT_SSE_LIMITS,
  }).response;
}

function endProperly(call: Call, status: number, facts: BodyFacts): void {
  if (facts.terminated !== undefined) {
    call.end(facts.terminated.outcome, status, facts, facts.terminated);
  } else if (facts.errorEvent !== undefined) {
    call.end('upstream-error', status, facts, new PipelineError('stream_error'));
  } else if (status > 399) {
    call.end(call.attempts > 0 ? 'upstream-error' : 'refused', status, facts, undefined);
  } else {
    call.end('completed', status, facts, undefined);
  }
}

/** The last source before the caller. */
class EdgeSource implements BodySource {
  readonly #source: BodySource;
  readonly #isEventStream: boolean;
  readonly #facts: BodyFacts;
  readonly #call: Call;
  readonly #status: number;
  #failure: PipelineError | undefined;
  #ended = false;

  constructor(source: BodySource, isEventStream: boolean, facts: BodyFacts, call: Call, status: number) {
    this.#source = source;
    this.#isEventStream = isEventStream;
    this.#facts = facts;
    this.#call = call;
    this.#status = status;
    call.onAbort = this.#onAbort;
  }

  read(): Uint8Array | null | Promise<Uint8Array | null> {
    if (this.#ended) return null;
    if (this.#failure !== undefined) return this.#fail(this.#failure);
    let chunk: Uint8Array | null | Promise<Uint8Array | null>;
    try {
      chunk = this.#source.read();
    } catch (error) {
      return this.#fail(error);
    }
    return chunk instanceof Promise ? chunk.then(this.#pass, this.#fail) : this.#pass(chunk);
  }

  cancel(reason: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#source.cancel(reason);
    // A reader that leaves after the last event has missed nothing.
    if (this.#facts.complete) endProperly(this.#call, this.#status, this.#facts);
    else
      this.#endBy(PipelineError.is(reason) ? reason : new PipelineError('client_abort', { cause: reason }));
  }

  readonly #pass = (chunk: Uint8Array | null): Uint8Array | null => {
    if (this.#failure !== undefined) return this.#fail(this.#failure);
    if (chunk === null) {
      this.#ended = true;
      endProperly(this.#call, this.#status, this.#facts);
    }
    return chunk;
  };

  /** Says the failure in the stream's own dialect where it has a word for it; otherwise the body breaks off. */
  readonly #fail = (thrown: unknown): Uint8Array => {
    const error = PipelineError.is(thrown) ? thrown : new PipelineError('internal', { cause: thrown });
    this.#ended = true;
    this.#endBy(error);
    const { format, errorEvent, terminated } = this.#facts;
    // A web reader that aborted expects its own reason back.
    if (error.code === 'client_abort') throw error.cause ?? error;
    if (this.#isEventStream && format !== undefined && errorEvent === undefined && terminated === undefined) {
      return Buffer.from(format.errorEvent(error, this.#call.id));
    }
    throw error;
  };

  /** The call was aborted: the reader may never come back, so the outcome must not wait for it. */
  readonly #onAbort = (reason: PipelineError): void => {
    if (this.#ended) return;
    this.#failure = reason;
    this.#source.cancel(reason);
    this.#endBy(reason);
  };

  #endBy(error: PipelineError): void {
    this.#call.end(error.outcome, this.#status, this.#facts, error);
  }
}
