import { type Dispatcher, Pool } from 'undici';
import type { Clock } from '../clock.ts';
import type { Context } from '../context.ts';
import { PipelineError } from '../errors.ts';
import { type ApiRequest, splitUrl } from '../request.ts';
import { DEFAULT_SSE_LIMITS } from '../stream/sse-decoder.ts';
import { connector } from './connector.ts';
import { send, type SendingParts } from './sending.ts';
import { DEFAULT_TIMEOUTS, type Timeouts } from './timeouts.ts';
import type { Transport } from './transport.ts';

/** Options of the undici transport, the `transport` of `createPipeline`. */
export interface TransportOptions {
  /** Connections to one origin; a stream occupies one. Default: as many as there are calls in progress. */
  readonly connections?: number;
  /** How long an idle connection is kept at most, in milliseconds; less when the upstream says so. Default 30 000. */
  readonly keepAliveMs?: number;
  /** Longest line of an event stream. Default 1 MiB. */
  readonly maxLineBytes?: number;
  /** Longest event of an event stream. Default 4 MiB. */
  readonly maxEventBytes?: number;
  /** Largest answer to a call of a known format; other answers (files, batch results) are not bounded. Default 64 MiB. */
  readonly maxAnswerBytes?: number;
  /**
   * Forward proxy, `http://` or `https://`, reached by CONNECT; user and password percent-encoded. Default: none;
   * environment variables are not read.
   */
  readonly proxy?: string;
  /** PEM certificates to trust instead of the system's. Default: the system's. */
  readonly ca?: string | readonly string[];
  /** Allows `http:` upstreams beyond loopback. Keys and prompts then travel in clear. Default false. */
  readonly allowInsecureUpstream?: boolean;
}

/** Sends by undici's `dispatch`: no redirects, no second decoding, framing rebuilt, our own clocks. */
export class UndiciTransport implements Transport {
  readonly #options: TransportOptions;
  readonly #parts: SendingParts;
  readonly #pools = new Map<string, Dispatcher>();

  constructor(clock: Clock, options: TransportOptions = {}, timeouts: Timeouts = DEFAULT_TIMEOUTS) {
    this.#options = options;
    this.#parts = {
      clock,
      timeouts,
      sseLimits: {
        maxLineBytes: options.maxLineBytes ?? DEFAULT_SSE_LIMITS.maxLineBytes,
        maxEventBytes: options.maxEventBytes ?? DEFAULT_SSE_LIMITS.maxEventBytes,
      },
      maxAnswerBytes: options.maxAnswerBytes ?? 64 << 20,
    };
  }

  send(request: ApiRequest, ctx: Context): Promise<Response> {
    const { origin, path } = splitUrl(request.url);
    return send(this.#poolOf(origin), path, request, ctx, this.#parts);
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
    const { clock, timeouts } = this.#parts;
    assertSecure(origin, allowInsecureUpstream);
    return new Pool(origin, {
      // One request a connection: an answer can then never be taken for another call's.
      pipelining: 1,
      keepAliveTimeout: keepAliveMs,
      // An upstream's `keep-alive: timeout` would else count instead, up to ten minutes.
      keepAliveMaxTimeout: keepAliveMs,
      connections: connections ?? null,
      allowH2: false,
      connect: connector({ clock, connectMs: timeouts.connectMs, ca, proxy }),
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
