import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Pipeline } from '@sluice/core';
import type { ParsedBody } from './kept-body.ts';
import { bridge } from './node-bridge.ts';
import { type MountOptions, mountSettings } from './options.ts';

export type { MountOptions } from './options.ts';
export type { Route } from './routes.ts';

/**
 * Mounts a pipeline in an Express 4 or 5 application: `app.use('/claude', mount(pipeline))`, where Express takes the
 * prefix off, or `app.use(mount(pipeline, { basePath: '/claude' }))`.
 *
 * @returns Middleware that calls `next` only for requests that do not lie below `basePath`, and never with an error.
 * @throws TypeError For an unknown or impossible option.
 */
export function mount<Req extends IncomingMessage = IncomingMessage>(
  pipeline: Pipeline,
  options: MountOptions<Req> = {},
): (req: Req, res: ServerResponse, next: () => void) => void {
  const settings = mountSettings(options);
  return (req, res, next) => {
    const done = bridge(pipeline, settings, { req, res, subject: req, parsed: req as ParsedBody });
    if (done === undefined) next();
  };
}
