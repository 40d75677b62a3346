import { PipelineError } from '../errors.ts';
import type { Clock, TimerHandle } from '../clock.ts';
import { takeEvents } from './attach.ts';
import { BodyFacts } from './body-facts.ts';
import { bytesSource } from './body.ts';
import { batchBytes, type EventReader, HeldReader } from './event-reader.ts';
import { LazyResponse } from './lazy-response.ts';
import type { Batch } from './sse-decoder.ts';
import { PlainSource } from './tracked-body.ts';

/** Bounds of {@link holdUntilContent}. */
export interface CommitOptions {
  /** Measures the hold. */
  readonly clock: Clock;
  /**
   * Longest hold in milliseconds. Then what is held is released and pings flow, so that a long think does not look
   * like a dead connection. Default 30 000.
   */
  readonly commitHoldMs?: number;
  /** Most bytes held. Default 16 KiB. */
  readonly maxHeldBytes?: number;
}

/**
 * Holds headers and preamble of a streamed answer back until its first content event: the commit point. Up to there
 * a failure is still an ordinary failed attempt:
 *
 * - an error event inside the 200 comes back as the plain error response it should have been;
 * - a stream that is cut or stalls throws a retryable {@link PipelineError}.
 *
 * Anything that is not a successful event stream of a known format is returned as it is.
 */
export async function holdUntilContent(response: Response, options: CommitOptions): Promise<Response> {
  const facts = LazyResponse.factsOf(response);
  if (facts?.format === undefined || !response.ok || facts.contentSeen) return response;
  const body = takeEvents(response);
  if (body === null || !('events' in body)) return LazyResponse.putBody(response, body);

  const { clock, commitHoldMs = 30_000, maxHeldBytes = 16 * 1024 } = options;
  let release: ((released: 'released') => void) | undefined;
  const released = new Promise<'released'>((resolve) => (release = resolve));
  const timer: TimerHandle = clock.setTimeout(() => release?.('released'), commitHoldMs);
  try {
    return await hold(response, body.events, facts, maxHeldBytes, released);
  } finally {
    clock.clearTimeout(timer);
  }
}

async function hold(
  response: Response,
  events: EventReader,
  facts: BodyFacts,
  maxHeldBytes: number,
  released: Promise<'released'>,
): Promise<Response> {
  const held: Batch[] = [];
  let heldBytes = 0;
  for (;;) {
    let pending: Batch | null | Promise<Batch | null>;
    let batch: Batch | null;
    try {
      pending = events.read();
      const next = pending instanceof Promise ? await Promise.race([pending, released]) : pending;
      if (next === 'released') {
        return LazyResponse.putBody(response, {
          events: new HeldReader(held, pending as Promise<Batch | null>, events),
        });
      }
      batch = next;
    } catch (error) {
      throw uncommitted(error);
    }
    if (facts.errorEvent !== undefined && !facts.contentSeen) return asErrorResponse(response, events, facts);
    if (batch !== null) {
      held.push(batch);
      heldBytes += batchBytes(batch).length;
    }
    if (batch === null || facts.contentSeen || facts.terminated !== undefined || heldBytes > maxHeldBytes) {
      return LazyResponse.putBody(response, { events: new HeldReader(held, undefined, events) });
    }
  }
}

/** Nothing has reached the caller: a cut is as good as a connection lost before the answer. */
function uncommitted(error: unknown): unknown {
  if (!PipelineError.is(error) || error.code !== 'stream_cut') return error;
  return new PipelineError('connection_lost', { cause: error.cause ?? error });
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
