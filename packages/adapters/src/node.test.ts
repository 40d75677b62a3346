import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createPipeline, definePlugin, PRINCIPAL, type Principal } from '@sluice/core';
import { fakeUpstream, testPipeline } from '@sluice/core/testing';
import { afterEach, expect, it, vi } from 'vitest';
import { mount } from './node.ts';

let server: Server | undefined;
afterEach(() => {
  server?.close();
  server?.closeAllConnections();
});

async function listen(created: Server): Promise<string> {
  server = created.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

it('serves the API below a path, and leaves the rest to the application', async () => {
  await using upstream = await fakeUpstream();
  // #region use
  const pipeline = createPipeline({ upstream: upstream.url });
  const handle = mount(pipeline, { basePath: '/claude' });

  const server = createServer(async (req, res) => {
    if (await handle(req, res)) return;
    res.end('the rest of the application');
  });
  // #endregion
  const url = await listen(server);
  const body = JSON.stringify({
    model: 'claude-opus-5-5',
    max_tokens: 64,
    messages: [{ role: 'user', content: 'Hi' }],
  });
  const response = await fetch(`${url}/claude/v1/messages`, { method: 'POST', body });
  expect(await response.json()).toMatchObject({ content: [{ text: 'You said: Hi' }] });
  expect(await (await fetch(url)).text()).toBe('the rest of the application');
  await pipeline.close();
});

it('tells plugins who calls', async () => {
  const seen: (Principal | undefined)[] = [];
  const witness = definePlugin({
    name: 'witness',
    create: () => ({
      handle: (request, next, ctx) => {
        seen.push(ctx.state.get(PRINCIPAL));
        return next(request);
      },
    }),
  });
  await using test = testPipeline({
    plugins: [witness()],
    answers: [() => Response.json({}), () => Response.json({})],
  });
  const handle = mount(test.pipeline, {
    identify: ({ headers }) =>
      headers['x-user'] === undefined ? undefined : { id: String(headers['x-user']) },
  });
  const url = await listen(createServer((req, res) => void handle(req, res)));
  await fetch(`${url}/v1/models`, { headers: { 'x-user': 'ada' } });
  await fetch(`${url}/v1/models`);
  expect(seen).toEqual([{ id: 'ada' }, undefined]);
});

it('identifies the caller before it reads a body', async () => {
  await using test = testPipeline();
  const read: boolean[] = [];
  const handle = mount(test.pipeline, {
    identify: (req) => {
      read.push(req.readableDidRead);
      throw new Error('unknown');
    },
  });
  const url = await listen(createServer((req, res) => void handle(req, res)));
  const response = await fetch(`${url}/v1/messages`, { method: 'POST', body: 'x'.repeat(100_000) });
  expect(response.status).toBe(401);
  expect(read).toEqual([false]);
});

it('answers 500 in the dialect when an answer has a head that cannot be written, and warns the operator', async () => {
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  await using test = testPipeline({
    answers: [() => Response.json({ id: 'f' }), () => Response.json({ id: 'f' })],
  });
  const { pipeline } = test;
  const spoilt = {
    ...pipeline,
    handle: async (...parameters: Parameters<typeof pipeline.handle>) => {
      const response = await pipeline.handle(...parameters);
      Object.defineProperty(response, 'status', { value: 1_000 });
      return response;
    },
  };
  const handle = mount(spoilt);
  const url = await listen(createServer((req, res) => void handle(req, res)));
  const response = await fetch(`${url}/v1/files/f`);
  expect(response.status).toBe(500);
  expect(await response.json()).toMatchObject({ error: { message: 'An internal error occurred.' } });
  expect(warned).toHaveBeenCalledOnce();
  // The upstream's answer was let go.
  expect(test.outcomes).toHaveLength(1);
  warned.mockRestore();
});

it('is not confused by middleware that hands `on` to another object, as compression does', async () => {
  const text = 'x'.repeat(8 << 20);
  await using test = testPipeline({ answers: [() => Response.json({ text })] });
  const handle = mount(test.pipeline);
  let listeners = 0;
  const url = await listen(
    createServer((req, res) => {
      const { on } = res;
      res.on = ((event, listener) => {
        if (event === 'drain') listeners++;
        return on.call(res, event, listener);
      }) as typeof on;
      res.off = () => res;
      void handle(req, res);
    }),
  );
  const response = await fetch(`${url}/v1/files/f/content`);
  expect(await response.json()).toEqual({ text });
  expect(listeners).toBe(1);
});
