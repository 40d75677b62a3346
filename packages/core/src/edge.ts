import type { Call } from './call.ts';
import { PipelineError } from './errors.ts';
import type { Format } from './format/format.ts';
import { BodyFacts } from './stream/body-facts.ts';
import { type BodySource, bytesSource } from './stream/body.ts';
import { adopted } from './stream/answer.ts';
import { takeEvents } from './stream/attach.ts';
import { batchBytes, type EventReader } from './stream/event-reader.ts';
import { LazyResponse, type ResponseBody } from './stream/lazy-response.ts';
import type { Pullable, Wake } from './stream/pull.ts';

/**
 * The outer edge: hands the answer to the caller and finds out how the call ended. Every body passes here once, so
 * that no failure can look like a proper end.
 */
export function deliver(given: Response, call: Call): Response {
  const response = tracked(given, call);
  const facts = LazyResponse.factsOf(response) as BodyFacts;
  const body = takeEvents(response);
  if (body === null) {
    endProperly(call, response.status, facts);
    return LazyResponse.putBody(response, null);
  }
  const source = new EdgeSource(body, facts, call, response.status);
  return LazyResponse.putBody(response, { bytes: source });
}

/** A failure as an answer in the caller's dialect. */
export function refusal(error: PipelineError, id: string, format: Format): Response {
  const bytes = Buffer.from(format.errorBody(error, id));
  const headers: Record<string, string> = {
    ...error.headers,
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
  facts.completed();
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
  return adopted(response, call.format);
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

/** The last source before the caller. Reads events where there are events, to know whether the last one was handed on. */
class EdgeSource implements BodySource {
  readonly #body: ResponseBody;
  readonly #facts: BodyFacts;
  readonly #call: Call;
  readonly #status: number;
  #failure: PipelineError | undefined;
  /** Whoever pulled last. */
  #wake: Wake | undefined;
  #ended = false;
  /** The reader has the event behind which nothing of value follows. */
  #handedOn = false;

  constructor(body: ResponseBody, facts: BodyFacts, call: Call, status: number) {
    this.#body = body;
    this.#facts = facts;
    this.#call = call;
    this.#status = status;
    call.onAbort = this.#onAbort;
  }

  pull(wake: Wake): Uint8Array | null | undefined {
    if (this.#ended) return null;
    this.#wake = wake;
    try {
      if (this.#failure !== undefined) throw this.#failure;
      return 'bytes' in this.#body
        ? this.#passChunk(this.#body.bytes.pull(wake))
        : this.#pullEvents(this.#body.events, wake);
    } catch (error) {
      return this.#fail(error);
    }
  }

  cancel(reason: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#handedOn = this.#missesNothing();
    this.#stop(
      PipelineError.is(reason) ? reason : new PipelineError('client_abort', { cause: reason }),
      reason,
    );
  }

  #passChunk(chunk: Uint8Array | null | undefined): Uint8Array | null | undefined {
    if (chunk === null) this.#endProperly();
    return chunk;
  }

  #pullEvents(reader: EventReader, wake: Wake): Uint8Array | null | undefined {
    for (;;) {
      const batch = reader.pull(wake);
      if (batch === undefined) return undefined;
      if (batch === null) {
        this.#endProperly();
        return null;
      }
      const { finalEvent } = this.#facts;
      if (finalEvent !== undefined && batch.events.includes(finalEvent)) this.#handedOn = true;
      const bytes = batchBytes(batch);
      if (bytes.length > 0) return bytes;
    }
  }

  /** Says the failure in the stream's own dialect where it has a word for it; otherwise the body breaks off. */
  #fail(thrown: unknown): Uint8Array {
    const error = PipelineError.is(thrown) ? thrown : new PipelineError('internal', { cause: thrown });
    this.#ended = true;
    this.#endBy(error);
    const { format, errorEvent, terminated } = this.#facts;
    // A web reader that aborted expects its own reason back.
    if (error.code === 'client_abort') throw error.cause ?? error;
    if (
      'events' in this.#body &&
      format !== undefined &&
      errorEvent === undefined &&
      terminated === undefined
    ) {
      return Buffer.from(format.errorEvent(error, this.#call.id));
    }
    throw error;
  }

  /** The call was aborted: the reader may never come back, so the outcome must not wait for it. */
  readonly #onAbort = (reason: PipelineError): void => {
    if (this.#ended) return;
    this.#handedOn = this.#missesNothing();
    // Before anything is stopped: that wakes whoever waits for more, and it must not find a proper end.
    if (this.#handedOn) this.#ended = true;
    else this.#failure = reason;
    this.#stop(reason, reason);
    this.#wake?.();
  };

  /** Whether whoever leaves now has everything that makes the answer complete. */
  #missesNothing(): boolean {
    if (this.#handedOn) return true;
    const { complete, terminated } = this.#facts;
    const isBytes = 'bytes' in this.#body;
    // A plugin's own end counts as well: SDKs leave at an error event, and that is not why the call ended.
    if (isBytes ? !complete : terminated === undefined) return false;
    // What has been seen to its end may still be held on its way here: by the pipeline until it is whole, by a clone.
    const source: Pullable<unknown> = isBytes ? this.#body.bytes : this.#body.events;
    try {
      return source.pull(this.#wake ?? ignore) === null;
    } catch {
      return false;
    }
  }

  #stop(reason: PipelineError, given: unknown): void {
    if ('bytes' in this.#body) this.#body.bytes.cancel(given);
    else this.#body.events.cancel(given);
    // Whoever leaves after the last event has missed nothing.
    if (this.#handedOn) this.#endProperly();
    else this.#endBy(reason);
  }

  #endProperly(): void {
    this.#ended = true;
    endProperly(this.#call, this.#status, this.#facts);
  }

  #endBy(error: PipelineError): void {
    this.#call.end(error.outcome, this.#status, this.#facts, error);
  }
}

function ignore(): void {
  // Nobody waits for what is about to be given up.
}
