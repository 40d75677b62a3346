import { listenToAbort, stopListening } from './abort-listeners.ts';
import { PipelineError } from './errors.ts';
import type { InboundRequest } from './request.ts';
import { readAll, streamSource } from './stream/body.ts';

/** The shape of `fetch`. */
export type PipelineFetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** Makes a `fetch` of a pipeline's `handle`. Bound to nothing, as SDKs call it detached. */
export function pipelineFetch(handle: (inbound: InboundRequest) => Promise<Response>): PipelineFetch {
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

async function inboundRequest(
  input: string | URL | Request,
  init: RequestInit = {},
): Promise<InboundRequest> {
  const { body } = init;
  // What official SDKs pass. A Request object would cost more than the rest of the call.
  if (
    !(input instanceof Request) &&
    (body === undefined || body === null || typeof body === 'string' || body instanceof Uint8Array)
  ) {
    return {
      method: (init.method ?? 'GET').toUpperCase(),
      target: targetOf(String(input)),
      headers: headerRecord(init.headers, typeof body === 'string'),
      body: body === undefined || body === null ? null : ownBytes(body),
      ...(init.signal ? { signal: init.signal } : {}),
    };
  }
  const request = new Request(input, body instanceof ReadableStream ? { ...init, duplex: 'half' } : init);
  const bytes = await bufferedBody(request);
  return {
    method: request.method,
    target: targetOf(request.url),
    headers: Object.fromEntries(request.headers),
    body: bytes.length === 0 ? null : new Uint8Array(bytes),
    signal: request.signal,
  };
}

/** All bytes of a body. One that never ends does not keep a caller that has left. */
async function bufferedBody({ body, bodyUsed, signal }: Request): Promise<Uint8Array> {
  if (bodyUsed) throw new TypeError('Body is unusable: Body has already been read');
  if (body === null) return new Uint8Array();
  const source = streamSource(body);
  const onAbort = (): void => {
    source.cancel(signal.reason);
  };
  listenToAbort(signal, onAbort);
  try {
    signal.throwIfAborted();
    return await readAll(source, Infinity, () => new RangeError());
  } finally {
    stopListening(signal, onAbort);
  }
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
      Symbol.iterator in headers ? (headers as Iterable<[string, string]>) : Object.entries(headers);
    for (const [name, value] of entries) {
      const key = name.toLowerCase();
      const text = String(value).trim();
      // Headers does it too: a name given twice (`anthropic-beta`, for instance) makes one list.
      record[key] = Object.hasOwn(record, key) ? `${record[key]}, ${text}` : text;
    }
  }
  if (isText) record['content-type'] ??= 'text/plain;charset=UTF-8';
  return record;
}

const encoder = new TextEncoder();

/** The caller may reuse its buffer once fetch has returned: keep a copy. */
function ownBytes(body: string | Uint8Array): Uint8Array<ArrayBuffer> {
  return typeof body === 'string' ? encoder.encode(body) : new Uint8Array(body);
}
