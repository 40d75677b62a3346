import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createPipeline } from '@sluice/core';
import {
  anthropicStream,
  fakeUpstream,
  rawConnection,
  rawRequest,
  streamAnswer,
  testPipeline,
} from '@sluice/core/testing';
import Koa, { type Context, type Middleware } from 'koa';
import { afterEach, expect, it, vi } from 'vitest';
import { mount } from './koa.ts';

const QUESTION = JSON.stringify({
  model: 'claude-opus-5-5',
  max_tokens: 64,
  messages: [{ role: 'user', content: 'Hi' }],
});

let server: Server | undefined;
afterEach(() => {
  server?.close();
  server?.closeAllConnections();
});

async function listen(app: Koa): Promise<string> {
  server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What the package koa-mount does. */
function koaMount(prefix: string, middleware: Middleware): Middleware {
  return async (ctx, next) => {
    const before = ctx.path;
    if (before !== prefix && !before.startsWith(`${prefix}/`)) {
      await next();
      return;
    }
    const below = before.slice(prefix.length) || '/';
    ctx.path = below;
    await middleware(ctx, async () => {
      ctx.path = before;
      await next();
      ctx.path = below;
    });
    ctx.path = before;
  };
}

it('serves the API below a path, and leaves the rest to the application', async () => {
  await using upstream = await fakeUpstream();
  // #region use
  const pipeline = createPipeline({ upstream: upstream.url });
  const app = new Koa();
  app.use(mount(pipeline, { basePath: '/claude' }));
  // #endregion
  app.use((ctx) => {
    ctx.body = 'the rest of the application';
  });
  const url = await listen(app);
  const response = await fetch(`${url}/claude/v1/messages?beta=true`, { method: 'POST', body: QUESTION });
  expect(await response.json()).toMatchObject({ content: [{ text: 'You said: Hi' }] });
  expect(await (await fetch(url)).text()).toBe('the rest of the application');
  await pipeline.close();
});

it('serves the API behind koa-mount, which takes the prefix off', async () => {
  await using test = testPipeline({ answers: [() => Response.json({ ok: 1 })] });
  const app = new Koa();
  app.use(koaMount('/claude', mount(test.pipeline)));
  const url = await listen(app);
  expect(await (await fetch(`${url}/claude/v1/models?limit=1000`)).json()).toEqual({ ok: 1 });
  expect(test.transport.requests[0]?.url).toBe('https://upstream.test/v1/models?limit=1000');
  for (const path of ['/claude', '/claude//evil.example/v1/models', '/claude/v1/m%6fdels']) {
    expect((await fetch(url + path)).status).toBe(404);
  }
  expect(test.transport.requests).toHaveLength(1);
});

it('asks the application who calls, with its context', async () => {
  await using test = testPipeline({ answers: [() => Response.json({})] });
  const app = new Koa();
  app.use(async (ctx, next) => {
    ctx.state['user'] = ctx.get('x-user');
    await next();
  });
  app.use(
    mount(test.pipeline, {
      identify: (ctx: Context) => ({ id: String(ctx.state['user']) }),
    }),
  );
  const url = await listen(app);
  expect((await fetch(`${url}/v1/models`, { headers: { 'x-user': 'ada' } })).status).toBe(200);
});

it('lets middleware before it see how the call was answered, once it is over', async () => {
  const events: string[] = [];
  await using test = testPipeline({ answers: [streamAnswer(anthropicStream({ text: 'hello' }))] });
  const app = new Koa();
  app.use(async (ctx, next) => {
    await next();
    events.push(`${ctx.status} ${ctx.res.writableEnded}`);
    // Too late, and harmless.
    ctx.body = 'something else';
    ctx.set('x-late', '1');
  });
  app.use(mount(test.pipeline));
  const url = await listen(app);
  const body = JSON.stringify({ ...(JSON.parse(QUESTION) as object), stream: true });
  const response = await fetch(`${url}/v1/messages`, { method: 'POST', body });
  expect(await response.text()).toMatch(/^event: message_start\n[^]*event: message_stop\n.*\n\n$/);
  expect(events).toEqual(['200 true']);
});

it('logs no client that resets its connection, and every error of the application', async () => {
  const logged = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  const { promise: forever } = Promise.withResolvers<string>();
  await using test = testPipeline({
    answers: [streamAnswer([...anthropicStream({ text: 'hello' }).slice(0, 4), forever])],
  });
  const over = Promise.withResolvers<void>();
  const app = new Koa();
  app.use(async (_ctx, next) => {
    await next();
    over.resolve();
    throw new Error('of the application');
  });
  app.use(mount(test.pipeline));
  using client = await rawConnection(await listen(app));
  client.send(rawRequest({ body: { ...(JSON.parse(QUESTION) as object), stream: true } }));
  await client.received((soFar) => soFar.includes('text_delta'));
  client.socket.resetAndDestroy();
  await over.promise;
  await new Promise(setImmediate);
  const lines = logged.mock.calls.flat().join('\n');
  logged.mockRestore();
  expect(lines).toContain('of the application');
  expect(lines).not.toContain('ECONNRESET');
  expect(test.outcomes).toMatchObject([{ kind: 'client-abort' }]);
});
