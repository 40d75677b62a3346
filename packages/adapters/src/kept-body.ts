import type { IncomingMessage } from 'node:http';
import { type InboundRequest, PipelineError } from '@sluice/core';
import { type BodyLimits, refuseNeedless, tooLarge } from './body-limits.ts';

/** Where body parsers leave what they made of a body: Express on the request, Koa on `ctx.request`. */
export interface ParsedBody {
  /** The bytes as they came, where somebody kept them. */
  readonly rawBody?: unknown;
  /** What the parser made of them. */
  readonly body?: unknown;
}

/** A parsed `{}` cannot have been longer: the rest of such a body was consumed by somebody else. */
const LONGEST_EMPTY = 16;

/** These are no JSON, whatever a parser made of them: their bytes are gone. */
const NOT_JSON = /^(?:multipart\/|application\/x-www-form-urlencoded)/i;

/**
 * The body of a request that a body parser has read: its raw bytes where they were kept (`rawBody`, or a `Buffer` or
 * string as `body`), else the parsed value serialised again by `JSON.stringify`, which the upstream reads the same but
 * which is not the same bytes. The headers are those of the bytes: a parser has inflated and decoded them.
 *
 * @throws PipelineError `body_too_large`, `json_too_complex`, `invalid_request`, or `body_already_read` when nothing was
 *   kept.
 */
export function keptBody(
  { method, headers: { 'content-length': length, 'transfer-encoding': coding } }: IncomingMessage,
  parsed: ParsedBody,
  headers: Readonly<Record<string, string>>,
  limits: BodyLimits,
): Pick<InboundRequest, 'headers' | 'body'> {
  const kept = isKept(parsed.rawBody) ? parsed.rawBody : parsed.body;
  if (!isKept(kept) && (length === '0' || (length === undefined && coding === undefined))) {
    return { headers, body: null };
  }
  const bytes = isKept(kept) ? bytesOf(kept) : serialised(kept, headers['content-type'], Number(length));
  if (bytes.length > limits.maxBodyBytes) throw tooLarge(limits);
  refuseNeedless(method as string, bytes.length);
  const described = describing(headers, !(kept instanceof Uint8Array));
  return { headers: described, body: bytes.length === 0 ? null : bytes };
}

function isKept(value: unknown): value is string | Uint8Array<ArrayBuffer> {
  return typeof value === 'string' || value instanceof Uint8Array;
}

function bytesOf(kept: string | Uint8Array<ArrayBuffer>): Buffer<ArrayBuffer> {
  if (typeof kept === 'string') return Buffer.from(kept);
  return Buffer.from(kept.buffer, kept.byteOffset, kept.byteLength);
}

function serialised(value: unknown, type: string | undefined, length: number): Buffer<ArrayBuffer> {
  const isEmpty = typeof value === 'object' && value !== null && Object.keys(value).length === 0;
  if (value === undefined || NOT_JSON.test(type ?? '') || (isEmpty && length > LONGEST_EMPTY)) {
    throw new PipelineError('body_already_read', {
      cause: new Error(
        'something read the request body and kept neither its bytes nor a value parsed from JSON',
      ),
    });
  }
  try {
    return Buffer.from(JSON.stringify(value));
  } catch (error) {
    // JSON.parse goes as deep as it likes, JSON.stringify some thousand levels.
    throw error instanceof RangeError ? new PipelineError('json_too_complex', { cause: error }) : error;
  }
}

/** The headers without what is no longer true of the bytes; text is sent as UTF-8. */
function describing(
  headers: Readonly<Record<string, string>>,
  isText: boolean,
): Readonly<Record<string, string>> {
  const { 'content-encoding': encoding, 'content-type': type } = headers;
  const charset = isText && type !== undefined ? /;\s*charset=(?!"?utf-8)/i.exec(type) : null;
  if (encoding === undefined && charset === null) return headers;
  const { 'content-encoding': _, ...rest } = headers;
  return charset === null ? rest : { ...rest, 'content-type': (type as string).slice(0, charset.index) };
}
