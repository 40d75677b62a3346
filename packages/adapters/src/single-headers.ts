import { PipelineError } from '@sluice/core';

/** Headers of which Node silently keeps the first, or joins two: which one was meant is the caller's secret. */
export const SINGLE_HEADERS: ReadonlySet<string> = new Set([
  'authorization',
  'x-api-key',
  'api-key',
  'host',
  'content-type',
  'content-length',
  'content-encoding',
  'transfer-encoding',
  'anthropic-version',
]);

/** The refusal of a header that was sent twice. */
export function duplicate(name: string): PipelineError {
  return new PipelineError('duplicate_header', { message: `The header ${name} was sent more than once.` });
}

/**
 * Refuses a body that is compressed: inflating it is the host application's decision, and so is the limit to that.
 *
 * @throws PipelineError `unsupported_encoding`.
 */
export function refuseEncoded(headers: Readonly<Record<string, string>>): void {
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new PipelineError('unsupported_encoding');
  }
}
