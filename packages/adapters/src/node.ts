import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Pipeline } from '@sluice/core';
import type { ParsedBody } from './kept-body.ts';
import { bridge } from './node-bridge.ts';
import { type MountOptions, mountSettings } from './options.ts';

export type { MountOptions } from './options.ts';
export type { Route } from './routes.ts';

/**
 * Mounts a pipeline in a `node:http` server.
 *
 * @returns A handler that resolves to false, without having touched the response, when the request does not lie
 *   below `basePath`; it never rejects.
 * @throws TypeError For an unknown or impossible option.
 */
export function mount(
  pipeline: Pipeline,
  options: MountOptions<IncomingMessage> = {},
): (req: IncomingMessage, res: ServerResponse) => Promise<boolean> {
  const settings = mountSettings(options);
  return async (req, res) => {
    const done = bridge(pipeline, settings, { req, res, subject: req, parsed: req as ParsedBody });
    await done;
    return done !== undefined;
  };
}
