import { PipelineError } from '../errors.ts';
import type { ApiRequest } from '../request.ts';

/**
 * Where bytes keep what they were parsed to: a spread request keeps it, a changed body has none. On the bytes and not in a
 * `WeakMap`, whose entries live until a full collection: with what hangs on them, that cost more than the parsing.
 */
const PARSED = Symbol('sluice.parsed');

interface Bytes extends Uint8Array {
  [PARSED]?: { readonly json: unknown };
}

/**
 * The request's body as JSON, parsed once however many plugins ask. Never change it in place: plugins further in
 * would see the change and the upstream would not.
 *
 * @throws PipelineError `invalid_request` when there is no body or it is no JSON.
 */
export function readJson(request: ApiRequest): unknown {
  const body: Bytes | null = request.body;
  if (body === null)
    throw new PipelineError('invalid_request', { message: 'The request needs a JSON body.' });
  let entry = body[PARSED];
  if (entry === undefined) {
    try {
      entry = { json: JSON.parse(utf8.decode(body)) as unknown };
    } catch {
      throw new PipelineError('invalid_request', { message: 'The request body is not valid JSON.' });
    }
    body[PARSED] = entry;
  }
  return entry.json;
}

/** The same request with another JSON body. */
export function withJson(request: ApiRequest, json: unknown): ApiRequest {
  const body = new Uint8Array(Buffer.from(JSON.stringify(json))) as Uint8Array<ArrayBuffer> & Bytes;
  body[PARSED] = { json };
  return { ...request, body };
}

const utf8 = new TextDecoder('utf-8', { fatal: true });
