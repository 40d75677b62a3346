import type { Attributes } from '@opentelemetry/api';
import { CACHE_STATUS, type Context, type Outcome, PRINCIPAL, VERDICTS } from '@sluice/core';
import { usageAttributes } from './call-attributes.ts';
import { ATTRIBUTE } from './conventions.ts';
import { errorType } from './error-type.ts';
import { plainName } from './known-names.ts';
import type { Parts } from './parts.ts';

/** Verdicts that a span lists. */
const MAX_VERDICTS = 10;

/** What is known of a call when it has ended, for its span. */
export function endAttributes(
  { kind, status, cause, history }: Outcome,
  { state, id }: Context,
  { settings }: Parts,
  firstContentMs: number | undefined,
): Attributes {
  const attributes = usageAttributes(history);
  attributes[ATTRIBUTE.callId] = id;
  attributes[ATTRIBUTE.outcome] = kind;
  attributes[ATTRIBUTE.status] = status;
  attributes[ATTRIBUTE.attempts] = history.length;
  const error = kind === 'completed' ? undefined : errorType(cause, status);
  if (error !== undefined) attributes[ATTRIBUTE.errorType] = error;
  const cacheStatus = state.get(CACHE_STATUS);
  if (cacheStatus !== undefined) attributes[ATTRIBUTE.cacheStatus] = cacheStatus;
  if (firstContentMs !== undefined) attributes[ATTRIBUTE.timeToFirstChunk] = firstContentMs / 1_000;
  const verdicts = state.get(VERDICTS);
  if (verdicts !== undefined)
    attributes[ATTRIBUTE.verdicts] = verdicts
      .slice(0, MAX_VERDICTS)
      .map(({ plugin, rule, action }) => `${plugin} ${rule} ${action}`);
  const tenant = settings.tenant === 'off' ? undefined : plainName(state.get(PRINCIPAL)?.tenant);
  if (tenant !== undefined) attributes[ATTRIBUTE.tenant] = tenant;
  return attributes;
}
