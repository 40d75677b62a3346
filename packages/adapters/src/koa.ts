import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Pipeline } from '@sluice/core';
import type { ParsedBody } from './kept-body.ts';
import { bridge } from './node-bridge.ts';
import { type MountOptions, mountSettings } from './options.ts';

export type { MountOptions } from './options.ts';
export type { Route } from './routes.ts';

/** As much of a Koa 2 or 3 context as the mount uses. */
export interface KoaContext {
  /** Node's own request. Its `url` is what Koa's routers have made of it. */
  readonly req: IncomingMessage;
  /** Node's own response. */
  readonly res: ServerResponse;
  /** Koa's request: body parsers leave `body` and `rawBody` there. */
  readonly request: object;
  /** False keeps Koa from answering. */
  respond?: boolean | undefined;
  /** Told by Koa of errors, those of the client's connection among them. */
  onerror: (error: Error) => void;
}

/**
 * Mounts a pipeline in a Koa 2 or 3 application: `app.use(mount(pipeline, { basePath: '/claude' }))`, or behind
 * koa-mount, which takes the prefix off.
 *
 * @returns Middleware that calls `next` only for requests that do not lie below `basePath`, and never throws.
 * @throws TypeError For an unknown or impossible option.
 */
export function mount<Ctx extends KoaContext = KoaContext>(
  pipeline: Pipeline,
  options: MountOptions<Ctx> = {},
): (ctx: Ctx, next: () => Promise<unknown>) => Promise<void> {
  const settings = mountSettings(options);
  return async (ctx, next) => {
    const { req, res } = ctx;
    // `req` has what parsers for node:http left, `ctx.request` what Koa's did.
    const parsed: ParsedBody = { ...bodyOn(req as ParsedBody), ...bodyOn(ctx.request) };
    const done = bridge(pipeline, settings, { req, res, subject: ctx, parsed });
    if (done === undefined) {
      await next();
      return;
    }
    ctx.respond = false;
    ignoreLostClients(ctx);
    await done;
  };
}

function bodyOn(holder: ParsedBody): ParsedBody {
  const { rawBody, body } = holder;
  return { ...(rawBody === undefined ? {} : { rawBody }), ...(body === undefined ? {} : { body }) };
}

/** Koa logs each client that resets its connection as an error of the application. Here it is an ordinary outcome. */
function ignoreLostClients(ctx: KoaContext): void {
  const { onerror } = ctx;
  ctx.onerror = (error) => {
    if (error !== ctx.req.socket.errored) onerror.call(ctx, error);
  };
}
