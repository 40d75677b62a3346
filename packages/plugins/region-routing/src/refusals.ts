import { PipelineError } from '@sluice/core';
import type { Dropped, Route } from './route.ts';

const PLUGIN = 'region-routing';

/** Why no endpoint is even permitted: no region, no capability, or none but those that are at work already. */
export function nowhere(dropped: readonly Dropped[]): PipelineError {
  const cause = new Error(listed(dropped));
  const has = (reason: string): boolean => dropped.some((note) => note.reason === reason);
  if (has('excluded')) return new PipelineError('no_endpoint', { plugin: PLUGIN, cause });
  if (has('region')) return new PipelineError('residency', { plugin: PLUGIN, cause });
  return new PipelineError('no_endpoint', {
    message: has('model') ? 'No endpoint serves this model.' : 'No endpoint takes such a call.',
    status: 404,
    retryable: false,
    plugin: PLUGIN,
    cause,
  });
}

/** Why none of the permitted endpoints took the call, and when one may. */
export function unavailable(
  permitted: readonly Route[],
  model: string | undefined,
  dropped: readonly Dropped[],
  now: number,
  cause: unknown,
): PipelineError {
  let fitAt = Infinity;
  for (const { state } of permitted) fitAt = Math.min(fitAt, state.fitAt(model, now));
  return new PipelineError('no_endpoint', {
    plugin: PLUGIN,
    cause: new Error(listed(dropped), { cause }),
    ...(fitAt > now ? { retryAfterMs: fitAt - now } : {}),
  });
}

function listed(dropped: readonly Dropped[]): string {
  return dropped.map(({ endpoint, reason }) => `${endpoint}: ${reason}`).join(', ');
}
