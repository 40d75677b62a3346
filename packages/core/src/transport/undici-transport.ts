import { type Dispatcher, Pool } from 'undici';
import type { Clock } from '../clock.ts';
import type { Context } from '../context.ts';
import { PipelineError } from '../errors.ts';
import { type ApiRequest, splitUrl } from '../request.ts';
import { answerResponse } from '../stream/answer.ts';
import { DEFAULT_SSE_LIMITS, type SseLimits } from '../stream/sse-decoder.ts';
import { type AnswerHead, Exchange } from './exchange.ts';
import { connector, failedOnReuse } from './connector.ts';
import { forwardedHeaders, relayedHeaders } from './headers.ts';
import { inflated } from './inflate.ts';
import { DEFAULT_TIMEOUTS, type Timeouts } from './timeouts.ts';
import type { Transport } from './transport.ts';
import { Watchdog } from './watchdog.ts';

/** Methods that mean the same when they arrive twice (RFC 9110 §9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

/** Options of the undici transport, the `transport` of `createPipeline`. */
export interface TransportOptions {
  /** Connections to one origin; a stream occupies one. Default: as many as there are calls in progress. */
  readonly connections?: number;
  /** How long an idle connection is kept, in milliseconds. Default 30 000. */
  readonly keepAliveMs?: number;
  /** Longest line of an event stream. Default 1 MiB. */
  readonly maxLineBytes?: number;
  /** Longest event of an event stream. Default 4 MiB. */
  readonly maxEventBytes?: number;
  /** Largest answer to a call of a known format; other answers (files, batch results) are not bounded. Default 64 MiB. */
  readonly maxAnswerBytes?: number;
  /** Forward proxy, `http://` or `https://`, reached by CONNECT. Default: none; environment variables are not read. */
  readonly proxy?: string;
  /** PEM certificates to trust instead of the system's. Default: the system's. */
  readonly ca?: string | readonly string[];
  /** Allows `http:` upstreams beyond loopback. Keys and prompts then travel in clear. Default false. */
  readonly allowInsecureUpstream?: boolean;
}

/** Sends by undici's `dispatch`: no redirects, no second decoding, framing rebuilt, our own clocks. */
export class UndiciTransport implements Transport {
  readonly #clock: Clock;
  readonly #options: TransportOptions;
  readonly #timeouts: Timeouts;
  readonly #sseLimits: SseLimits;
  readonly #pools = new Map<string, Dispatcher>();

