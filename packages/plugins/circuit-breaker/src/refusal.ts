import { PipelineError } from '@sluice/core';

/**
 * The refusal of an open circuit. Without a stack trace, which would be most of what a refusal costs, and would only
 * ever show this place.
 */
export function refusal(retryAfterMs: number | undefined): PipelineError {
  const { stackTraceLimit } = Error;
  setStackTraceLimit(0);
  const error = new PipelineError('circuit_open', {
    plugin: 'circuit-breaker',
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
  setStackTraceLimit(stackTraceLimit);
  return error;
}

function setStackTraceLimit(limit: number): void {
  try {
    Error.stackTraceLimit = limit;
  } catch {
    // With `--frozen-intrinsics` a refusal has its stack trace.
  }
}
