import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { mount as mountExpress } from '@sluice/adapters/express';
import { mount as mountKoa } from '@sluice/adapters/koa';
import { type Pipeline, readJson } from '@sluice/core';
import { type TestPipeline, testPipeline } from '@sluice/core/testing';
import express5, { type RequestHandler } from 'express';
// @ts-expect-error -- an alias, which has no types of its own.
import express4 from 'express4';
import Koa3 from 'koa';
// @ts-expect-error -- an alias, which has no types of its own.
import Koa2 from 'koa2';
import { describe, expect, it } from 'vitest';
import { expectQuiet } from './adapters-support.ts';

/** Bytes that JSON.parse and JSON.stringify would not give back: spaces, an escape, a number beyond doubles. */
const BYTES = '{ "model": "m", "n": 12345678901234567890, "messages": [ "\\u00e9 é" ] }';
const AGAIN = JSON.stringify(JSON.parse(BYTES));
const JSON_TYPE = { 'content-type': 'application/json', 'anthropic-version': '2023-06-01' };
/** For answers whose format does not matter here. */
const ROUTE = '/v1/messages/count_tokens';

expectQuiet();

interface Sent {
  readonly body?: string | Buffer<ArrayBuffer>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly method?: string;
  readonly path?: string;
}

interface Seen {
  readonly status: number;
  /** The error's message, if it is one of ours. */
  readonly error: string | undefined;
  /** What was sent upstream. */
  readonly body: string | null | undefined;
  readonly headers: Readonly<Record<string, string>> | undefined;
}

