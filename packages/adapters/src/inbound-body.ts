import type { IncomingMessage } from 'node:http';
import { type Clock, PipelineError } from '@sluice/core';

/** What body parsers leave on a request. */
interface ParsedRequest extends IncomingMessage {
  rawBody?: unknown;
  body?: unknown;
}

/** Bounds of a body. */
export interface BodyLimits {
  readonly maxBodyBytes: number;
  readonly bodyTimeoutMs: number;
}

/**
 * The whole request body, whether or not a body parser ran before. If one did: its raw bytes where they were kept
 * (`req.rawBody`, or a `Buffer` or string as `req.body`), else the parsed value serialised again by `JSON.stringify`,
 * which the upstream reads the same but which is not the same bytes.
 *
 * @throws PipelineError `body_too_large`, `body_timeout`, `body_already_read`, or `client_abort`.
 */
export async function inboundBody(
  req: ParsedRequest,
  limits: BodyLimits,
  clock: Clock,
  parsed: unknown = req.body,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const { method, headers } = req;
  if (Number(headers['content-length'] ?? 0) > limits.maxBodyBytes) throw tooLarge(limits);
  // A parser that skipped the request (another content type) leaves `{}` and an unread stream behind.
  if (!req.readableDidRead && !req.readableEnded) {
    if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) return null;
    return readBody(req, limits, clock);
  }
  const kept = bytesOf(req.rawBody) ?? bytesOf(parsed);
  if (kept !== undefined) return bounded(kept, limits);
  if (parsed !== undefined) return bounded(Buffer.from(JSON.stringify(parsed)), limits);
  if (method === 'GET' || method === 'DELETE' || headers['content-length'] === '0') return null;
  throw new PipelineError('body_already_read', {
    cause: new Error('something read the request body and kept neither req.rawBody nor req.body'),
  });
}

function readBody(req: IncomingMessage, limits: BodyLimits, clock: Clock): Promise<Uint8Array<ArrayBuffer> | null> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    let settled = false;
    // The listeners stay until the request goes: taking them off turns its event table into a slow dictionary.
    const settle = (error?: PipelineError): void => {
      if (settled) return;
      settled = true;
      clock.clearTimeout(timer);
      if (error !== undefined) reject(error);
      else if (chunks.length === 1) resolve(chunks[0] as Buffer<ArrayBuffer>);
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
      settle(new PipelineError('client_abort'));
    };
    req.on('close', onGone);
    req.on('error', onGone);
  });
}

function bytesOf(value: unknown): Buffer<ArrayBuffer> | undefined {
  if (typeof value === 'string') return Buffer.from(value);
  if (value instanceof Uint8Array) return Buffer.from(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength);
  return undefined;
}

function bounded(bytes: Buffer<ArrayBuffer>, limits: BodyLimits): Buffer<ArrayBuffer> | null {
  if (bytes.length > limits.maxBodyBytes) throw tooLarge(limits);
  return bytes.length === 0 ? null : bytes;
}

function tooLarge({ maxBodyBytes }: BodyLimits): PipelineError {
  return new PipelineError('body_too_large', {
    message: `The request body is larger than ${maxBodyBytes} bytes.`,
  });
}
