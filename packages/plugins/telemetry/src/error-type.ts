import { PipelineError } from '@sluice/core';
import { VALUE } from './conventions.ts';

/**
 * What went wrong, in one word that does not depend on the call: the code of ours, or the status of an error answer.
 * Never a message: it might hold what nobody meant to send to a backend. Undefined: nothing did.
 */
export function errorType(error: unknown, status: number | undefined): string | undefined {
  if (PipelineError.is(error)) return error.code;
  if (status !== undefined && status > 399) return String(status);
  return error === undefined ? undefined : VALUE.other;
}
