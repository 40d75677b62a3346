import { type Attempt, CACHE_STATUS, type Context, type Outcome } from '@sluice/core';
import type { AttemptEnd, CallEnd, CallStart } from './channels.ts';
import { errorType } from './error-type.ts';
import { plainName } from './known-names.ts';

/** What subscribers are told of a call's start. */
export function startMessage({ id, format, model, streamed }: Context, method: string): CallStart {
  return { id, method, format: format?.name, model: plainName(model), streamed };
}

/** What they are told of an attempt's end. */
export function attemptMessage({ id }: Context, attempt: Attempt, number: number): AttemptEnd {
  const { endpoint, status, error, durationMs, firstContentMs, usage } = attempt;
  return {
    id,
    number,
    endpoint: endpoint?.id,
    region: endpoint?.region,
    status,
    error: errorType(error, status),
    durationMs,
    firstContentMs,
    usage,
  };
}

/** What they are told of a call's end. */
export function endMessage(ctx: Context, method: string, outcome: Outcome): CallEnd {
  const { kind, status, cause, history, durationMs } = outcome;
  return {
    ...startMessage(ctx, method),
    outcome: kind,
    status,
    error: kind === 'completed' ? undefined : errorType(cause, status),
    attempts: history.length,
    durationMs,
    cacheStatus: ctx.state.get(CACHE_STATUS),
  };
}
