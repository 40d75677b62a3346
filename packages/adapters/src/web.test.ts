import { setImmediate as nextTurn } from 'node:timers/promises';
import { PRINCIPAL } from '@sluice/core';
import {
  anthropicStream,
  type ScriptedAnswer,
  streamAnswer,
  type TestPipeline,
  testPipeline,
} from '@sluice/core/testing';
import { expect, it } from 'vitest';
import { mount } from './web.ts';

const STREAM = { model: 'm', max_tokens: 64, messages: [], stream: true };

function setUp(...answers: ScriptedAnswer[]): TestPipeline & { handle: ReturnType<typeof mount> } {
  const test = testPipeline({ answers });
  return { ...test, handle: mount(test.pipeline, { basePath: '/claude', maxBodyBytes: 1_000 }) };
}

function post(path: string, body: unknown, init: RequestInit = {}): Request {
  const headers = {
    'content-type': 'application/json',
    'x-api-key': 'k',
    ...(init.headers as object | undefined),
  };
  return new Request(`https://app.test/claude${path}`, {
    method: 'POST',
    body: body instanceof ReadableStream ? body : JSON.stringify(body),
    duplex: 'half',
    ...init,
    headers,
  });
}

it('answers with a Response of the runtime, whose body is the upstream’s bytes', async () => {
  const wire = anthropicStream({ text: 'hello' });
  const { handle, outcomes, transport } = setUp(streamAnswer(wire));
  const response = await handle(post('/v1/messages?beta=true', STREAM));
  // It has the inner slots that frameworks need.
  const { headers, status } = new Response(null, response);
  expect(status).toBe(200);
  expect(headers.get('cache-control')).toBe('no-cache, no-transform');
  expect(await response.text()).toBe(wire.join(''));
  expect(outcomes).toMatchObject([{ kind: 'completed' }]);
  expect(transport.requests[0]?.url).toBe('https://upstream.test/v1/messages?beta=true');
});

it('reads the upstream only as fast as it is read', async () => {
  let reads = 0;
  const pieces = (function* () {
    yield* anthropicStream({ text: 'hello' }).slice(0, 3);
    for (;;) yield `: ${'x'.repeat(1_000)}\n\n`;
  })();
  const { handle, clock, outcomes } = setUp(streamAnswer(pieces, { onRead: () => reads++ }));
  const response = await handle(post('/v1/messages', STREAM));
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  for (let i = 0; i < 10; i++) await reader.read();
  const before = reads;
  for (let turns = 0; turns < 50; turns++) await nextTurn();
  expect(reads).toBe(before);
  expect(reads).toBeLessThan(20);
  await reader.cancel();
  expect(outcomes).toMatchObject([{ kind: 'client-abort' }]);
  expect(clock.pendingTimers).toBe(0);
});

it.each(['headers', 'body'])(
  'lets the upstream go when nobody reads on for 30 s after the %s',
  async (part) => {
    const { promise: silence } = Promise.withResolvers<string>();
    const { handle, clock, outcomes } = setUp(
      streamAnswer([...anthropicStream({ text: 'hello' }).slice(0, 3), silence]),
    );
    const response = await handle(post('/v1/messages', STREAM));
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    if (part === 'body') await reader.read();
    await clock.advance(29_999);
    expect(outcomes).toEqual([]);
    await clock.advance(1);
    expect(outcomes).toMatchObject([{ kind: 'client-abort' }]);
    await expect(reader.read()).rejects.toThrow('The caller went away.');
    expect(clock.pendingTimers).toBe(0);
  },
);

it('does not count the upstream’s silence as the reader’s', async () => {
  const { promise: silence, resolve } = Promise.withResolvers<string>();
  const wire = anthropicStream({ text: 'hello' });
  const { handle, clock, outcomes } = setUp(streamAnswer([...wire.slice(0, 5), silence]));
  const response = await handle(post('/v1/messages', STREAM));
  const text = response.text();
  await nextTurn();
  await clock.advance(60_000);
  resolve(wire.slice(5).join(''));
  expect(await text).toBe(wire.join(''));
  expect(outcomes).toMatchObject([{ kind: 'completed' }]);
});

it('aborts the call by the signal of the request', async () => {
  const { promise: silence } = Promise.withResolvers<string>();
  const { handle, outcomes } = setUp(
    streamAnswer([...anthropicStream({ text: 'hello' }).slice(0, 4), silence]),
  );
  const controller = new AbortController();
  const response = await handle(post('/v1/messages', STREAM, { signal: controller.signal }));
  const text = response.text();
  await nextTurn();
  controller.abort();
  await expect(text).rejects.toThrow();
  expect(outcomes).toMatchObject([{ kind: 'client-abort' }]);
});

