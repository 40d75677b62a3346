import { type Pipeline, PipelineError, PRINCIPAL } from '@sluice/core';
import { bodyLimits, principalOf } from './admission.ts';
import { type MountOptions, type MountSettings, mountSettings } from './options.ts';
import { refuse } from './refuse.ts';
import { refuseEncoded } from './single-headers.ts';
import { mountedTarget } from './target.ts';
import { webBody } from './web-body.ts';
import { webHeaders } from './web-headers.ts';
import { webResponse } from './web-response.ts';

export type { MountOptions } from './options.ts';
export type { Route } from './routes.ts';

/**
 * Mounts a pipeline where requests and responses are the web's own: Hono, Next.js route handlers, serverless
 * functions. A request that does not lie below `basePath` is answered with 404.
 *
 * @returns A handler that never rejects; the answer to a caller that has left goes nowhere.
 * @throws TypeError For an unknown or impossible option.
 */
export function mount(
  pipeline: Pipeline,
  options: MountOptions<Request> = {},
): (request: Request) => Promise<Response> {
  const settings = mountSettings(options);
  return async (request) => {
    const { clock } = pipeline;
    const { method } = request;
    const { pathname, search } = new URL(request.url);
    const target = mountedTarget(pathname + search, settings.basePath) ?? 'elsewhere';
    try {
      const response = await answer(pipeline, settings, request, target);
      return webResponse(response, method, clock, settings.writeStallMs);
    } catch (error) {
      // It goes nowhere: a body would wait for a reader until its time is up.
      if (PipelineError.is(error) && error.code === 'client_abort')
        return new Response(null, { status: 499 });
      const headers = Object.fromEntries(request.headers);
      const response = refuse(pipeline, settings, error, { method, target, headers });
      return webResponse(response, method, clock, settings.writeStallMs);
    }
  };
}

/** Checks everything that can be checked before the pipeline sees the call, the cheapest first. */
async function answer(
  pipeline: Pipeline,
  settings: MountSettings<Request>,
  request: Request,
  target: string,
): Promise<Response> {
  const { method, signal } = request;
  const limits = bodyLimits(settings, method, target);
  const headers = webHeaders(request.headers);
  refuseEncoded(headers);
  const principal = await principalOf(settings, request);
  const body = await webBody(request, limits, pipeline.clock);
  return pipeline.handle({ method, target, headers, body, signal }, (state) => {
    if (principal !== undefined) state.set(PRINCIPAL, principal);
  });
}
