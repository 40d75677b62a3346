import { PipelineError } from '../errors.ts';
import type { ApiRequest } from '../request.ts';

/** Parsed bodies by the identity of their bytes: a spread request keeps its entry, a changed body has none. */
const parsed = new WeakMap<Uint8Array, { readonly json: unknown }>();

/**
 * The request's body as JSON, parsed once however many plugins ask. Never change it in place: plugins further in
 * would see the change and the upstream would not.
 *
 * @throws PipelineError `invalid_request` when there is no body or it is no JSON.
 */
export function readJson(request: ApiRequest): unknown {
  const { body } = request;
  if (body === null)
    throw new PipelineError('invalid_request', { message: 'The request needs a JSON body.' });
  let entry = parsed.get(body);
  if (entry === undefined) {
    try {
      entry = { json: JSON.parse(utf8.decode(body)) as unknown };
    } catch {
      throw new PipelineError('invalid_request', { message: 'The request body is not valid JSON.' });
    }
    parsed.set(body, entry);
  }
  return entry.json;
}

/** The same request with another JSON body. */
export function withJson(request: ApiRequest, json: unknown): ApiRequest {
  const body = new Uint8Array(Buffer.from(JSON.stringify(json)));
  parsed.set(body, { json });
  return { ...request, body };
}

const utf8 = new TextDecoder('utf-8', { fatal: true });
