import { PipelineError } from '@sluice/core';

/**
 * The refusal of an open circuit. Without a stack trace, which would be most of what a refusal costs, and would only
 * ever show this place.
 */
export function refusal(retryAfterMs: number | undefined): PipelineError {
  const { stackTraceLimit } = Error;
  // `Reflect.set`, because with `--frozen-intrinsics` an assignment throws.
  Reflect.set(Error, 'stackTraceLimit', 0);
  try {
    return new PipelineError('circuit_open', {
      plugin: 'circuit-breaker',
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  } finally {
    Reflect.set(Error, 'stackTraceLimit', stackTraceLimit);
  }
}