  constructor(clock: Clock, options: TransportOptions = {}, timeouts: Timeouts = DEFAULT_TIMEOUTS) {
    this.#clock = clock;
    this.#options = options;
    this.#timeouts = timeouts;
    this.#sseLimits = {
      maxLineBytes: options.maxLineBytes ?? DEFAULT_SSE_LIMITS.maxLineBytes,
      maxEventBytes: options.maxEventBytes ?? DEFAULT_SSE_LIMITS.maxEventBytes,
    };
  }

  async send(request: ApiRequest, ctx: Context): Promise<Response> {
    try {
      return await this.#attempt(request, ctx);
    } catch (error) {
      // The connection was closed while idle, and we noticed too late. Nothing was answered: a fresh one will do. What
      // would be there twice if it had arrived all the same (a batch, an upload) is left to the caller.
      const repeatable = ctx.format !== undefined || IDEMPOTENT.has(request.method);
      if (
        repeatable &&
        PipelineError.is(error) &&
        error.code === 'connection_lost' &&
        failedOnReuse(error.cause)
      ) {
        return this.#attempt(request, ctx);
      }
      throw error;
    }
  }

  #attempt(request: ApiRequest, ctx: Context): Promise<Response> {
    return new Promise((resolve, reject) => {
      const { signal } = request;
      if (signal.aborted) throw abortReason(signal);
      const { origin, path } = splitUrl(request.url);
      const pool = this.#poolOf(origin);
      const watchdog = new Watchdog(this.#clock, this.#timeouts, ctx.streamed, (error) => {
        exchange.fail(error);
      });
      const onAbort = (): void => {
        exchange.fail(abortReason(signal));
      };
      const exchange = new Exchange(
        {
          head: (head) => {
            try {
              resolve(this.#response(head, exchange, watchdog, ctx, request.method));
            } catch (error) {
              reject(error);
              exchange.cancel(error);
            }
          },
          failed: (error) => {
            reject(error);
          },
          data: () => {
            watchdog.bytes();
          },
          waiting: (waits) => {
            watchdog.waiting(waits);
          },
          settled: () => {
            watchdog.stop();
            signal.removeEventListener('abort', onAbort);
          },
        },
        this.#maxBytes(ctx),
      );
      signal.addEventListener('abort', onAbort);
      try {
        pool.dispatch(
          {
            origin,
            path,
            method: request.method as Dispatcher.HttpMethod,
            headers: forwardedHeaders(request.headers),
            body: request.body,
            headersTimeout: 0,
            bodyTimeout: 0,
          },
          exchange,
        );
      } catch (error) {
        exchange.onResponseError(undefined as never, error as Error);
      }
    });
  }

  #response(
    head: AnswerHead,
    exchange: Exchange,
    watchdog: Watchdog,
    ctx: Context,
    method: string,
  ): Response {
    const { status, statusText } = head;
    // Neither followed nor handed on: both would carry credentials and prompt to a place that nobody has configured.
    if (status > 299 && status < 400 && status !== 304) {
      throw new PipelineError('bad_answer', {
        retryable: false,
        cause: new Error(`the upstream redirects (${status})`),
      });
    }
    const headers = relayedHeaders(head.headers);
    let source = exchange as Parameters<typeof answerResponse>[0]['source'];
    const encoding = head.headers['content-encoding'];
    if (encoding !== undefined && encoding !== 'identity') {
      source = inflated(exchange, encoding, this.#maxBytes(ctx));
      delete headers['content-encoding'];
      delete headers['content-length'];
    }
    const hasBody = method !== 'HEAD' && status !== 204 && status !== 205 && status !== 304;
    // The only one of these whose body would be waited for, by nobody.
    if (status === 205) exchange.cancel(new PipelineError('bad_answer'));
    const response = answerResponse({
      status,
      statusText,
      headers,
      source: hasBody ? source : null,
      format: ctx.format,
      limits: this.#sseLimits,
      onEvents: (contentSeen) => {
        watchdog.events(contentSeen);
      },
    });
    watchdog.answered(response.isEventStream);
    return response.response;
  }

  /** Answers of no known format may be files of any size. */
  #maxBytes({ format }: Context): number {
    return format === undefined ? Infinity : (this.#options.maxAnswerBytes ?? 64 << 20);
  }

  #poolOf(origin: string): Dispatcher {
    let pool = this.#pools.get(origin);
    if (pool === undefined) {
      pool = this.#createPool(origin);
      this.#pools.set(origin, pool);
    }
    return pool;
  }

  #createPool(origin: string): Dispatcher {
    const { connections, keepAliveMs = 30_000, proxy, ca, allowInsecureUpstream = false } = this.#options;
    assertSecure(origin, allowInsecureUpstream);
    return new Pool(origin, {
      // One request a connection: an answer can then never be taken for another call's.
      pipelining: 1,
      keepAliveTimeout: keepAliveMs,
      connections: connections ?? null,
      allowH2: false,
      connect: connector({ clock: this.#clock, connectMs: this.#timeouts.connectMs, ca, proxy }),
    });
  }

  async close(): Promise<void> {
    const reason = new PipelineError('shutting_down');
    await Promise.all([...this.#pools.values()].map((pool) => pool.destroy(reason)));
    this.#pools.clear();
  }
}

/**
 * Refuses an origin that would send keys and prompts in clear.
 *
 * @throws PipelineError for `http:` beyond loopback.
 */
export function assertSecure(origin: string, allowInsecureUpstream: boolean): void {
  const { protocol, hostname } = new URL(origin);
  if (protocol === 'https:' || allowInsecureUpstream) return;
  const loopback = hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname);
  if (protocol === 'http:' && loopback) return;
  throw new PipelineError('connect_failed', {
    retryable: false,
    cause: new Error(`upstream ${origin} is not https; set transport.allowInsecureUpstream to allow it`),
  });
}

function abortReason(signal: AbortSignal): PipelineError {
  const reason: unknown = signal.reason;
  return PipelineError.is(reason) ? reason : new PipelineError('client_abort', { cause: reason });
}
