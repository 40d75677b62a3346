import type { PipelineError } from '../errors.ts';
import type { Format, Usage } from '../format/format.ts';
import type { SseEvent } from './sse-event.ts';

/** Usage is read from whole JSON answers up to this size; the bytes are kept until the outcome is reported. */
const MAX_USAGE_BYTES = 1 << 20;
/** Usage events that wait to be read; an upstream that sends one with each token must not fill memory. */
const MAX_USAGE_EVENTS = 16;

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

  constructor(format: Format | undefined) {
    this.format = format;
  }

  /** Takes note of an event. */
  noteEvent(event: SseEvent): void {
    const { format } = this;
    if (format === undefined || !event.hasData) return;
    switch (format.kind(event)) {
      case 'terminal':
        this.contentSeen = true;
        this.complete = true;
        this.finalEvent ??= event;
        break;
      case 'content':
        this.contentSeen = true;
        break;
      case 'error':
        this.errorEvent ??= event;
        this.finalEvent ??= event;
        break;
      case 'preamble':
      case 'ping':
        break;
    }
    if (format.tellsUsage(event)) {
      this.#usageEvents.push(event);
      if (this.#usageEvents.length > MAX_USAGE_EVENTS) this.#readUsageEvents();
    }
  }

  /** Takes note of bytes of a whole JSON answer. */
  noteAnswer(chunk: Uint8Array): void {
    this.contentSeen = true;
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
      try {
        this.#usage = this.format?.usage(JSON.parse(Buffer.concat(answer).toString()));
      } catch {
        // An answer whose brackets balance and that is no JSON all the same tells no usage.
      }
    }
    return this.#usage;
  }

  #readUsageEvents(): void {
    for (const event of this.#usageEvents.splice(0))
      this.#usage = this.format?.eventUsage(event, this.#usage);
  }
}
