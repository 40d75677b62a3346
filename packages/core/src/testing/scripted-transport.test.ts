import { expect, it } from 'vitest';
import { PipelineError } from '../errors.ts';
import { definePlugin } from '../plugin.ts';
import { holdUntilContent } from '../stream/commit.ts';
import { anthropicMessage, anthropicStream } from './anthropic-wire.ts';
import { errorEvent } from './error-body.ts';
import { streamAnswer } from './stream-answer.ts';
import { testPipeline } from './test-pipeline.ts';

const message = anthropicMessage({ text: 'Scripted.' });
const json = { 'content-type': 'application/json' };

it('gives its answers in order and records the requests', async () => {
  await using test = testPipeline({
    answers: [
      new Response(message, { headers: json }),
      () => new Response('{}', { status: 404, headers: json }),
    ],
  });
  expect(await (await test.post()).text()).toBe(message);
  expect((await test.post({ model: 'other' })).status).toBe(404);
  expect(test.transport.requests.map(({ url }) => url)).toEqual(
    Array(2).fill('https://upstream.test/v1/messages'),
  );
  expect(JSON.parse(Buffer.from(test.transport.requests[1]?.body ?? []).toString())).toMatchObject({
    model: 'other',
  });
});

it('says so when it is asked beyond its script', async () => {
  await using test = testPipeline();
  const response = await test.post();
  expect(response.status).toBe(500);
  expect(await response.text()).toContain(
    'scriptedTransport has 0 answers, and this is request 1: POST https://upstream.test/v1/messages',
  );
});

it('throws errors: a PipelineError as it is, any other by what it means', async () => {
  const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
  await using test = testPipeline({
    answers: [new PipelineError('overloaded'), reset, () => new PipelineError('tls_failed')],
  });
  expect((await test.post()).status).toBe(503);
  expect((await test.post()).status).toBe(502);
  expect((await test.post()).status).toBe(502);
  expect(test.outcomes.map(({ cause }) => (cause as PipelineError).code)).toEqual([
    'overloaded',
    'connection_lost',
    'tls_failed',
  ]);
});

it('streams in pieces, with usage and outcome as over a socket', async () => {
  const events = anthropicStream({ text: 'One two three', usage: { output_tokens: 7 } });
  await using test = testPipeline({ answers: [streamAnswer(events)] });
  const response = await test.post({ stream: true });
  expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  expect(await response.text()).toBe(events.join(''));
  expect(test.outcomes).toMatchObject([{ kind: 'completed', attempts: 1, usage: { outputTokens: 7 } }]);
});

it('pulls pieces no faster than they are read, and tells of a cancelled body', async () => {
  let reads = 0;
  let cancelled: unknown;
  const answer = streamAnswer(anthropicStream(), {
    onRead: () => reads++,
    onCancel: (reason) => (cancelled = reason),
  });
  await using test = testPipeline({ answers: [answer] });
  const reader = ((await test.post({ stream: true })).body as ReadableStream<Uint8Array>).getReader();
  expect(reads).toBe(0);
  await reader.read();
  expect(reads).toBe(1);
  await reader.cancel('enough');
  expect(cancelled).toBe('enough');
  expect(test.outcomes).toMatchObject([{ kind: 'client-abort' }]);
});

it('cuts a stream at an error piece', async () => {
  await using test = testPipeline({
    answers: [streamAnswer([...anthropicStream().slice(0, 3), new Error('gone')])],
  });
  expect(await (await test.post({ stream: true })).text()).toMatch(/event: error\n.*\n\n$/);
  expect(test.outcomes).toMatchObject([{ kind: 'upstream-error', cause: { code: 'stream_cut' } }]);
});

it('makes a stalled answer and a stalled stream end with the call', async () => {
  const caller = new AbortController();
  await using test = testPipeline({
    answers: [() => new Promise(() => undefined), streamAnswer([new Promise(() => undefined)])],
  });
  const never = test.post({}, { signal: caller.signal });
  const streamed = await test.post({ stream: true }, { signal: caller.signal });
  const reading = streamed.text();
  caller.abort(new Error('I leave'));
  await expect(never).rejects.toThrow('I leave');
  await expect(reading).rejects.toThrow('I leave');
  expect(test.clock.pendingTimers).toBe(0);
});

it('has a commit point', async () => {
  const committing = definePlugin({
    name: 'committing',
    create: () => ({
      handle: async (request, next) => holdUntilContent(await next(request), { clock: test.clock }),
    }),
  });
  await using test = testPipeline({
    plugins: [committing()],
    answers: [streamAnswer([anthropicStream()[0] as string, errorEvent('anthropic-messages', 529)])],
  });
  expect((await test.post({ stream: true })).status).toBe(529);
});

it('is closed with its pipeline', async () => {
  const test = testPipeline();
  await test.pipeline.close();
  expect(test.transport.closed).toBe(true);
});
