import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { Pool } from 'undici';
import { serve } from '../subject.ts';

const HOP_BY_HOP = new Set([
  'connection',
  'host',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** What any proxy on node:http and undici has to do, and nothing besides. */
export function start(upstreamUrl: string): Promise<number> {
  const pool = new Pool(upstreamUrl);
  return serve((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
      const path = request.url ?? '/';
      const method = request.method ?? 'GET';
      const headers = endToEnd(request.headers);
      forward(pool, { path, method, headers, body: body ?? null }, response);
    });
  });
}

function forward(pool: Pool, options: Parameters<Pool['dispatch']>[0], response: ServerResponse): void {
  pool.dispatch(options, {
    onRequestStart(controller) {
      response.on('close', () => {
        if (!response.writableFinished) controller.abort(new Error('the client left'));
      });
    },
    onResponseStart(_controller, status, headers) {
      response.writeHead(status, endToEnd(headers));
    },
    onResponseData(controller, chunk) {
      if (response.write(chunk)) return;
      controller.pause();
      response.once('drain', () => {
        controller.resume();
      });
    },
    onResponseEnd() {
      response.end();
    },
    onResponseError() {
      if (response.headersSent) response.destroy();
      else response.writeHead(502).end();
    },
  });
}

function endToEnd(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const kept: IncomingHttpHeaders = {};
  for (const name in headers) if (!HOP_BY_HOP.has(name)) kept[name] = headers[name];
  return kept;
}
