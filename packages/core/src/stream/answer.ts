import { PipelineError } from '../errors.ts';
import type { Format } from '../format/format.ts';
import { BodyFacts } from './body-facts.ts';
import { type BodySource, bytesSource } from './body.ts';
import { DecodingReader } from './event-reader.ts';
import { bodySource, LazyResponse, type ResponseBody } from './lazy-response.ts';
import { DEFAULT_SSE_LIMITS, type SseLimits } from './sse-decoder.ts';
import { JsonSource, PlainSource, WholeSource } from './tracked-body.ts';

/** What an answer is made of. */
export interface AnswerParts {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Record<string, string | string[]>;
  /** Null for no body; bytes when all of it is in memory. */
  readonly source: BodySource | Uint8Array | null;
  readonly format: Format | undefined;
  readonly limits: SseLimits;
  /** Called after each batch of events, and whether content has been among them. */
  readonly onEvents?: (contentSeen: boolean) => void;
}

function isJson(type: string): boolean {
  return /^application\/(?:[\w.-]+\+)?json\b/.test(type);
}

/** What a reason phrase may not hold (RFC 9112 §4). `new Response` would throw over it, long after the answer was accepted. */
const NO_REASON_PHRASE = /[^\t\u0020-\u007e\u0080-\u00ff]/;

/** Makes the response of a raw answer: decoded as events, checked as JSON, or passed on, by what it says it is. */
export function answerResponse(parts: AnswerParts): { response: Response; isEventStream: boolean } {
  const { status, headers, source, format, onEvents } = parts;
  const type = String(headers['content-type'] ?? '').toLowerCase();
  const isEventStream = type.startsWith('text/event-stream');
  const facts = new BodyFacts(status < 300 ? format : undefined);
  if (facts.format !== undefined && source !== null && !isEventStream && type !== '' && !isJson(type)) {
    // A captive portal or a gateway's own page, whatever its status says.
    throw new PipelineError('bad_answer', { cause: new Error(`the upstream answered with ${type}`) });
  }
  if (facts.format !== undefined && source === null) {
    throw new PipelineError('bad_answer', {
      cause: new Error(`the upstream answered ${status} without a body`),
    });
  }
  let body: ResponseBody | null = null;
  if (source === null) {
    facts.completed();
  } else if (isEventStream) {
    const notify =
      onEvents === undefined
        ? undefined
        : (): void => {
            onEvents(facts.contentSeen);
          };
    body = { events: new DecodingReader(pulled(source), facts, parts.limits, notify) };
  } else if (facts.format !== undefined) {
    const length = Number(headers['content-length'] ?? Number.NaN);
    body = { bytes: WholeSource.of(source, facts, length) ?? new JsonSource(pulled(source), facts, length) };
  } else {
    body = { bytes: new PlainSource(pulled(source), facts) };
  }
  // A cut stream is ended by an error event that content-length would not count.
  const { 'content-length': _, ...unframed } = isEventStream ? headers : {};
  const statusText = NO_REASON_PHRASE.test(parts.statusText) ? '' : parts.statusText;
  const response = LazyResponse.from({
    status,
    statusText,
    headers: isEventStream ? unframed : headers,
    body,
    facts,
  });
  return { response, isEventStream };
}

function pulled(source: BodySource | Uint8Array): BodySource {
  return 'pull' in source ? source : bytesSource(source);
}

/** A response that somebody else made, read in a format, so that hooks, commit point and outcome hold for it too. */
export function adopted(response: Response, format: Format | undefined): Response {
  const body = LazyResponse.takeBody(response);
  return answerResponse({
    status: response.status,
    statusText: response.statusText,
    headers: { ...LazyResponse.headerRecord(response) },
    source: body === null ? null : bodySource(body, LazyResponse.factsOf(response)),
    format,
    limits: DEFAULT_SSE_LIMITS,
  }).response;
}
