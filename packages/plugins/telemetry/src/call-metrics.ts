import type { Attributes, Context as TraceContext } from '@opentelemetry/api';
import { CACHE_STATUS, type Context, type Outcome } from '@sluice/core';
import { metricAttributes } from './call-attributes.ts';
import { ATTRIBUTE } from './conventions.ts';
import { errorType } from './error-type.ts';
import type { Instruments } from './instruments.ts';
import type { Parts } from './parts.ts';

/** Counts a call that has ended. Its trace context goes along, for exemplars. */
export function recordCall(
  { kind, status, cause, history, durationMs }: Outcome,
  ctx: Context,
  parts: Parts,
  into: Instruments,
  firstContentMs: number | undefined,
  traceContext: TraceContext,
): void {
  into.activeCalls.add(-1);
  const attributes = metricAttributes(ctx, parts);
  if (history.length > 1) into.retries.add(history.length - 1, attributes);
  if (firstContentMs !== undefined)
    into.timeToFirstChunk.record(firstContentMs / 1_000, attributes, traceContext);

  const ended: Attributes = { ...attributes, [ATTRIBUTE.outcome]: kind };
  const error = kind === 'completed' ? undefined : errorType(cause, status);
  if (error !== undefined) ended[ATTRIBUTE.errorType] = error;
  const cacheStatus = ctx.state.get(CACHE_STATUS);
  if (cacheStatus !== undefined) ended[ATTRIBUTE.cacheStatus] = cacheStatus;
  into.callDuration.record(durationMs / 1_000, ended, traceContext);
}
