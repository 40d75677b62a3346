import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createPipeline } from '@sluice/core';
import { fakeUpstream, testPipeline } from '@sluice/core/testing';
import express, { type Express } from 'express';
import { afterEach, expect, it } from 'vitest';
import { mount } from './express.ts';

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

async function listen(app: Express): Promise<string> {
  server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

it('serves the API below a prefix that Express takes off', async () => {
  await using upstream = await fakeUpstream();
  // #region use
  const pipeline = createPipeline({ upstream: upstream.url });
  const app = express();
  app.use('/claude', mount(pipeline));
  // #endregion
  const url = await listen(app);
  const response = await fetch(`${url}/claude/v1/messages?beta=true`, { method: 'POST', body: QUESTION });
  expect(await response.json()).toMatchObject({ content: [{ text: 'You said: Hi' }] });
  expect(upstream.requests[0]?.path).toBe('/v1/messages?beta=true');
  await pipeline.close();
});

it('keeps the bytes of a parsed body', async () => {
  await using test = testPipeline({ answers: [() => Response.json({})] });
  const { pipeline } = test;
  const app = express();
  // #region raw-body
  app.use(
    express.json({
      limit: '32mb',
      verify: (req, _res, bytes) => Object.assign(req, { rawBody: bytes }),
    }),
  );
  app.use('/claude', mount(pipeline));
  // #endregion
  const url = await listen(app);
  const headers = { 'content-type': 'application/json' };
  await fetch(`${url}/claude/v1/embeddings`, { method: 'POST', headers, body: '{ "a": 1.0 }' });
  expect(Buffer.from(test.transport.requests[0]?.body ?? []).toString()).toBe('{ "a": 1.0 }');
});

it('asks the application who calls', async () => {
  await using test = testPipeline({ answers: [() => Response.json({})] });
  const { pipeline } = test;
  const app = express();
  const users = new Map([['session-1', { id: 'ada', team: 'engines' }]]);
  // #region identify
  app.use(
    '/claude',
    mount(pipeline, {
      identify: (req: express.Request) => {
        const user = users.get(req.get('x-session') ?? '');
        if (user === undefined) throw new Error('nobody is logged in');
        return { id: user.id, tenant: user.team };
      },
    }),
  );
  // #endregion
  const url = await listen(app);
  expect((await fetch(`${url}/claude/v1/models`, { headers: { 'x-session': 'session-1' } })).status).toBe(
    200,
  );
  expect((await fetch(`${url}/claude/v1/models`)).status).toBe(401);
});

it('gives identify the parameters of the path that it is mounted at', async () => {
  await using test = testPipeline({ answers: [() => Response.json({})] });
  const app = express();
  const tenants: unknown[] = [];
  const handle = mount(test.pipeline, {
    identify: async ({ params }: express.Request) => {
      tenants.push(params['tenant']);
      return { id: 'x' };
    },
  });
  app.use('/t/:tenant/claude', handle);
  const url = await listen(app);
  expect((await fetch(`${url}/t/acme/claude/v1/models`)).status).toBe(200);
  expect(tenants).toEqual(['acme']);
});

it.each([
  ['/claude//evil.example/v1/messages', 404],
  ['/claude', 404],
  ['/claude/', 404],
  ['/claude?x', 404],
  ['/claude/v1/m%6fdels', 404],
])('answers %s below its prefix itself', async (path, status) => {
  await using test = testPipeline();
  const app = express();
  app.use('/claude', mount(test.pipeline));
  const url = await listen(app);
  const response = await fetch(url + path);
  expect(response.status).toBe(status);
  expect(await response.json()).toMatchObject({ error: { message: 'There is no such route here.' } });
});

it('never calls next with an error', async () => {
  await using test = testPipeline({ answers: [() => new Error('the transport broke')] });
  const app = express();
  const errors: unknown[] = [];
  app.use('/claude', mount(test.pipeline));
  app.use((error: unknown, _req: express.Request, res: express.Response, _next: express.NextFunction) => {
    errors.push(error);
    res.end();
  });
  const url = await listen(app);
  expect((await fetch(`${url}/claude/v1/models`)).status).toBe(502);
  expect(errors).toEqual([]);
});