/** Sends one request through an app that mounts a pipeline. */
async function through(app: (pipeline: Pipeline) => RequestListener, sent: Sent = {}): Promise<Seen> {
  await using test: TestPipeline = testPipeline({ answers: [() => Response.json({ input_tokens: 1 })] });
  const server = createServer(app(test.pipeline)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const {
    method = 'POST',
    path = ROUTE,
    body = method === 'POST' ? BYTES : null,
    headers = JSON_TYPE,
  } = sent;
  const init = { method, headers, ...(body === null ? {} : { body }) };
  const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
  const answer = (await response.json()) as { error?: { message: string } };
  server.close();
  server.closeAllConnections();
  const [request] = test.transport.requests;
  return {
    status: response.status,
    error: answer.error?.message,
    body: request && (request.body === null ? null : Buffer.from(request.body).toString()),
    headers: request?.headers,
  };
}

describe.each([
  ['Express 4', express4 as typeof express5],
  ['Express 5', express5],
])('%s', (_, express) => {
  const app =
    (...parsers: RequestHandler[]) =>
    (pipeline: Pipeline): RequestListener => {
      const app = express();
      for (const parser of parsers) app.use(parser);
      app.use(mountExpress(pipeline));
      return app;
    };

  it('forwards the very bytes without a parser', async () => {
    expect(await through(app())).toMatchObject({ status: 200, body: BYTES });
  });

  it('forwards the very bytes after express.raw() and express.text()', async () => {
    expect(await through(app(express.raw({ type: '*/*' })))).toMatchObject({ status: 200, body: BYTES });
    expect(await through(app(express.text({ type: '*/*' })))).toMatchObject({ status: 200, body: BYTES });
  });

  it('forwards the very bytes after express.json() that keeps rawBody', async () => {
    const keep = (req: IncomingMessage, _res: unknown, bytes: Buffer): void => {
      Object.assign(req, { rawBody: bytes });
    };
    expect(await through(app(express.json({ verify: keep })))).toMatchObject({ status: 200, body: BYTES });
  });

  it('forwards the same JSON after express.json()', async () => {
    expect(await through(app(express.json()))).toMatchObject({ status: 200, body: AGAIN });
  });

  it('forwards what host middleware has made of a parsed body', async () => {
    const change: RequestHandler = (req, _res, next) => {
      req.body = { ...(req.body as object), model: 'other' };
      next();
    };
    const { body } = await through(app(express.json(), change));
    expect(JSON.parse(body as string)).toMatchObject({ model: 'other' });
  });

  it('forwards the very bytes when no parser took the type', async () => {
    const parsers = [express.json(), express.urlencoded({ extended: true }), express.text(), express.raw()];
    const headers = { ...JSON_TYPE, 'content-type': 'application/vnd.api+json' };
    expect(await through(app(...parsers), { headers })).toMatchObject({ status: 200, body: BYTES });
  });

  it('forwards plain bytes, and says so, when a parser has inflated them', async () => {
    const sent = { body: gzipSync(BYTES), headers: { ...JSON_TYPE, 'content-encoding': 'gzip' } };
    for (const [parser, body] of [
      [express.json(), AGAIN],
      [express.raw({ type: '*/*' }), BYTES],
      [express.text({ type: '*/*' }), BYTES],
    ] as const) {
      const seen = await through(app(parser), sent);
      expect(seen).toMatchObject({ status: 200, body });
      expect(seen.headers).not.toHaveProperty('content-encoding');
    }
    expect(await through(app(), sent)).toMatchObject({ status: 415, body: undefined });
  });

  it('says UTF-8 when a parser has decoded another charset', async () => {
    const headers = { ...JSON_TYPE, 'content-type': 'application/json; charset=utf-16le' };
    const body = Buffer.from(BYTES, 'utf16le');
    const decoded = await through(app(express.json()), { headers, body });
    expect(decoded).toMatchObject({
      status: 200,
      body: AGAIN,
      headers: { 'content-type': 'application/json' },
    });
    const raw = await through(app(express.raw({ type: '*/*' })), { headers, body });
    expect(raw.headers).toMatchObject({ 'content-type': 'application/json; charset=utf-16le' });
  });

  it('refuses with 500 what was read and not kept', async () => {
    const swallow: RequestHandler = (req, _res, next) => {
      req.on('end', () => next()).resume();
    };
    const refused = { status: 500, error: 'The request body was consumed before it reached this route.' };
    expect(await through(app(swallow))).toMatchObject({ ...refused, body: undefined });
    // express.urlencoded() of Express 4 leaves {} on every request, which must not pass for the body.
    const after = app(express.urlencoded({ extended: true }), swallow);
    expect(await through(after)).toMatchObject({ ...refused, body: undefined });
  });

  it('refuses with 500 a form, whose bytes no parser keeps', async () => {
    const headers = { ...JSON_TYPE, 'content-type': 'application/x-www-form-urlencoded' };
    const refused = await through(app(express.urlencoded({ extended: true })), { headers, body: 'a=1&b=2' });
    expect(refused).toMatchObject({ status: 500, body: undefined });
  });

  it('refuses with 400 JSON that can be parsed but not serialised again', async () => {
    const body = `{"a":${'['.repeat(20_000)}${']'.repeat(20_000)}}`;
    expect(await through(app(express.json()), { body })).toMatchObject({ status: 400, body: undefined });
  });

  it('does not turn an absent body into {}', async () => {
    const get = { method: 'GET', path: '/v1/models' };
    expect(await through(app(express.json()), get)).toMatchObject({ status: 200, body: null });
    const empty = { path: '/v1/messages/batches/b/cancel', body: '' };
    expect(await through(app(express.json()), empty)).toMatchObject({ status: 200, body: null });
    const braces = { path: '/v1/messages/batches/b/cancel', body: '{}' };
    expect(await through(app(express.json()), braces)).toMatchObject({ status: 200, body: '{}' });
  });

  it('shows __proto__ of a parsed body to the pipeline, which refuses it', async () => {
    const body = '{"model":"m","__proto__":{"admin":true}}';
    expect(await through(app(express.json()), { body })).toMatchObject({ status: 400, body: undefined });
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  it('holds parsed bodies to the same limit', async () => {
    const limited = (pipeline: Pipeline): RequestListener => {
      const app = express();
      app.use(express.json(), mountExpress(pipeline, { maxBodyBytes: 50 }));
      return app;
    };
    expect(await through(limited)).toMatchObject({ status: 413, body: undefined });
    const bomb = { body: gzipSync(JSON.stringify({ a: ' '.repeat(10_000) })) };
    const headers = { ...JSON_TYPE, 'content-encoding': 'gzip' };
    expect(await through(limited, { ...bomb, headers })).toMatchObject({ status: 413, body: undefined });
  });
});

describe.each([
  ['Koa 2', Koa2 as typeof Koa3],
  ['Koa 3', Koa3],
])('%s', (_, Koa) => {
  type Context = Parameters<Parameters<InstanceType<typeof Koa3>['use']>[0]>[0];
  type Keep = (request: { body?: unknown; rawBody?: unknown }, bytes: Buffer) => void;
  /** What body parsers for Koa do: read the stream, keep the result on `ctx.request`. */
  const app =
    (keep?: Keep) =>
    (pipeline: Pipeline): RequestListener => {
      const app = new Koa();
      app.use(async (ctx: Context, next) => {
        if (keep !== undefined) {
          const chunks: Buffer[] = [];
          for await (const chunk of ctx.req) chunks.push(chunk as Buffer);
          keep(ctx.request as object, Buffer.concat(chunks));
        }
        await next();
      });
      app.use(mountKoa(pipeline));
      return app.callback();
    };
  const parse: Keep = (request, bytes) => {
    request.body = bytes.length === 0 ? {} : JSON.parse(bytes.toString());
  };

  it('forwards the very bytes without a parser', async () => {
    expect(await through(app())).toMatchObject({ status: 200, body: BYTES });
  });

  it('forwards the very bytes of ctx.request.rawBody, or of a text in ctx.request.body', async () => {
    const koaBodyparser: Keep = (request, bytes) => {
      parse(request, bytes);
      request.rawBody = bytes.toString();
    };
    expect(await through(app(koaBodyparser))).toMatchObject({ status: 200, body: BYTES });
    const asText: Keep = (request, bytes) => {
      request.body = bytes.toString();
    };
    expect(await through(app(asText))).toMatchObject({ status: 200, body: BYTES });
  });

  it('forwards the same JSON of ctx.request.body', async () => {
    expect(await through(app(parse))).toMatchObject({ status: 200, body: AGAIN });
  });

  it('does not turn an absent body into {}', async () => {
    expect(await through(app(parse), { method: 'GET', path: '/v1/models' })).toMatchObject({ body: null });
  });

  it('refuses with 500 what was read and not kept', async () => {
    const refused = await through(app(() => undefined));
    expect(refused).toMatchObject({ status: 500, body: undefined });
  });
});

it('a parsed body that is forwarded again can be read by plugins', async () => {
  await using test = testPipeline({ answers: [(request) => Response.json(readJson(request))] });
  const app = express5();
  app.use(express5.json(), mountExpress(test.pipeline));
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${ROUTE}`;
  const response = await fetch(url, { method: 'POST', headers: JSON_TYPE, body: BYTES });
  expect(await response.json()).toEqual(JSON.parse(BYTES));
  server.close();
  server.closeAllConnections();
});
