import type { IncomingMessage, ServerResponse } from 'node:http';
import { type InboundRequest, isEventStream, type Pipeline, PipelineError, PRINCIPAL, type Principal, takeSource } from '@sluice/core';
import { inboundBody } from './inbound-body.ts';
import { inboundHeaders } from './inbound-headers.ts';
import type { MountSettings } from './options.ts';
import { outboundHeaders } from './outbound-headers.ts';
import { mountedTarget } from './target.ts';

/** How long the rest of a refused body is read off, so that the client gets to see why, in milliseconds. */
const LINGER_MS = 2_000;

/** Where a framework keeps what the bridge needs. */
export interface Exchange<Req> {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** What `identify` is asked with. */
  readonly subject: Req;
  /** What a body parser made of the body, where the framework keeps it elsewhere than on `req.body`. */
  readonly parsedBody?: unknown;
}

/**
 * Takes one HTTP exchange through a pipeline. Every error is answered here, in the caller's dialect: nothing reaches
 * the framework's own error page, which might show a stack.
 *
 * @returns False when the request does not lie below the mount's base path, and nothing was done.
 */
export async function bridge<Req>(
  pipeline: Pipeline,
  settings: MountSettings<Req>,
  exchange: Exchange<Req>,
): Promise<boolean> {
  const { req, res } = exchange;
  const method = req.method ?? 'GET';
  const target = mountedTarget(req.url ?? '/', settings.basePath);
  if (target === undefined) return false;
  const client = new Client(res, pipeline, settings.writeStallMs);
  let response: Response;
  try {
    const inbound = await admit(pipeline, settings, exchange, method, target, client.controller);
    const principal = await identify(settings, exchange.subject);
    response = await pipeline.handle(inbound, (state) => {
      if (principal !== undefined) state.set(PRINCIPAL, principal);
    });
  } catch (error) {
    if (res.destroyed || client.gone) return true;
    const known = PipelineError.is(error) ? error : new PipelineError('internal', { cause: error });
    response = pipeline.refuse(known, { method, target: target === 'unclean' ? '/' : target, headers: req.headers as Record<string, string> });
  }
  await client.send(response, req);
  return true;
}

/** Checks everything that can be checked before the pipeline sees the call. */
async function admit<Req>(
  pipeline: Pipeline,
  settings: MountSettings<Req>,
  { req, parsedBody }: Exchange<Req>,
  method: string,
  target: string,
  controller: AbortController,
): Promise<InboundRequest> {
  if (target === 'unclean') throw new PipelineError('route_not_found');
  const query = target.indexOf('?');
  const route = settings.route(method, query < 0 ? target : target.slice(0, query));
  if (typeof route === 'string') throw new PipelineError(route);
  const headers = inboundHeaders(req);
  const limits = {
    maxBodyBytes: route.maxBodyBytes ?? settings.maxBodyBytes,
    bodyTimeoutMs: settings.bodyTimeoutMs,
  };
  const body = await inboundBody(req, limits, pipeline.clock, parsedBody);
  return { method, target, headers, body, controller };
}

async function identify<Req>({ identify: ask }: MountSettings<Req>, subject: Req): Promise<Principal | undefined> {
  if (ask === undefined) return undefined;
  try {
    return await ask(subject);
  } catch (error) {
    throw PipelineError.is(error) ? error : new PipelineError('unauthenticated', { cause: error });
  }
}

/** The client's end of an exchange. */
class Client {
  gone = false;
  readonly #res: ServerResponse;
  readonly #pipeline: Pipeline;
  readonly #writeStallMs: number;
  /** Aborts when the client leaves. */
  readonly controller = new AbortController();
  /** Called when the wait for the client is over, one way or the other. */
  #wake: (() => void) | undefined;

  constructor(res: ServerResponse, pipeline: Pipeline, writeStallMs: number) {
    this.#res = res;
    this.#pipeline = pipeline;
    this.#writeStallMs = writeStallMs;
    // Not the request's `close`, which comes as soon as its body was read.
    res.on('close', () => {
      if (res.writableFinished) return;
      this.gone = true;
      this.controller.abort(new PipelineError('client_abort'));
      this.#wake?.();
    });
  }

  /** Writes a response at the client's pace. */
  async send(response: Response, req: IncomingMessage): Promise<void> {
    const res = this.#res;
    const source = takeSource(response);
    if (this.gone) {
      source.cancel(this.controller.signal.reason);
      return;
    }
    const isStream = isEventStream(response);
    const headers = outboundHeaders(response, isStream);
    const unread = !req.complete;
    if (unread) headers['connection'] = 'close';
    res.writeHead(response.status, headers);
    // The client shall see that it was answered while the first event is still awaited.
    let flush = isStream;
    try {
      for (;;) {
        let chunk = source.read();
        if (chunk instanceof Promise) {
          if (flush) res.flushHeaders();
          flush = false;
          chunk = await chunk;
        }
        if (chunk === null) break;
        if (!this.gone && !res.write(chunk)) await this.#drained();
        if (this.gone) {
          source.cancel(this.controller.signal.reason);
          return;
        }
      }
    } catch {
      // Cut off, and the dialect has no word for it: the client must not take this for an end.
      res.destroy();
      return;
    }
    if (unread) await this.#readOff(req);
    res.end();
  }

  #drained(): Promise<void> {
    const { clock } = this.#pipeline;
    return new Promise((resolve) => {
      const timer = clock.setTimeout(() => {
        this.#res.destroy();
      }, this.#writeStallMs);
      this.#wake = () => {
        clock.clearTimeout(timer);
        this.#res.off('drain', this.#onDrain);
        this.#wake = undefined;
        resolve();
      };
      this.#res.on('drain', this.#onDrain);
    });
  }

  readonly #onDrain = (): void => {
    this.#wake?.();
  };

  /** Lets a client that is still sending finish, for a moment: a reset would lose it the answer. */
  #readOff(req: IncomingMessage): Promise<void> {
    const { clock } = this.#pipeline;
    return new Promise((resolve) => {
      const done = (): void => {
        clock.clearTimeout(timer);
        resolve();
      };
      const timer = clock.setTimeout(done, LINGER_MS);
      this.#wake = done;
      req.once('end', done).resume();
    });
  }
}
