import type { PipelineError } from '../errors.ts';
import { BodyFacts } from './body-facts.ts';
import type { BodySource } from './body.ts';
import { DecodingReader, type EventReader } from './event-reader.ts';
import {
  HookedReader,
  observed,
  type StreamHook,
  type StreamObserver,
  type StreamTransformer,
} from './hooks.ts';
import { LazyResponse, OF_OTHER_BYTES, type ResponseBody } from './lazy-response.ts';
import type { Wake } from './pull.ts';
import { DEFAULT_SSE_LIMITS } from './sse-decoder.ts';

/**
 * Attaches an observer to a response body. The bytes are not touched; however many observers are attached, the
 * stream is decoded once. Takes the response over: return what this returns.
 */
export function observeStream(response: Response, observer: StreamObserver): Response {
  const lazy = asLazy(response);
  const body = takeEvents(lazy);
  if (body === null) {
    observed(() => observer.end?.());
    return LazyResponse.putBody(lazy, null);
  }
  if ('events' in body) return LazyResponse.putBody(lazy, hook(lazy, body, { observer }));
  return LazyResponse.putBody(lazy, { bytes: new ObservedSource(body.bytes, observer) });
}

/**
 * Attaches a transformer to an event stream. Events that it forwards leave as their original bytes. An answer that is
 * not an event stream is returned as it is. Takes the response over: return what this returns.
 */
export function transformStream(response: Response, transformer: StreamTransformer): Response {
  const lazy = asLazy(response);
  const body = takeEvents(lazy);
  if (body === null || !('events' in body)) return LazyResponse.putBody(lazy, body);
  LazyResponse.changeHeaders(lazy, OF_OTHER_BYTES);
  return LazyResponse.putBody(lazy, hook(lazy, body, { transformer }));
}

/** Whether a response is an event stream. */
export function isEventStream(response: Response): boolean {
  return /^text\/event-stream\b/i.test(LazyResponse.header(response, 'content-type') ?? '');
}

function hook(response: Response, body: { readonly events: EventReader }, added: StreamHook): ResponseBody {
  const { events } = body;
  if (events instanceof HookedReader && events.attach(added)) return body;
  const facts = LazyResponse.factsOf(response) as BodyFacts;
  const reader = new HookedReader(events, facts);
  reader.attach(added);
  return { events: reader };
}

/** A response made by `new Response(…)`, in the form that hooks need. */
function asLazy(response: Response): Response {
  if (LazyResponse.is(response)) return response;
  return LazyResponse.from({
    status: response.status,
    statusText: response.statusText,
    headers: LazyResponse.headerRecord(response),
    body: LazyResponse.takeBody(response),
    facts: new BodyFacts(undefined),
  });
}

/**
 * Takes the body, as events if it is an event stream. A clone has made a web stream of it: that is cut into events
 * again, lest hooks further out see none.
 */
export function takeEvents(lazy: Response): ResponseBody | null {
  const body = LazyResponse.takeBody(lazy);
  if (body === null || 'events' in body || !isEventStream(lazy)) return body;
  const facts = LazyResponse.factsOf(lazy) as BodyFacts;
  // What the events mean was noted where they were decoded first.
  const own = facts.format === undefined ? facts : new BodyFacts(undefined);
  return { events: new DecodingReader(body.bytes, own, DEFAULT_SSE_LIMITS) };
}

/** Observes a body that has no events. */
class ObservedSource implements BodySource {
  readonly #source: BodySource;
  #observer: StreamObserver | undefined;

  constructor(source: BodySource, observer: StreamObserver) {
    this.#source = source;
    this.#observer = observer;
  }

  get terminated(): PipelineError | undefined {
    return this.#source.terminated;
  }

  pull(wake: Wake): Uint8Array | null | undefined {
    let chunk: Uint8Array | null | undefined;
    try {
      chunk = this.#source.pull(wake);
    } catch (error) {
      this.#finish((observer) => observer.error?.(error));
      throw error;
    }
    if (chunk === undefined) return undefined;
    if (chunk === null) this.#finish((observer) => observer.end?.());
    else observed(() => this.#observer?.chunk?.(chunk));
    return chunk;
  }

  cancel(reason: unknown): void {
    this.#finish((observer) => observer.error?.(reason));
    this.#source.cancel(reason);
  }

  #finish(tell: (observer: StreamObserver) => void): void {
    const observer = this.#observer;
    this.#observer = undefined;
    if (observer !== undefined)
      observed(() => {
        tell(observer);
      });
  }
}