it('does not reject when the caller leaves before there is an answer', async () => {
  const { promise: silence } = Promise.withResolvers<Response>();
  const { handle, clock, outcomes } = setUp(() => silence);
  const controller = new AbortController();
  const response = handle(post('/v1/messages', STREAM, { signal: controller.signal }));
  for (let turns = 0; turns < 5; turns++) await nextTurn();
  controller.abort();
  expect((await response).status).toBe(499);
  expect(outcomes).toMatchObject([{ kind: 'client-abort' }]);
  // Nobody reads this answer, and nothing waits for a reader.
  expect((await response).body).toBe(null);
  expect(clock.pendingTimers).toBe(0);
  expect((await handle(post('/v1/messages', STREAM, { signal: controller.signal }))).status).toBe(499);
  expect(outcomes).toHaveLength(1);
});

it('makes the stream fail when a JSON answer is cut that was too long to be held', async () => {
  const headers = { 'content-type': 'application/json' };
  const { handle, outcomes } = setUp(
    streamAnswer([`{"id":"${'x'.repeat(1 << 20)}`, new Error('cut')], { headers }),
  );
  const response = await handle(post('/v1/messages', { ...STREAM, stream: false }));
  await expect(response.text()).rejects.toThrow('The answer was cut off by the upstream.');
  expect(outcomes).toMatchObject([{ kind: 'upstream-error' }]);
});

it('stops reading a body that is too large, and lets it go', async () => {
  const { handle } = setUp();
  let pulled = 0;
  let reason: unknown;
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      pulled++;
      controller.enqueue(new Uint8Array(100));
    },
    cancel: (why) => {
      reason = why;
    },
  });
  const response = await handle(post('/v1/messages', body));
  expect(response.status).toBe(413);
  expect(await response.json()).toMatchObject({ type: 'error', error: { type: 'request_too_large' } });
  expect(pulled).toBeLessThan(15);
  expect(reason).toBeInstanceOf(Error);
});

it('answers 408 to a body that never ends', async () => {
  const { handle, clock } = setUp();
  const response = handle(post('/v1/messages', new ReadableStream({})));
  for (let turns = 0; turns < 5; turns++) await nextTurn();
  await clock.advance(60_000);
  expect((await response).status).toBe(408);
  await (await response).text();
  expect(clock.pendingTimers).toBe(0);
});

it('takes a body that breaks for a caller that left', async () => {
  const { handle, transport } = setUp();
  const body = new ReadableStream({
    pull: (controller) => {
      controller.error(new Error('socket hang up'));
    },
  });
  expect((await handle(post('/v1/messages', body))).status).toBe(499);
  expect(transport.requests).toEqual([]);
});

it.each([
  ['a body that was read', 500, (request: Request): Promise<unknown> => request.text()],
  ['a content-encoding', 415, (request: Request) => request.headers.set('content-encoding', 'gzip')],
  ['a second key', 400, (request: Request) => request.headers.append('x-api-key', 'other')],
  ['a length beyond the limit', 413, (request: Request) => request.headers.set('content-length', '1001')],
] as const)('refuses %s', async (_, status, spoil) => {
  const { handle, transport } = setUp();
  const request = post('/v1/messages', STREAM);
  await spoil(request);
  const response = await handle(request);
  expect(response.status).toBe(status);
  expect(await response.json()).toMatchObject({ type: 'error' });
  expect(transport.requests).toEqual([]);
});

it.each([
  ['GET', '/v1/messages', 405],
  ['GET', '/claude/v1/messages', 405],
  ['HEAD', '/claude/v1/models', 405],
  ['OPTIONS', '/claude/v1/messages', 405],
  ['POST', '/claude//evil.test/v1/messages', 404],
  ['POST', '/claude/v1/%2e%2e/%2e%2e/v1/messages', 404],
  ['POST', '/claude/v1/messages%2f', 404],
  ['POST', '/claude/v1/messages\\', 404],
  ['POST', '/claudette/v1/messages', 404],
  ['POST', '/claude', 404],
])('answers %s %s itself', async (method, path, status) => {
  const { handle, transport } = setUp();
  const response = await handle(new Request(`https://app.test${path}`, { method }));
  expect(response.status).toBe(path.startsWith('/claude') ? status : 404);
  expect(transport.requests).toEqual([]);
  if (method === 'HEAD') expect(response.body).toBe(null);
});

it('names the caller to the pipeline', async () => {
  let id: string | undefined;
  const { pipeline } = testPipeline({
    answers: [
      (_, ctx) => {
        id = ctx.state.get(PRINCIPAL)?.id;
        return Response.json({});
      },
    ],
  });
  const handle = mount(pipeline, {
    identify: (request) => ({ id: request.headers.get('x-user') ?? 'nobody' }),
  });
  await handle(new Request('https://app.test/v1/models', { headers: { 'x-user': 'ada' } }));
  expect(id).toBe('ada');
});
