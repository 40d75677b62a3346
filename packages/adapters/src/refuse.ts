import { type Pipeline, PipelineError } from '@sluice/core';
import { pathOf } from './admission.ts';
import type { MountSettings } from './options.ts';

/** As much of a request as is needed to refuse it. */
export interface Refused {
  /** Upper-case HTTP method. */
  readonly method: string;
  /** What `mountedTarget` made of its target. */
  readonly target: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Any error as an answer in the caller's dialect, before there is a call or after it could not be answered. */
export function refuse<Req>(
  pipeline: Pipeline,
  settings: MountSettings<Req>,
  error: unknown,
  { method, target, headers }: Refused,
): Response {
  const known = PipelineError.is(error) ? error : new PipelineError('internal', { cause: error });
  const response = pipeline.refuse(known, { method, target: target.startsWith('/') ? target : '/', headers });
  // RFC 9110 §15.5.6 wants it.
  if (known.code === 'method_not_allowed') {
    response.headers.set('allow', settings.routes.methods(pathOf(target)).join(', '));
  }
  return response;
}
