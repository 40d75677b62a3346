import { PipelineError } from '@sluice/core';
import type { BodyBudget } from './body-budget.ts';

/** Bounds of a request body. */
export interface BodyLimits {
  /** More is refused with 413. */
  readonly maxBodyBytes: number;
  /** From the first look at the body until it is whole; later is refused with 408. */
  readonly bodyTimeoutMs: number;
  /** More than it has room for is refused with 503. */
  readonly budget: BodyBudget;
}

/** The refusal of a body that is larger than its route allows. */
export function tooLarge({ maxBodyBytes }: BodyLimits): PipelineError {
  return new PipelineError('body_too_large', {
    message: `The request body is larger than ${maxBodyBytes} bytes.`,
  });
}

/**
 * Refuses a body where HTTP gives it no meaning (RFC 9110 §9.3.1, §9.3.5): an upstream that overlooks it would read it
 * as the next request on the connection.
 *
 * @throws PipelineError `invalid_request`.
 */
export function refuseNeedless(method: string, length: number): void {
  if (length === 0 || (method !== 'GET' && method !== 'DELETE')) return;
  throw new PipelineError('invalid_request', { message: `A ${method} request has no body here.` });
}
