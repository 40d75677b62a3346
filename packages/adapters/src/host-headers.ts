import type { ServerResponse } from 'node:http';

/** They describe a body, and ours is another than the one that host middleware had in mind. */
const OF_ANOTHER_BODY = new Set([
  'content-encoding',
  'content-length',
  'etag',
  'last-modified',
  'trailer',
  'transfer-encoding',
]);

/** They describe our answer; all others are the host application's to decide. */
const OURS = new Set(['connection', 'content-type', 'retry-after', 'retry-after-ms', 'x-should-retry']);
const OURS_OF_STREAMS = new Set(['cache-control', 'x-accel-buffering']);

/** Lets the headers stand that host middleware has set before: CORS, request ids, security policies. */
export function yieldToHost(
  headers: Record<string, string | string[]>,
  res: ServerResponse,
  isEventStream: boolean,
): void {
  for (const name of res.getHeaderNames()) {
    if (OF_ANOTHER_BODY.has(name)) res.removeHeader(name);
    else if (name in headers && !OURS.has(name) && !(isEventStream && OURS_OF_STREAMS.has(name))) {
      delete headers[name];
    }
  }
}
