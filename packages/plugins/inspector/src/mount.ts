import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Pipeline } from '@sluice/core';
import { Exhibit } from './exhibit.ts';
import type { InspectorHandle } from './handle.ts';
import { type MountOptions, mountSettings } from './options.ts';

/** What may wait in this process for one viewer. Whoever is further behind is disconnected, and begins anew. */
const MAX_WAITING_BYTES = 1 << 20;

/** A handler for `node:http`, Express and, over `ctx.req` and `ctx.res`, Koa. */
export type InspectorMount<Req extends IncomingMessage> = (
  req: Req,
  res: ServerResponse,
  next?: () => void,
) => Promise<boolean>;

/**
 * Shows the page of an inspector in a Node server.
 *
 * @param handle The one that the pipeline's `inspector` was given.
 * @returns A handler that resolves to true when it has answered. Else it has touched nothing, has called `next` where
 *   there is one, and resolves to false. It never rejects.
 * @throws TypeError For an unknown or impossible option.
 */
export function mount<Req extends IncomingMessage = IncomingMessage>(
  pipeline: Pipeline,
  handle: InspectorHandle,
  options: MountOptions<Req> = {},
): InspectorMount<Req> {
  const exhibit = new Exhibit(pipeline, handle, mountSettings(options));
  return async (req, res, next) => {
    const path = exhibit.pathOf(req.url ?? '/');
    if (path === undefined) {
      next?.();
      return false;
    }
    const { method = 'GET', headers, socket } = req;
    const { remoteAddress: address } = socket;
    const {
      status,
      headers: own,
      body,
    } = await exhibit.answer({ method, path, headers, address, request: req });
    // Gone while it was asked who they are, or the application has answered.
    if (res.destroyed || res.headersSent) return true;
    res.writeHead(status, own);
    if (body === undefined) watch(exhibit, res);
    else res.end(body);
    return true;
  };
}

function watch(exhibit: Exhibit<never>, res: ServerResponse): void {
  const viewer = {
    send: (text: string): void => {
      if (!res.write(text) && res.writableLength > MAX_WAITING_BYTES) res.destroy();
    },
    end: (): void => {
      res.end();
    },
  };
  res.on('close', () => {
    exhibit.feed.leave(viewer);
  });
  res.on('error', () => {
    // A reset by whoever watched: `close` follows.
  });
  exhibit.feed.join(viewer);
}
