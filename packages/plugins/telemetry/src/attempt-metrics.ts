import type { Attributes } from '@opentelemetry/api';
import type { Attempt, Context } from '@sluice/core';
import { metricAttributes } from './call-attributes.ts';
import { ATTRIBUTE, VALUE } from './conventions.ts';
import { errorType } from './error-type.ts';
import type { Instruments } from './instruments.ts';
import type { Parts } from './parts.ts';

/** Counts an attempt that is over: how long it took and where, and the tokens that it used. */
export function recordAttempt(attempt: Attempt, ctx: Context, parts: Parts, into: Instruments): void {
  const { endpoint, status, durationMs } = attempt;
  if (durationMs !== undefined) {
    const where: Attributes = {};
    if (endpoint !== undefined) {
      where[ATTRIBUTE.endpoint] = endpoint.id;
      if (endpoint.region !== undefined) where[ATTRIBUTE.region] = endpoint.region;
    }
    if (status !== undefined) where[ATTRIBUTE.status] = status;
    const error = errorType(attempt.error, status);
    if (error !== undefined) where[ATTRIBUTE.errorType] = error;
    into.attemptDuration.record(durationMs / 1_000, where);
  }
  recordTokens(attempt, ctx, parts, into);
}

function recordTokens(attempt: Attempt, ctx: Context, parts: Parts, into: Instruments): void {
  const { usage, endpoint } = attempt;
  if (usage === undefined) return;
  const attributes = metricAttributes(ctx, parts);
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, reasoningTokens } = usage;
  if (inputTokens !== undefined)
    into.tokens.record(inputTokens, { ...attributes, [ATTRIBUTE.tokenType]: VALUE.input });
  if (outputTokens !== undefined)
    into.tokens.record(outputTokens, { ...attributes, [ATTRIBUTE.tokenType]: VALUE.output });
  if (cacheReadTokens !== undefined) into.cacheReadTokens.add(cacheReadTokens, attributes);
  if (cacheWriteTokens !== undefined) into.cacheWriteTokens.add(cacheWriteTokens, attributes);
  if (reasoningTokens !== undefined) into.reasoningTokens.add(reasoningTokens, attributes);

  const cost = ctx.model === undefined ? undefined : parts.settings.cost?.(ctx.model, usage, endpoint?.id);
  // A counter that took NaN would be NaN for ever.
  if (cost !== undefined && cost >= 0 && cost < Infinity) into.cost.add(cost, attributes);
}
