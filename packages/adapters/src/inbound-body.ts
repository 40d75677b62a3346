import type { IncomingMessage } from 'node:http';
import { type Clock, type InboundRequest, PipelineError, type TimerHandle } from '@sluice/core';
import type { HeldBytes } from './body-budget.ts';
import { type BodyLimits, refuseNeedless, tooLarge } from './body-limits.ts';
import { encodedChunk } from './encoded-chunk.ts';
import { keptBody, type ParsedBody } from './kept-body.ts';
import { refuseEncoded } from './single-headers.ts';

/** What a body changes of a request: it may come with other headers than were sent. */
type Inbound = Pick<InboundRequest, 'headers' | 'body'>;

/**
 * The whole request body with the headers that describe it, whether or not a body parser ran before.
 *
 * @param parsed Where a body parser would have left what it made of the body.
 * @throws PipelineError `body_too_large`, `overloaded`, `body_timeout`, `unsupported_encoding`, `body_already_read`,
 *   `invalid_request`, or `client_abort`.
 */
export function inboundBody(
  req: IncomingMessage,
  headers: Readonly<Record<string, string>>,
  parsed: ParsedBody,
  limits: BodyLimits,
  clock: Clock,
): Inbound | Promise<Inbound> {
  const { 'content-length': length, 'transfer-encoding': coding } = headers;
  if (Number(length ?? 0) > limits.maxBodyBytes) throw tooLarge(limits);
  // Not whether there is a `body`: a parser that skipped the request leaves `{}` and an unread stream behind.
  if (req.readableDidRead || req.readableEnded) return keptBody(req, parsed, headers, limits);
  // The client left while the host application was busy, and no event will say so again.
  if (req.destroyed) throw new PipelineError('client_abort');
  refuseEncoded(headers);
  if (length === undefined && coding === undefined) return { headers, body: null };
  return readBody(req, headers, limits, limits.budget.hold(), clock);
}

function readBody(
  req: IncomingMessage,
  headers: Readonly<Record<string, string>>,
  limits: BodyLimits,
  held: HeldBytes,
  clock: Clock,
): Promise<Inbound> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    let settled = false;
    let timer: TimerHandle | undefined;
    // The listeners stay until the request goes: taking them off turns its event table into a slow dictionary.
    const settle = (error?: PipelineError): void => {
      if (settled) return;
      settled = true;
      held.release();
      if (timer !== undefined) clock.clearTimeout(timer);
      if (error === undefined) {
        resolve({ headers, body: joined(chunks, length) });
        return;
      }
      // The rest is only read off: nobody needs what came before it.
      chunks.length = 0;
      reject(error);
    };
    req.on('data', (data: Buffer | string) => {
      if (settled) return;
      try {
        const chunk =
          typeof data === 'string' ? encodedChunk(data, req.readableEncoding as BufferEncoding) : data;
        length += chunk.length;
        if (length > limits.maxBodyBytes) throw tooLarge(limits);
        held.growTo(length);
        chunks.push(chunk);
      } catch (error) {
        settle(error as PipelineError);
      }
    });
    req.on('end', () => {
      try {
        refuseNeedless(req.method as string, length);
        settle();
      } catch (error) {
        settle(error as PipelineError);
      }
    });
    const onGone = (): void => {
      // Comes after every body; an error made in vain, with its stack, would cost more than reading it.
      if (!settled) settle(new PipelineError('client_abort'));
    };
    req.on('close', onGone);
    req.on('error', onGone);
    // Middleware has paused it, and listening alone does not undo that.
    if (req.isPaused()) req.resume();
    // Most bodies have come together with their head, and need no timer.
    process.nextTick(() => {
      if (settled || req.complete) return;
      timer = clock.setTimeout(() => {
        settle(new PipelineError('body_timeout'));
      }, limits.bodyTimeoutMs);
    });
  });
}

function joined(chunks: readonly Buffer[], length: number): Uint8Array<ArrayBuffer> | null {
  if (chunks.length === 1) return chunks[0] as Buffer<ArrayBuffer>;
  return length === 0 ? null : Buffer.concat(chunks, length);
}
