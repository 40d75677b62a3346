import { createPipeline, definePlugin, type Pipeline, PRINCIPAL, PipelineError } from '@sluice/core';
import { type FakeUpstream, fakeUpstream } from '@sluice/core/testing';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { batch, type BatchOptions, type BatchRequest, type ItemResult } from './index.ts';
import { resultLine } from './result-line.ts';

const KEY = 'sk-ant-secret-0123456789';
const MESSAGES = { model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'Hi' }] };
let upstream: FakeUpstream;
let pipeline: Pipeline;

beforeAll(async () => {
  upstream = await fakeUpstream();
  pipeline = createPipeline({ upstream: upstream.url, timeouts: { totalMs: 500 } });
});
beforeEach(() => {
  upstream.reset();
});
afterAll(async () => {
  await pipeline.close();
  await upstream.close();
});

/** Takes one item through, over real sockets. */
async function one(item: Partial<BatchRequest> = {}, options: BatchOptions = {}, through = pipeline) {
  const results = batch(through, [{ customId: 'a', params: MESSAGES, ...item }], {
    headers: { 'x-api-key': KEY },
    ...options,
  });
  const lines: string[] = [];
  let last: ItemResult | undefined;
  for await (const result of results) {
    lines.push(resultLine(result));
    last = result.result;
  }
  expect(lines).toHaveLength(1);
  expect(lines[0]).not.toContain(KEY);
  return { result: last as ItemResult, line: JSON.parse(lines[0] ?? '') as Record<string, unknown> };
}

test('an answer is kept as the provider gave it, with what it counted', async () => {
  const { result, line } = await one();
  expect(result).toMatchObject({
    type: 'succeeded',
    message: { type: 'message', content: [{ type: 'text', text: 'You said: Hi' }] },
    usage: { inputTokens: expect.any(Number) as number },
    attempts: 1,
  });
  expect(line).toEqual({
    custom_id: 'a',
    result: { type: 'succeeded', message: result.type === 'succeeded' && result.message },
  });
  expect(upstream.requests[0]).toMatchObject({
    method: 'POST',
    path: '/v1/messages',
    headers: { 'x-api-key': KEY, 'anthropic-version': '2023-06-01', 'content-type': 'application/json' },
  });
});

test('an item says where it goes; headers and state may depend on it', async () => {
  const seen: unknown[] = [];
  const witness = definePlugin({
    name: 'witness',
    create: () => ({
      handle(request, next, ctx) {
        seen.push(ctx.state.get(PRINCIPAL));
        return next(request);
      },
    }),
  });
  await using other = createPipeline({ upstream: upstream.url, plugins: [witness()] });
  const { result } = await one(
    { url: '/v1/chat/completions?x=1' },
    {
      headers: ({ customId }) => ({ Authorization: `Bearer ${customId}` }),
      seed: (state, { customId }) => {
        state.set(PRINCIPAL, { id: customId });
      },
    },
    other,
  );
  expect(result).toMatchObject({ type: 'succeeded', message: { object: 'chat.completion' } });
  expect(upstream.requests[0]).toMatchObject({
    path: '/v1/chat/completions?x=1',
    headers: { authorization: 'Bearer a' },
  });
  expect(upstream.requests[0]?.headers).not.toHaveProperty('anthropic-version');
  expect(seen).toEqual([{ id: 'a' }]);
});

test('an error of the provider keeps its status, body and wait, and has no code of ours', async () => {
  upstream.reply({ kind: 'status', status: 429, retryAfter: '2', message: 'slow down' });
  const { result, line } = await one();
  expect(result).toMatchObject({
    type: 'errored',
    status: 429,
    code: undefined,
    retryAfterMs: 2_000,
    error: { type: 'error', error: { type: 'rate_limit_error', message: 'slow down' } },
    attempts: 1,
  });
  expect(line).toMatchObject({
    result: { type: 'errored', status: 429, retry_after_ms: 2_000, error: { type: 'error' } },
  });
});

test('a refusal of a plugin has its code and its wait', async () => {
  const no = definePlugin({
    name: 'no',
    create: () => ({
      handle: () => Promise.reject(new PipelineError('rate_limited', { retryAfterMs: 1_234 })),
    }),
  });
  await using refusing = createPipeline({ upstream: upstream.url, plugins: [no()] });
  const { result } = await one({}, {}, refusing);
  expect(result).toMatchObject({
    type: 'errored',
    status: 429,
    code: 'rate_limited',
    retryAfterMs: 1_234,
    error: { type: 'error', error: { type: 'rate_limit_error' } },
    attempts: 0,
  });
});

test.each<[string, string, number, string | undefined]>([
  ['nobody answers', 'stall', 504, 'total_timeout'],
  ['the connection is lost', 'reset-after-headers', 502, 'connection_lost'],
  ['the answer is cut', 'truncate', 502, 'connection_lost'],
  ['a page comes in place of an answer', 'html', 502, 'bad_answer'],
  ['a page comes in place of an error', 'html; status=500', 500, undefined],
])('%s: an error with an envelope', async (_, behaviour, status, code) => {
  upstream.reply(behaviour);
  const { result } = await one();
  expect(result).toMatchObject({
    type: 'errored',
    status,
    code,
    error: { type: 'error', error: { message: expect.any(String) as string } },
  });
});

test('an answer that is too long is an error, on a path of no known format too', async () => {
  const { result } = await one(
    { url: '/v1/models-of-mine/embeddings', params: { model: 'm', input: 'x' } },
    { maxAnswerBytes: 50 },
  );
  expect(result).toMatchObject({ type: 'errored', status: 502, code: 'answer_too_large' });
});

test('a key that the upstream repeats is blotted out', async () => {
  upstream.reply({ kind: 'status', status: 401, message: `Incorrect API key provided: ${KEY}.` });
  const { result } = await one();
  expect(result).toMatchObject({ error: { error: { message: 'Incorrect API key provided: [key].' } } });
  upstream.reply({ kind: 'status', status: 401, message: `Incorrect API key provided: ${KEY}.` });
  const bearer = await one({}, { headers: { Authorization: `Bearer ${KEY}` } });
  expect(bearer.result).toMatchObject({
    error: { error: { message: 'Incorrect API key provided: [key].' } },
  });
});

test('a call that the batch gives up is closed upstream', async () => {
  upstream.script(() => 'stall');
  const leaving = new AbortController();
  const results = batch(pipeline, [{ customId: 'a', params: MESSAGES }], { signal: leaving.signal });
  const first = results.next();
  const request = await upstream.request(1);
  leaving.abort(new Error('enough'));
  expect((await first).value).toMatchObject({ result: { type: 'canceled' } });
  await expect(results.next()).rejects.toThrow('enough');
  expect(await request.closed).toBe('aborted');
});
