import { PipelineError } from './errors.ts';
import type { InboundRequest, Pipeline } from './pipeline.ts';

/** Makes a `fetch` of a pipeline's `handle`. Bound to nothing, as SDKs call it detached. */
export function pipelineFetch(handle: Pipeline['handle']): Pipeline['fetch'] {
  return async (input, init) => {
    const inbound = await inboundRequest(input, init);
    inbound.signal?.throwIfAborted();
    try {
      return await handle(inbound);
    } catch (error) {
      // fetch rejects with the reason that the caller itself gave.
      if (PipelineError.is(error) && error.code === 'client_abort' && inbound.signal?.aborted === true) {
        throw inbound.signal.reason;
      }
      throw error;
    }
  };
}

async function inboundRequest(input: string | URL | Request, init: RequestInit = {}): Promise<InboundRequest> {
  const { body } = init;
  // What official SDKs pass. A Request object would cost more than the rest of the call.
  if (!(input instanceof Request) && (body === undefined || body === null || typeof body === 'string' || body instanceof Uint8Array)) {
    return {
      method: (init.method ?? 'GET').toUpperCase(),
      target: targetOf(String(input)),
      headers: headerRecord(init.headers, typeof body === 'string'),
      body: body === undefined || body === null ? null : ownBytes(body),
      ...(init.signal ? { signal: init.signal } : {}),
    };
  }
  const request = new Request(input, body instanceof ReadableStream ? { ...init, duplex: 'half' } : init);
  const bytes = await request.arrayBuffer();
  return {
    method: request.method,
    target: targetOf(request.url),
    headers: Object.fromEntries(request.headers),
    body: bytes.byteLength === 0 ? null : new Uint8Array(bytes),
    signal: request.signal,
  };
}

/** Path and query of an absolute URL. */
function targetOf(url: string): string {
  const { pathname, search } = new URL(url);
  return pathname + search;
}

function headerRecord(headers: RequestInit['headers'], isText: boolean): Record<string, string> {
  const record: Record<string, string> = {};
  if (headers !== undefined && headers !== null) {
    const entries =
      headers instanceof Headers || Array.isArray(headers)
        ? (headers as Iterable<[string, string]>)
        : Object.entries(headers as Record<string, string>);
    for (const [name, value] of entries) record[name.toLowerCase()] = value;
  }
  if (isText) record['content-type'] ??= 'text/plain;charset=UTF-8';
  return record;
}

/** The caller may reuse its buffer once fetch has returned: keep a copy. */
function ownBytes(body: string | Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(typeof body === 'string' ? Buffer.from(body) : body);
}
