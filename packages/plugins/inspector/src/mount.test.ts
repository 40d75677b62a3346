import { once } from 'node:events';
import { createServer, get, type IncomingHttpHeaders, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { createPipeline, definePlugin, hotSwap, PRINCIPAL, PipelineError } from '@sluice/core';
import { fakeUpstream } from '@sluice/core/testing';
import express from 'express';
import Koa from 'koa';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { inspector, inspectorHandle, mount } from './index.ts';
import { mount as mountWeb } from './web.ts';

let server: Server | undefined;
afterEach(() => {
  server?.close();
  server?.closeAllConnections();
});

async function listen(app: RequestListener): Promise<string> {
  server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function inspected() {
  const handle = inspectorHandle();
  const pipeline = createPipeline({
    upstream: 'https://api.anthropic.com',
    plugins: [inspector({ handle })],
  });
  return { handle, pipeline };
}

/** A page over node:http. */
function shown(options: Parameters<typeof mount>[2] = {}): Promise<string> {
  const { handle, pipeline } = inspected();
  const show = mount(pipeline, handle, { basePath: '/sluice', ...options });
  return listen(async (req, res) => {
    if (!(await show(req, res))) res.end('the rest');
  });
}

interface Got {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Unlike fetch, it lets one choose the host. */
function ask(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Got> {
  return new Promise((done, fail) => {
    const { port, pathname } = new URL(url);
    get({ port, path: pathname, host: '127.0.0.1', headers, method }, (res) => {
      let body = '';
      res.setEncoding('utf8').on('data', (text: string) => (body += text));
      res.on('end', () => done({ status: res.statusCode, headers: res.headers, body }));
    }).on('error', fail);
  });
}

/** The first event of a feed. */
async function firstEvent(url: string, init: RequestInit = {}): Promise<Record<string, unknown>> {
  const leaving = new AbortController();
  const response = await fetch(url, { ...init, signal: leaving.signal });
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += new TextDecoder().decode(chunk);
    if (text.includes('\n\n')) break;
  }
  leaving.abort();
  return JSON.parse(text.slice(6)) as Record<string, unknown>;
}

describe('the page', () => {
  test('is one document that nothing else belongs to, under a strict policy', async () => {
    const url = await shown();
    const { status, headers, body } = await ask(`${url}/sluice`);
    expect(status).toBe(200);
    expect(headers['content-security-policy']).toMatch(
      /^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+'; connect-src 'self'; img-src data:;/,
    );
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'content-type': 'text/html; charset=utf-8',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    });
    expect(Object.keys(headers).some((name) => name.startsWith('access-control'))).toBe(false);
    expect(body).not.toMatch(/(?:src|href)="(?!data:)/);
    expect((await ask(`${url}/sluice/`)).body).toBe(body);
    expect(await firstEvent(`${url}/sluice/feed`)).toMatchObject({ live: { inFlight: 0 } });
  });

  test('is asked for by GET alone, and leaves everything else to the app', async () => {
    const url = await shown();
    for (const method of ['POST', 'HEAD', 'OPTIONS', 'DELETE']) {
      const { status, headers } = await ask(`${url}/sluice`, {}, method);
      expect([status, headers.allow]).toEqual([405, 'GET']);
    }
    expect((await ask(`${url}/sluice/other`)).status).toBe(404);
    expect((await ask(`${url}/sluices`)).body).toBe('the rest');
    expect((await ask(url)).body).toBe('the rest');
  });

  test('is for this machine, unless somebody else says who may see it', async () => {
    const url = await shown();
    const refused = async (headers: Record<string, string>): Promise<void> => {
      for (const path of ['/sluice', '/sluice/feed', '/sluice/other']) {
        const { status, body } = await ask(url + path, headers);
        expect([status, body]).toEqual([403, 'This page is not for you. See the option authorize.\n']);
      }
    };
    await refused({ host: 'evil.test' });
    await refused({ 'x-forwarded-for': '127.0.0.1' });
    const foreign = await ask(`${url}/sluice/feed`, { 'sec-fetch-site': 'cross-site' });
    expect(foreign.status).toBe(403);
  });

  test('is for whom authorize lets in, and for nobody when it breaks', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const sessionOf = (cookie = ''): Promise<{ role: string } | undefined> => {
      if (cookie === 'broken') return Promise.reject(new Error('no session store'));
      return Promise.resolve(cookie === '' ? undefined : { role: cookie });
    };
    const { handle, pipeline } = inspected();
    // #region authorize
    const show = mount(pipeline, handle, {
      authorize: async ({ headers }) => (await sessionOf(headers.cookie))?.role === 'operator',
    });
    // #endregion
    const url = await listen(show);
    const status = async (headers: Record<string, string>): Promise<number | undefined> =>
      (await ask(url, headers)).status;
    expect(await status({ cookie: 'operator', host: 'ops.example.com', 'x-forwarded-for': '10.1.1.1' })).toBe(
      200,
    );
    expect(await status({ cookie: 'guest' })).toBe(403);
    expect(await status({})).toBe(403);
    expect(await status({ cookie: 'broken' })).toBe(403);
    expect(String(warned.mock.calls[0]?.[0])).toContain('authorize of the inspector threw: no session store');
    warned.mockRestore();
    const careless = await shown({ authorize: (() => ({ user: 'ann' })) as unknown as () => boolean });
    expect((await ask(`${careless}/sluice`)).status).toBe(403);
  });
});

describe('the feed', () => {
  test('has room for so many, and again for others when they leave', async () => {
    const url = await shown({ maxViewers: 1 });
    const leaving = new AbortController();
    await fetch(`${url}/sluice/feed`, { signal: leaving.signal });
    const { status, headers } = await ask(`${url}/sluice/feed`);
    expect([status, headers['retry-after']]).toEqual([503, '10']);
    leaving.abort();
    await vi.waitFor(async () => expect(await firstEvent(`${url}/sluice/feed`)).toBeDefined());
  });

  test('of a closed pipeline ends', async () => {
    const { handle, pipeline } = inspected();
    const url = await listen(mount(pipeline, handle));
    const feed = await fetch(`${url}/feed`);
    await pipeline.close();
    await expect(feed.text()).resolves.toContain('data: ');
    // Pages come back by themselves; they must not keep a server open that shuts down.
    expect(await ask(`${url}/feed`)).toMatchObject({ status: 503, body: 'The pipeline is closed.\n' });
  });

  test('drops a viewer that does not read, and keeps the others', async () => {
    const { handle, pipeline } = inspected();
    const show = mount(pipeline, handle);
    let closed = false;
    const url = await listen((req, res) => {
      res.on('close', () => (closed = true));
      // A state that is new each time, and large.
      void show(req, res);
    });
    const big = vi.spyOn(pipeline, 'inspect').mockImplementation(() => [
      {
        plugin: 'p',
        rows: Array.from({ length: 60 }, (_, n) => ({ text: `${Math.random()}`.repeat(6_000), n })),
      },
    ]);
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.write('GET /feed HTTP/1.1\r\nhost: localhost\r\n\r\n');
    socket.pause();
    await vi.waitFor(() => expect(closed).toBe(true), 20_000);
    socket.destroy();
    big.mockRestore();
  });
});

test('Express takes the prefix off', async () => {
  const { handle, pipeline } = inspected();
  // #region express
  const app = express();
  app.use('/sluice', mount(pipeline, handle));
  // #endregion
  app.use((_req, res) => void res.send('the rest'));
  const url = await listen(app);
  expect((await ask(`${url}/sluice`)).body).toContain('<!doctype html>');
  expect(await firstEvent(`${url}/sluice/feed`)).toHaveProperty('pipeline');
  expect((await ask(`${url}/elsewhere`)).body).toBe('the rest');
});

test('what does not lie below basePath goes on, in Express too', async () => {
  const { handle, pipeline } = inspected();
  const app = express();
  app.use(mount(pipeline, handle, { basePath: '/sluice' }));
  app.use((_req, res) => void res.send('the rest'));
  const url = await listen(app);
  expect((await ask(`${url}/elsewhere`)).body).toBe('the rest');
  expect((await ask(`${url}/sluice`)).status).toBe(200);
});

test('Koa hands over what lies behind its context', async () => {
  const { handle, pipeline } = inspected();
  // #region koa
  const show = mount(pipeline, handle, { basePath: '/sluice' });
  const app = new Koa();
  app.use(async (ctx, next) => {
    if (await show(ctx.req, ctx.res)) ctx.respond = false;
    else await next();
  });
  // #endregion
  app.use((ctx) => {
    ctx.body = 'the rest';
  });
  const url = await listen(app.callback());
  expect((await ask(`${url}/sluice`)).status).toBe(200);
  expect(await firstEvent(`${url}/sluice/feed`)).toHaveProperty('pipeline');
  expect((await ask(url)).body).toBe('the rest');
});

test('a web-standard app is told who asks by authorize', async () => {
  const { handle, pipeline } = inspected();
  const isOperator = (request: Request): boolean => request.headers.get('cookie') === 'operator';
  // #region web
  const show = mountWeb(pipeline, handle, { basePath: '/sluice', authorize: isOperator });
  // #endregion
  const request = (path: string, cookie = 'operator', init = {}): Promise<Response> =>
    show(new Request(`https://app.test${path}`, { headers: { cookie }, ...init }));
  expect((await request('/sluice')).status).toBe(200);
  expect((await request('/sluice', 'guest')).status).toBe(403);
  expect((await request('/other')).status).toBe(404);
  const feed = await request('/sluice/feed');
  const reader = (feed.body as ReadableStream<Uint8Array>).getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toMatch(/^data: \{/);
  await reader.cancel();
  const ending = await request('/sluice/feed');
  await pipeline.close();
  expect(await ending.text()).toMatch(/^data: \{/);
  expect(() => mountWeb(pipeline, handle, {} as never)).toThrow(
    'does not say who asks; add the option authorize',
  );
});

test('a handle that no pipeline has shows nothing, and says so at once', () => {
  const pipeline = createPipeline({ upstream: 'https://api.anthropic.com' });
  expect(() => mount(pipeline, inspectorHandle())).toThrow('add inspector({ handle }) to its plugins');
});

test('a hot swap leaves the page open, and shows the new pipeline', async () => {
  const { handle, pipeline } = inspected();
  const swappable = hotSwap(pipeline);
  const url = await listen(mount(swappable, handle));
  const feed = await fetch(`${url}/feed`);
  const next = createPipeline({ upstream: 'https://next.example.com', plugins: [inspector({ handle })] });
  await swappable.swap(next);
  let heard = '';
  for await (const chunk of feed.body ?? []) {
    heard += new TextDecoder().decode(chunk);
    if (heard.includes('next.example.com')) break;
  }
  expect(heard).toContain('api.anthropic.com');
  await swappable.close();
});

test.each([
  [{ basePath: 'sluice' }, '"/sluice"'],
  [{ basePath: '/sluice/' }, 'without a slash at its end'],
  [{ maxViewers: 0 }, 'at least 1'],
  [{ authorize: true }, 'must be a function'],
  [{ base: '/' }, 'mount of the inspector: there is no option "base".'],
  ['/sluice', 'takes its options as an object'],
])('%j is refused', (options, complaint) => {
  const { handle, pipeline } = inspected();
  expect(() => mount(pipeline, handle, options as never)).toThrow(TypeError);
  expect(() => mount(pipeline, handle, options as never)).toThrow(complaint);
  expect(() => inspector({} as never).validate()).toThrow('option "handle" is missing');
  expect(() => inspector({ handle: {} as never }).validate()).toThrow('must be made with inspectorHandle()');
});

test('no secret and no text of a call is in any byte that is served', async () => {
  await using upstream = await fakeUpstream();
  upstream.script((_request, n) =>
    n % 4 === 3 ? { kind: 'status', status: 500, message: 'canary-of-upstream' } : undefined,
  );
  const handle = inspectorHandle();
  const leaky = definePlugin({
    name: 'leaky',
    create: () => ({
      handle(request, next, ctx) {
        ctx.state.set(PRINCIPAL, { id: 'ann', tenant: 'acme', labels: { note: 'canary-label' } });
        if (request.headers['x-refuse'] === undefined) return next(request);
        const cause = new Error('canary-cause');
        return Promise.reject(
          new PipelineError('forbidden', { plugin: 'leaky', message: 'canary-message', cause }),
        );
      },
      inspect: () => [{ apiKey: 'canary-key', state: 'sk-ant-canary-0123456789' }],
    }),
  });
  await using pipeline = createPipeline({
    upstream: `${upstream.url}/canary-path`,
    plugins: [inspector({ handle }), leaky()],
  });
  const url = await listen(mount(pipeline, handle));
  const heard: string[] = [];
  const leaving = new AbortController();
  const feed = await fetch(`${url}/feed`, { signal: leaving.signal });
  const listening = (async () => {
    for await (const chunk of feed.body ?? []) heard.push(new TextDecoder().decode(chunk));
  })().catch(() => undefined);
  for (let n = 0; n < 12; n++) {
    const response = await pipeline.fetch('https://a.test/v1/messages?canary-query', {
      method: 'POST',
      headers: { 'x-api-key': 'canary-credential', ...(n % 3 === 0 ? { 'x-refuse': 'canary' } : {}) },
      body: JSON.stringify({
        model: 'any',
        max_tokens: 9,
        stream: n % 2 === 0,
        system: 'canary-system',
        messages: [{ role: 'user', content: 'canary-content' }],
      }),
    });
    await response.text();
  }
  await vi.waitFor(() => expect(heard.join('')).toMatch(/"states".*"problems":\[.+"forbidden"/s), 5_000);
  leaving.abort();
  await listening;
  const page = (await ask(url)).body;
  for (const bytes of [page, heard.join('')]) expect(bytes).not.toContain('canary');
  expect(heard.join('')).toContain('HTTP 500');
});
