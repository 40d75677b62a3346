import type { IncomingMessage } from 'node:http';
import { PipelineError } from '@sluice/core';
import { duplicate, SINGLE_HEADERS } from './single-headers.ts';

/**
 * The request's headers, one value each.
 *
 * @throws PipelineError `duplicate_header`, or `invalid_request` for what Node lets through: a transfer coding that it
 *   does not decode, chunks in HTTP/1.0 (RFC 9112 §6.1), HTTP/0.9.
 */
export function inboundHeaders(req: IncomingMessage): Record<string, string> {
  const { headers, rawHeaders } = req;
  const names = Object.keys(headers);
  if (names.length * 2 !== rawHeaders.length) refuseDuplicates(rawHeaders);
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && (coding.toLowerCase() !== 'chunked' || req.httpVersion === '1.0')) {
    throw new PipelineError('invalid_request', { message: 'The transfer coding is not supported.' });
  }
  if (req.httpVersionMajor < 1) {
    throw new PipelineError('invalid_request', { message: 'The HTTP version is not supported.' });
  }
  if (headers['set-cookie'] !== undefined) {
    // No request header; and Node makes an array of it, which nobody behind here expects.
    const { 'set-cookie': _, ...rest } = headers;
    return rest as Record<string, string>;
  }
  // Node joins other repeated headers into one string.
  return headers as Record<string, string>;
}

function refuseDuplicates(rawHeaders: readonly string[]): void {
  const seen = new Set<string>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    if (seen.has(name) && SINGLE_HEADERS.has(name)) throw duplicate(name);
    seen.add(name);
  }
}
