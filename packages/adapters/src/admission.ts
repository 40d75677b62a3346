import { PipelineError, type Principal } from '@sluice/core';
import type { BodyLimits } from './body-limits.ts';
import type { MountSettings } from './options.ts';

/**
 * What bounds the body of a request to this target.
 *
 * @throws PipelineError `route_not_found` or `method_not_allowed`.
 */
export function bodyLimits<Req>(settings: MountSettings<Req>, method: string, target: string): BodyLimits {
  // An unclean target begins with no slash, and is therefore no route.
  const path = pathOf(target);
  const route = settings.routes.find(method, path);
  if (route === undefined) {
    const isRoute = settings.routes.methods(path).length > 0;
    throw new PipelineError(isRoute ? 'method_not_allowed' : 'route_not_found');
  }
  return {
    // What could never have room is too large, and no retry would help.
    maxBodyBytes: Math.min(route.maxBodyBytes ?? settings.maxBodyBytes, settings.maxBufferedBytes),
    bodyTimeoutMs: route.bodyTimeoutMs ?? settings.bodyTimeoutMs,
    budget: settings.budget,
  };
}

/** The path of a target, without its query. */
export function pathOf(target: string): string {
  const query = target.indexOf('?');
  return query < 0 ? target : target.slice(0, query);
}

/**
 * Who calls, as the host application knows it.
 *
 * @throws PipelineError `unauthenticated`, unless `identify` itself threw a PipelineError.
 */
export async function principalOf<Req>(
  { identify }: MountSettings<Req>,
  subject: Req,
): Promise<Principal | undefined> {
  try {
    return await identify?.(subject);
  } catch (error) {
    throw PipelineError.is(error) ? error : new PipelineError('unauthenticated', { cause: error });
  }
}
