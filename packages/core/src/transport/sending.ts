import type { Dispatcher } from 'undici';
import { listenToAbort, stopListening } from '../abort-listeners.ts';
import type { Clock } from '../clock.ts';
import type { Context } from '../context.ts';
import { PipelineError } from '../errors.ts';
import type { ApiRequest } from '../request.ts';
import { answerResponse } from '../stream/answer.ts';
import type { BodySource } from '../stream/body.ts';
import type { SseLimits } from '../stream/sse-decoder.ts';
import { failedOnReuse } from './connector.ts';
import { type AnswerHead, Exchange, type ExchangeEvents } from './exchange.ts';
import { forwardedHeaders, relayedHeaders } from './headers.ts';
import { inflated } from './inflate.ts';
import type { Timeouts } from './timeouts.ts';
import { Watchdog } from './watchdog.ts';

/** Methods that mean the same when they arrive twice (RFC 9110 §9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

/** What all requests of a transport have in common. */
export interface SendingParts {
  readonly clock: Clock;
  readonly timeouts: Timeouts;
  readonly sseLimits: SseLimits;
  /** Largest answer to a call of a known format. */
  readonly maxAnswerBytes: number;
}

/**
 * Sends one request by a pool, and makes a response of what comes.
 *
 * @param path Of the request's URL, with its query: whoever chose the pool has split it already.
 */
export function send(
  pool: Dispatcher,
  path: string,
  request: ApiRequest,
  ctx: Context,
  parts: SendingParts,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    new Sending(pool, path, request, ctx, parts, resolve, reject).dispatch();
  });
}

/** One request and what becomes of it. An object with methods: six closures a request would be six times the garbage. */
class Sending implements ExchangeEvents {
  readonly #pool: Dispatcher;
  readonly #path: string;
  readonly #request: ApiRequest;
  readonly #ctx: Context;
  readonly #parts: SendingParts;
  readonly #resolve: (response: Response) => void;
  readonly #reject: (error: unknown) => void;
  readonly #maxBytes: number;
  #exchange: Exchange;
  #watchdog: Watchdog | undefined;
  #repeated = false;

  constructor(
    pool: Dispatcher,
    path: string,
    request: ApiRequest,
    ctx: Context,
    parts: SendingParts,
    resolve: (response: Response) => void,
    reject: (error: unknown) => void,
  ) {
    this.#pool = pool;
    this.#path = path;
    this.#request = request;
    this.#ctx = ctx;
    this.#parts = parts;
    this.#resolve = resolve;
    this.#reject = reject;
    // Answers of no known format may be files of any size.
    this.#maxBytes = ctx.format === undefined ? Infinity : parts.maxAnswerBytes;
    this.#exchange = new Exchange(this, this.#maxBytes);
  }

  dispatch(): void {
    const { method, headers, body, signal } = this.#request;
    if (signal.aborted) throw abortReason(signal);
    const { clock, timeouts } = this.#parts;
    const exchange = this.#exchange;
    this.#watchdog = new Watchdog(clock, timeouts, this.#ctx.streamed, (error) => {
      exchange.fail(error);
    });
    listenToAbort(signal, this.#onAbort);
    try {
      this.#pool.dispatch(
        {
          path: this.#path,
          method: method as Dispatcher.HttpMethod,
          headers: forwardedHeaders(headers),
          body,
          headersTimeout: 0,
          bodyTimeout: 0,
        },
        exchange,
      );
    } catch (error) {
      exchange.onResponseError(undefined as never, error as Error);
    }
  }

  readonly #onAbort = (): void => {
    this.#exchange.fail(abortReason(this.#request.signal));
  };

  head(head: AnswerHead): void {
    try {
      this.#resolve(this.#response(head));
    } catch (error) {
      this.#reject(error);
      this.#exchange.cancel(error);
    }
  }

  failed(error: PipelineError): void {
    if (!this.#mayRepeat(error)) {
      this.#reject(error);
      return;
    }
    this.#repeated = true;
    this.#exchange = new Exchange(this, this.#maxBytes);
    try {
      this.dispatch();
    } catch (aborted) {
      this.#reject(aborted);
    }
  }

  data(): void {
    this.#watchdog?.bytes();
  }

  waiting(waits: boolean): void {
    this.#watchdog?.waiting(waits);
  }

  settled(): void {
    this.#watchdog?.stop();
    stopListening(this.#request.signal, this.#onAbort);
  }

  /**
   * The connection was closed while idle, and we noticed too late. Nothing was answered: a fresh one will do. What would
   * be there twice if it had arrived all the same (a batch, an upload) is left to the caller.
   */
  #mayRepeat(error: PipelineError): boolean {
    return (
      error.code === 'connection_lost' &&
      !this.#repeated &&
      (this.#ctx.format !== undefined || IDEMPOTENT.has(this.#request.method)) &&
      failedOnReuse(error.cause)
    );
  }

  #response({ status, statusText, headers: given }: AnswerHead): Response {
    // Neither followed nor handed on: both would carry credentials and prompt to a place that nobody has configured.
    if (status > 299 && status < 400 && status !== 304) {
      throw new PipelineError('bad_answer', {
        retryable: false,
        cause: new Error(`the upstream redirects (${status})`),
      });
    }
    const headers = relayedHeaders(given);
    let source: BodySource = this.#exchange;
    const encoding = given['content-encoding'];
    if (encoding !== undefined && encoding !== 'identity') {
      source = inflated(source, encoding, this.#maxBytes);
      delete headers['content-encoding'];
      delete headers['content-length'];
    }
    const hasBody = this.#request.method !== 'HEAD' && status !== 204 && status !== 205 && status !== 304;
    // The only one of these whose body would be waited for, by nobody.
    if (status === 205) this.#exchange.cancel(new PipelineError('bad_answer'));
    const watchdog = this.#watchdog as Watchdog;
    const { response, isEventStream } = answerResponse({
      status,
      statusText,
      headers,
      source: hasBody ? source : null,
      format: this.#ctx.format,
      limits: this.#parts.sseLimits,
      onEvents: (contentSeen) => {
        watchdog.events(contentSeen);
      },
    });
    watchdog.answered(isEventStream);
    return response;
  }
}

function abortReason(signal: AbortSignal): PipelineError {
  const reason: unknown = signal.reason;
  return PipelineError.is(reason) ? reason : new PipelineError('client_abort', { cause: reason });
}
