import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { PipelineError } from '../errors.ts';
import type { BodySource } from '../stream/body.ts';
import type { Wake } from '../stream/pull.ts';
import { upstreamFailure } from './failure.ts';

/** Bytes read ahead of the reader before the upstream is told to wait. */
const HIGH_WATER_BYTES = 16 * 1024;
/** Interim answers (RFC 9110 §15.2) that are read over before an upstream is taken for hostile. */
const MAX_INFORMATIONAL = 16;

/** The head of an answer. */
export interface AnswerHead {
  readonly status: number;
  readonly statusText: string;
  readonly headers: IncomingHttpHeaders;
}

/** What an exchange reports while it runs. */
export interface ExchangeEvents {
  /** The final headers have arrived. */
  head(head: AnswerHead): void;
  /** It failed before they did. `raw` is what the connection said. */
  failed(error: PipelineError, raw: unknown): void;
  /** A piece of the body has arrived. */
  data(): void;
  /** The reader waits for the upstream, or no longer does. */
  waiting(waits: boolean): void;
  /** Nothing more will come: ended, failed or cancelled. */
  settled(): void;
}

/**
 * One request on the wire: undici's handler and the answer's body in one object. Pull-driven: at most
 * {@link HIGH_WATER_BYTES} wait here, then the socket is not read any further.
 */
export class Exchange implements Dispatcher.DispatchHandler, BodySource {
  readonly #events: ExchangeEvents;
  readonly #maxBytes: number;
  #controller: Dispatcher.DispatchController | undefined;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #receivedBytes = 0;
  #informational = 0;
  #answered = false;
  #ended = false;
  #paused = false;
  #failure: PipelineError | undefined;
  /** The reader, while it waits. */
  #wake: Wake | undefined;

  constructor(events: ExchangeEvents, maxBytes: number) {
    this.#events = events;
    this.#maxBytes = maxBytes;
  }

  /** Whether final headers have arrived. */
  get answered(): boolean {
    return this.#answered;
  }

  /** Ends it from our side. */
  fail(error: PipelineError): void {
    if (this.#ended || this.#failure !== undefined) return;
    this.#settle(error, error);
    this.#controller?.abort(error);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // Given up while it was queued or connecting: not a byte of it is sent.
    if (this.#failure !== undefined) controller.abort(this.#failure);
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
    statusText = '',
  ): void {
    if (status < 200) {
      if (++this.#informational > MAX_INFORMATIONAL) this.fail(badAnswer('too many interim answers'));
      return;
    }
    if (status > 599) {
      this.fail(badAnswer(`status ${status}`));
      return;
    }
    this.#answered = true;
    this.#events.head({ status, statusText, headers });
    if (this.#failure !== undefined) controller.abort(this.#failure);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#receivedBytes += chunk.length;
    if (this.#receivedBytes > this.#maxBytes) {
      this.fail(
        new PipelineError('answer_too_large', { cause: new Error(`more than ${this.#maxBytes} bytes`) }),
      );
      return;
    }
    this.#events.data();
    this.#queue.push(chunk);
    this.#queuedBytes += chunk.length;
    this.#wakeReader();
    if (this.#queuedBytes >= HIGH_WATER_BYTES) {
      this.#paused = true;
      controller.pause();
    }
  }

  onResponseEnd(): void {
    this.#settle(undefined, undefined);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#settle(upstreamFailure(error, this.#answered), error);
  }

  pull(wake: Wake): Uint8Array | null | undefined {
    const chunk = this.#queue.shift();
    if (chunk !== undefined) {
      this.#queuedBytes -= chunk.length;
      if (this.#paused && this.#queue.length === 0) {
        this.#paused = false;
        this.#controller?.resume();
      }
      return chunk;
    }
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#ended) return null;
    if (this.#wake === undefined) this.#events.waiting(true);
    this.#wake = wake;
    return undefined;
  }

  cancel(reason: unknown): void {
    this.#queue = [];
    this.fail(PipelineError.is(reason) ? reason : new PipelineError('client_abort', { cause: reason }));
  }

  #settle(error: PipelineError | undefined, raw: unknown): void {
    if (this.#ended || this.#failure !== undefined) return;
    if (error === undefined) this.#ended = true;
    else this.#failure = error;
    this.#events.settled();
    if (!this.#answered) {
      this.#events.failed(error ?? badAnswer('no answer'), raw);
      return;
    }
    this.#wakeReader();
  }

  #wakeReader(): void {
    const wake = this.#wake;
    if (wake === undefined) return;
    this.#wake = undefined;
    this.#events.waiting(false);
    wake();
  }
}

function badAnswer(what: string): PipelineError {
  return new PipelineError('bad_answer', { cause: new Error(`the upstream sent ${what}`) });
}
