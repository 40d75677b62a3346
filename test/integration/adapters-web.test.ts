import { mount } from '@sluice/adapters/web';
import { createPipeline } from '@sluice/core';
import { fakeUpstream } from '@sluice/core/testing';
import { Hono } from 'hono';
import { expect, it } from 'vitest';
import { expectQuiet } from './adapters-support.ts';

const QUESTION = { model: 'claude-opus-5-5', max_tokens: 64, messages: [{ role: 'user', content: 'Hi' }] };
const post = (body: object): RequestInit => ({ method: 'POST', body: JSON.stringify(body) });

expectQuiet();

it('serves the API in a Hono application', async () => {
  await using upstream = await fakeUpstream();
  // #region hono
  const pipeline = createPipeline({ upstream: upstream.url });
  const handle = mount(pipeline, { basePath: '/claude' });
  const app = new Hono();
  app.all('/claude/*', (c) => handle(c.req.raw));
  // #endregion
  app.use('/late/*', async (c, next) => {
    await next();
    c.header('x-late', '1');
  });
  app.all('/late/claude/*', (c) => mount(pipeline, { basePath: '/late/claude' })(c.req.raw));

  const answer = await app.request('/claude/v1/messages', post(QUESTION));
  expect(await answer.json()).toMatchObject({ content: [{ text: 'You said: Hi' }] });
  const stream = await app.request('/claude/v1/messages?beta=true', post({ ...QUESTION, stream: true }));
  expect(stream.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  expect(await stream.text()).toMatch(/^event: message_start\n[^]*event: message_stop\n.*\n\n$/);
  expect(upstream.requests[1]?.path).toBe('/v1/messages?beta=true');
  // Middleware of Hono's may change the headers of what we return.
  const late = await app.request('/late/claude/v1/models');
  expect(late.headers.get('x-late')).toBe('1');
  expect((await app.request('/claude/v1/nowhere')).status).toBe(404);
  await pipeline.close(0);
});

it('serves the API in a route handler', async () => {
  await using upstream = await fakeUpstream();
  const pipeline = createPipeline({ upstream: upstream.url });
  // #region route-handler
  // app/api/claude/[...path]/route.ts: export all three.
  const POST = mount(pipeline, { basePath: '/api/claude' });
  const GET = POST;
  const DELETE = POST;
  // #endregion
  const base = 'https://app.test/api/claude/v1';
  expect((await POST(new Request(`${base}/messages`, post(QUESTION)))).status).toBe(200);
  expect((await GET(new Request(`${base}/models`))).status).toBe(200);
  expect((await DELETE(new Request(`${base}/files/f`, { method: 'DELETE' }))).status).toBe(404);
  await pipeline.close(0);
});

it('refuses what the application has read, and takes a clone of it', async () => {
  await using upstream = await fakeUpstream();
  const pipeline = createPipeline({ upstream: upstream.url });
  const handle = mount(pipeline);
  const app = new Hono();
  app.all('*', async (c) => {
    const copy = c.req.raw.clone();
    await c.req.json();
    return handle(copy);
  });
  const refused = await mount(pipeline, { basePath: '/read' })(await used());
  expect(refused.status).toBe(500);
  expect((await app.request('/v1/messages', post(QUESTION))).status).toBe(200);
  await pipeline.close(0);

  async function used(): Promise<Request> {
    const request = new Request('https://app.test/read/v1/messages', post(QUESTION));
    await request.json();
    return request;
  }
});
