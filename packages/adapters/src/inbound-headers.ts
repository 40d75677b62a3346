import type { IncomingMessage } from 'node:http';
import { PipelineError } from '@sluice/core';

/** Headers of which Node silently keeps the first, or joins two: which one was meant is the caller's secret. */
const SINGLE = new Set([
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

/**
 * The request's headers, one value each.
 *
 * @throws PipelineError `duplicate_header`, `unsupported_encoding`, or `invalid_request` for a transfer coding that
 *   Node passes on undecoded.
 */
export function inboundHeaders(req: IncomingMessage): Record<string, string> {
  const { headers, rawHeaders } = req;
  const names = Object.keys(headers);
  if (names.length * 2 !== rawHeaders.length) refuseDuplicates(rawHeaders);
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') {
    throw new PipelineError('invalid_request', { message: 'The transfer coding is not supported.' });
  }
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') throw new PipelineError('unsupported_encoding');
  // Node joins repeated headers into one string, but for set-cookie, which is no request header.
  return headers as Record<string, string>;
}

function refuseDuplicates(rawHeaders: readonly string[]): void {
  const seen = new Set<string>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    if (seen.has(name) && SINGLE.has(name)) {
      throw new PipelineError('duplicate_header', { message: `The header ${name} was sent more than once.` });
    }
    seen.add(name);
  }
}
