import type { IncomingMessage } from 'node:http';
import { type Clock, type InboundRequest, PipelineError } from '@sluice/core';
import { type BodyLimits, refuseNeedless, tooLarge } from './body-limits.ts';
import { keptBody, type ParsedBody } from './kept-body.ts';
import { refuseEncoded } from './single-headers.ts';

/**
 * The whole request body with the headers that describe it, whether or not a body parser ran before.
 *
 * @param parsed Where a body parser would have left what it made of the body.
 * @throws PipelineError `body_too_large`, `body_timeout`, `unsupported_encoding`, `body_already_read`,
 *   `invalid_request`, or `client_abort`.
 */
export async function inboundBody(
  req: IncomingMessage,
  headers: Readonly<Record<string, string>>,
  parsed: ParsedBody,
  limits: BodyLimits,
  clock: Clock,
): Promise<Pick<InboundRequest, 'headers' | 'body'>> {
  const { 'content-length': length, 'transfer-encoding': coding } = headers;
  if (Number(length ?? 0) > limits.maxBodyBytes) throw tooLarge(limits);
  // Not whether there is a `body`: a parser that skipped the request leaves `{}` and an unread stream behind.
  if (req.readableDidRead || req.readableEnded) return keptBody(req, parsed, headers, limits);
  // The client left while the host application was busy, and no event will say so again.
  if (req.destroyed) throw new PipelineError('client_abort');
  refuseEncoded(headers);
  const body = length === undefined && coding === undefined ? null : await readBody(req, limits, clock);
  refuseNeedless(req.method as string, body);
  return { headers, body };
}

function readBody(
  req: IncomingMessage,
  limits: BodyLimits,
  clock: Clock,
): Promise<Uint8Array<ArrayBuffer> | null> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    let settled = false;
    // The listeners stay until the request goes: taking them off turns its event table into a slow dictionary.
    const settle = (error?: PipelineError): void => {
      if (settled) return;
      settled = true;
      clock.clearTimeout(timer);
      if (error !== undefined) {
        // The rest is only read off: nobody needs what came before it.
        chunks.length = 0;
        reject(error);
      } else if (chunks.length === 1) resolve(chunks[0] as Buffer<ArrayBuffer>);
      else resolve(length === 0 ? null : Buffer.concat(chunks, length));
    };
    const timer = clock.setTimeout(() => {
      settle(new PipelineError('body_timeout'));
    }, limits.bodyTimeoutMs);
    req.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > limits.maxBodyBytes) settle(tooLarge(limits));
      if (!settled) chunks.push(chunk);
    });
    req.on('end', () => {
      settle();
    });
    const onGone = (): void => {
      // Comes after every body; an error made in vain, with its stack, would cost more than reading it.
      if (!settled) settle(new PipelineError('client_abort'));
    };
    req.on('close', onGone);
    req.on('error', onGone);
  });
}
