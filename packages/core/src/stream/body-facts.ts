import { PipelineError } from '../errors.ts';
import type { Format, Usage } from '../format/format.ts';
import { upstreamFailure } from '../transport/failure.ts';
import type { SseEvent } from './sse-event.ts';

/** Usage is read from whole JSON answers up to this size; the bytes are kept until the outcome is reported. */
const MAX_USAGE_BYTES = 1 << 20;
/** Usage events that wait to be read; an upstream that sends one with each token must not fill memory. */
const MAX_USAGE_EVENTS = 16;

/** Who is told when something becomes known of a body. */
export interface BodyWatcher {
  /** Something that a caller would see as an answer has arrived. Called at most once. */
  content(): void;
  /**
   * The body is over, for whoever judges the upstream: its final event or proper end has been seen (`error` is
   * undefined), or it was cut or given up. Called once, if anybody reads the body or gives it up.
   */
  settled(error: PipelineError | undefined): void;
}

/** What has been seen of one response body so far. The outcome of the call is read from it. */
export class BodyFacts {
  /** The dialect the body is read in. */
  readonly format: Format | undefined;
  /** The format's proper end was seen (or, for a body without a format, the end). */
  complete = false;
  /** Something that a caller would see as an answer has arrived. */
  contentSeen = false;
  /** The provider's own error event. */
  errorEvent: SseEvent | undefined;
  /** A plugin ended the stream early, with a legal ending of its own. */
  terminated: PipelineError | undefined;
  /** The event behind which nothing of value follows: the proper end, or the provider's error. */
  finalEvent: SseEvent | undefined;
  #usage: Usage | undefined;
  readonly #usageEvents: SseEvent[] = [];
  #answer: Uint8Array[] | undefined = [];
  #answerLength = 0;
  #watchers: BodyWatcher[] | undefined;
  #settled = false;
  #error: PipelineError | undefined;

  constructor(format: Format | undefined) {
    this.format = format;
  }

  /** Adds a watcher, and tells it what is known already. */
  watch(watcher: BodyWatcher): void {
    if (this.contentSeen) watcher.content();
    if (this.#settled) {
      watcher.settled(this.#error);
      return;
    }
    this.#watchers ??= [];
    this.#watchers.push(watcher);
  }

  /** Takes note of content. */
  content(): void {
    if (this.contentSeen) return;
    this.contentSeen = true;
    if (this.#watchers !== undefined) for (const watcher of this.#watchers) watcher.content();
  }

  /** Takes note of the proper end. */
  completed(): void {
    this.complete = true;
    this.#settle(undefined);
  }

  /** Takes note that the body was cut, by what its source threw. */
  cut(error: unknown): void {
    this.#settle(PipelineError.is(error) ? error : upstreamFailure(error, true));
  }

  /** Takes note that nobody wants the rest. */
  givenUp(reason: unknown): void {
    this.#settle(PipelineError.is(reason) ? reason : new PipelineError('client_abort', { cause: reason }));
  }

  /** Only the first time counts: who gives a whole body up gives nothing up. */
  #settle(error: PipelineError | undefined): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#error = error;
    const watchers = this.#watchers;
    this.#watchers = undefined;
    if (watchers !== undefined) for (const watcher of watchers) watcher.settled(error);
  }

  /** Takes note of an event. */
  noteEvent(event: SseEvent): void {
    const { format } = this;
    if (format === undefined || !event.hasData) return;
    // First, because whoever is told of the end may ask for it.
    if (format.tellsUsage(event)) {
      this.#usageEvents.push(event);
      if (this.#usageEvents.length > MAX_USAGE_EVENTS) this.#readUsageEvents();
    }
    switch (format.kind(event)) {
      case 'terminal':
        this.finalEvent ??= event;
        this.content();
        this.completed();
        break;
      case 'content':
        this.content();
        break;
      case 'error':
        this.errorEvent ??= event;
        this.finalEvent ??= event;
        this.#settle(undefined);
        break;
      case 'preamble':
      case 'ping':
        break;
    }
  }

  /** Takes note of bytes of a whole JSON answer. */
  noteAnswer(chunk: Uint8Array): void {
    this.content();
    this.#answerLength += chunk.length;
    if (this.#answerLength > MAX_USAGE_BYTES) this.#answer = undefined;
    this.#answer?.push(chunk);
  }

  /** The provider's own count. It is read from the events or the whole answer only when somebody asks. */
  get usage(): Usage | undefined {
    this.#readUsageEvents();
    if (this.#usage === undefined && this.#answerLength > 0 && this.#answer !== undefined && this.complete) {
      const answer = this.#answer;
      this.#answer = undefined;
      this.#usage = this.format?.usage(joined(answer));
    }
    return this.#usage;
  }

  #readUsageEvents(): void {
    for (const event of this.#usageEvents.splice(0))
      this.#usage = this.format?.eventUsage(event, this.#usage);
  }
}

function joined(chunks: readonly Uint8Array[]): Buffer {
  const [first] = chunks;
  if (first === undefined || chunks.length > 1) return Buffer.concat(chunks);
  return Buffer.from(first.buffer, first.byteOffset, first.byteLength);
}
