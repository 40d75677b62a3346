import type { Clock } from '../clock.ts';
import { PipelineError } from '../errors.ts';
import { takeEvents } from './attach.ts';
import { BodyFacts } from './body-facts.ts';
import { type BodySource, bytesSource } from './body.ts';
import { batchBytes, type EventReader, HeldReader } from './event-reader.ts';
import { HeldSource } from './held-source.ts';
import { LazyResponse } from './lazy-response.ts';
import { type Pullable, readFrom, type Wake } from './pull.ts';
import type { Batch } from './sse-decoder.ts';
import { PlainSource } from './tracked-body.ts';

/** Most bytes of an answer that is not streamed that are held back. A longer one is handed on as far as it has come. */
const MAX_HELD_ANSWER_BYTES = 1 << 20;

/** Bounds of {@link holdUntilContent}. */
export interface CommitOptions {
  /** Measures the hold. */
  readonly clock: Clock;
  /**
   * Longest hold of a stream in milliseconds. Then what is held is released and pings flow, so that a long think does
   * not look like a dead connection. Default 60 000, as `firstEventMs`.
   */
  readonly commitHoldMs?: number;
  /** Most bytes of a stream that are held. Default 16 KiB. */
  readonly maxHeldBytes?: number;
}

/**
 * Holds an answer back while its failure is still an ordinary failed attempt, of which the caller has seen nothing: a
 * streamed answer until its first content event, the commit point, and any other answer of a known format until it is
 * whole (or 1 MiB of it is there).
 *
 * - An error event inside the 200 comes back as the plain error response it should have been.
 * - An answer that is cut or stalls throws a retryable {@link PipelineError}.
 *
 * Anything else is returned as it is.
 */
export async function holdUntilContent(response: Response, options: CommitOptions): Promise<Response> {
  const facts = uncommittedFacts(response);
  if (facts === undefined) return response;
  const body = takeEvents(response);
  if (body === null) return LazyResponse.putBody(response, body);
  if ('bytes' in body) return readFrom(new HeldAnswer(response, body.bytes, facts));

  const { clock, commitHoldMs = 60_000, maxHeldBytes = 16 * 1024 } = options;
  const stream = new HeldStream(response, body.events, facts, maxHeldBytes);
  const held = readFrom(stream);
  if (!(held instanceof Promise)) return held;
  const timer = clock.setTimeout(() => {
    stream.release();
  }, commitHoldMs);
  try {
    return await held;
  } finally {
    clock.clearTimeout(timer);
  }
}

/**
 * Holds an answer that is not streamed until it is whole. Clients parse it only then, so that it costs them nothing,
 * and one that is cut can still be answered with an error. Synchronous when it is here already.
 */
export function holdAnswer(response: Response): Response | Promise<Response> {
  const facts = uncommittedFacts(response);
  if (facts === undefined) return response;
  const body = takeEvents(response);
  if (body === null || 'events' in body) return LazyResponse.putBody(response, body);
  return readFrom(new HeldAnswer(response, body.bytes, facts));
}

/** What is known of the body of an answer that can be held, and has not begun yet. */
function uncommittedFacts(response: Response): BodyFacts | undefined {
  const facts = LazyResponse.factsOf(response);
  return facts?.format === undefined || !response.ok || facts.contentSeen ? undefined : facts;
}

/** A stream up to its first content event. */
class HeldStream implements Pullable<Response> {
  readonly #response: Response;
  readonly #events: EventReader;
  readonly #facts: BodyFacts;
  readonly #maxHeldBytes: number;
  readonly #held: Batch[] = [];
  #heldBytes = 0;
  #released = false;
  #wake: Wake | undefined;

  constructor(response: Response, events: EventReader, facts: BodyFacts, maxHeldBytes: number) {
    this.#response = response;
    this.#events = events;
    this.#facts = facts;
    this.#maxHeldBytes = maxHeldBytes;
  }

  /** Hands on what there is. */
  release(): void {
    this.#released = true;
    this.#wake?.();
  }

  pull(wake: Wake): Response | undefined {
    this.#wake = wake;
    while (!this.#released) {
      let batch: Batch | null | undefined;
      try {
        batch = this.#events.pull(wake);
      } catch (error) {
        throw uncommitted(error);
      }
      if (batch === undefined) return undefined;
      const { errorEvent, contentSeen, terminated } = this.#facts;
      if (errorEvent !== undefined && !contentSeen)
        return asErrorResponse(this.#response, this.#events, this.#facts);
      if (batch !== null) {
        this.#held.push(batch);
        this.#heldBytes += batchBytes(batch).length;
      }
      if (batch === null || contentSeen || terminated !== undefined) break;
      if (this.#heldBytes > this.#maxHeldBytes) break;
    }
    return LazyResponse.putBody(this.#response, { events: new HeldReader(this.#held, this.#events) });
  }
}

/** An answer that is not streamed, up to its end. */
class HeldAnswer implements Pullable<Response> {
  readonly #response: Response;
  readonly #bytes: BodySource;
  readonly #facts: BodyFacts;
  readonly #held: Uint8Array[] = [];
  #heldBytes = 0;

  constructor(response: Response, bytes: BodySource, facts: BodyFacts) {
    this.#response = response;
    this.#bytes = bytes;
    this.#facts = facts;
  }

  pull(wake: Wake): Response | undefined {
    while (!this.#facts.complete && this.#heldBytes <= MAX_HELD_ANSWER_BYTES) {
      let chunk: Uint8Array | null | undefined;
      try {
        chunk = this.#bytes.pull(wake);
      } catch (error) {
        throw uncommitted(error);
      }
      if (chunk === undefined) return undefined;
      if (chunk === null) break;
      this.#held.push(chunk);
      this.#heldBytes += chunk.length;
    }
    return LazyResponse.putBody(this.#response, { bytes: new HeldSource(this.#held, this.#bytes) });
  }
}

/** Nothing has reached the caller: a cut or a stall is as good as one before the answer. */
function uncommitted(error: unknown): unknown {
  if (!PipelineError.is(error)) return error;
  if (error.code === 'stream_cut')
    return new PipelineError('connection_lost', { cause: error.cause ?? error });
  return error.code === 'idle_timeout' ? new PipelineError('first_event_timeout', { cause: error }) : error;
}

function asErrorResponse(response: Response, events: EventReader, facts: BodyFacts): Response {
  const { format, errorEvent } = facts;
  if (format === undefined || errorEvent === undefined) return response;
  events.cancel(new PipelineError('stream_error'));
  const bytes = Buffer.from(format.errorEventBody(errorEvent));
  const headers: Record<string, string | string[]> = { ...LazyResponse.headerRecord(response) };
  headers['content-type'] = 'application/json';
  headers['content-length'] = String(bytes.length);
  delete headers['cache-control'];
  const errorFacts = new BodyFacts(format);
  return LazyResponse.from({
    status: format.errorEventStatus(errorEvent),
    statusText: '',
    headers,
    body: { bytes: new PlainSource(bytesSource(bytes), errorFacts) },
    facts: errorFacts,
  });
}
