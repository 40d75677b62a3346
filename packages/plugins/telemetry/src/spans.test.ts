import { SpanKind, SpanStatusCode, trace, context } from '@opentelemetry/api';
import { AlwaysOffSampler, type ReadableSpan } from '@opentelemetry/sdk-trace';
import { definePlugin, PipelineError, PRINCIPAL, VERDICTS } from '@sluice/core';
import { anthropicMessage, anthropicStream, streamAnswer, testPipeline } from '@sluice/core/testing';
import { expect, test } from 'vitest';
import { openTelemetry } from '../../../../test/support/opentelemetry.ts';
import { telemetry } from './index.ts';

/** Sends a call again until it is answered: just enough of a retry to have several attempts. */
const again = definePlugin({
  name: 'again',
  create: () => ({
    async handle(request, next) {
      const response = await next(request);
      if (response.status < 500) return response;
      await response.text();
      return next(request);
    },
  }),
});
const refusing = definePlugin({
  name: 'refusing',
  create: () => ({
    handle: () => Promise.reject(new PipelineError('quota_exceeded', { message: 'not for acme-secret' })),
  }),
});
const answer = (): Response =>
  new Response(anthropicMessage({ text: 'The secret answer' }), {
    headers: { 'content-type': 'application/json' },
  });
const ms = ({ duration: [seconds, nanoseconds] }: ReadableSpan): number => seconds * 1e3 + nanoseconds / 1e6;

test('a call is a client span by the conventions, with a child for each attempt', async () => {
  const otel = openTelemetry();
  const { services } = otel;
  await using pipe = testPipeline({
    plugins: [telemetry(), again()],
    services,
    answers: [new Response('{}', { status: 529 }), answer],
  });
  await (await pipe.post({ model: 'claude-haiku-4-5' })).text();

  const [first, second, call] = otel.spans();
  expect(call).toMatchObject({
    name: 'chat claude-haiku-4-5',
    kind: SpanKind.CLIENT,
    status: { code: SpanStatusCode.UNSET },
    instrumentationScope: { name: '@sluice/telemetry', schemaUrl: 'https://opentelemetry.io/schemas/1.41.0' },
  });
  expect(call?.attributes).toMatchObject({
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'anthropic',
    'gen_ai.request.model': 'claude-haiku-4-5',
    'gen_ai.request.max_tokens': 64,
    'gen_ai.usage.input_tokens': expect.any(Number),
    'gen_ai.usage.output_tokens': expect.any(Number),
    'http.response.status_code': 200,
    'sluice.outcome': 'completed',
    'sluice.attempts': 2,
    'sluice.call.id': expect.any(String),
  });
  const parent = call?.spanContext();
  for (const attempt of [first, second]) {
    expect(attempt).toMatchObject({ name: 'POST', kind: SpanKind.CLIENT });
    expect(attempt?.parentSpanContext).toMatchObject({ traceId: parent?.traceId, spanId: parent?.spanId });
  }
  expect(first?.status).toEqual({ code: SpanStatusCode.ERROR });
  expect(first?.attributes).toEqual({
    'http.request.method': 'POST',
    'http.response.status_code': 529,
    'error.type': '529',
    'server.address': 'upstream.test',
    'server.port': 443,
  });
  expect(second?.attributes).toEqual({
    'http.request.method': 'POST',
    'http.request.resend_count': 1,
    'http.response.status_code': 200,
    'server.address': 'upstream.test',
    'server.port': 443,
  });
  expect(otel.open.size).toBe(0);
});

test('a streamed call ends at the end of its body, and not at its headers', async () => {
  const otel = openTelemetry();
  const events = anthropicStream({ text: 'One two three' });
  let arrive: (piece: string) => void = () => undefined;
  let finish: (piece: string) => void = () => undefined;
  const content = new Promise<string>((resolve) => (arrive = resolve));
  const rest = new Promise<string>((resolve) => (finish = resolve));
  await using pipe = testPipeline({
    plugins: [telemetry()],
    services: otel.services,
    answers: [streamAnswer([events[0] as string, content, rest])],
  });
  const pending = pipe.post({ stream: true }).then((response) => response.text());
  await pipe.clock.advance(250);
  arrive(events.slice(1, 3).join(''));
  await pipe.clock.advance(1_000);
  expect(otel.spans()).toEqual([]);
  finish(events.slice(3).join(''));
  await pending;

  const [attempt, call] = otel.spans() as [ReadableSpan, ReadableSpan];
  expect([ms(attempt), ms(call)]).toEqual([1_250, 1_250]);
  expect(call.attributes).toMatchObject({
    'gen_ai.request.stream': true,
    'gen_ai.response.time_to_first_chunk': 0.25,
  });
  expect(call.startTime).toEqual([Date.UTC(2026, 0, 1) / 1_000, 0]);
});

test('a refusal is an error with its code, and without its words', async () => {
  const otel = openTelemetry();
  await using pipe = testPipeline({ plugins: [telemetry(), refusing()], services: otel.services });
  await pipe.post();
  const [call] = otel.spans();
  expect(call?.status).toEqual({ code: SpanStatusCode.ERROR });
  expect(call?.attributes).toMatchObject({
    'error.type': 'quota_exceeded',
    'sluice.outcome': 'refused',
    'sluice.attempts': 0,
  });
  expect(JSON.stringify([call?.attributes, call?.events, call?.status])).not.toContain('acme-secret');
});

test('a caller that leaves ends the spans, and is no error of the call', async () => {
  const otel = openTelemetry();
  const never = new Promise<string>(() => undefined);
  await using pipe = testPipeline({
    plugins: [telemetry()],
    services: otel.services,
    answers: [streamAnswer([...anthropicStream({ text: 'Hi' }).slice(0, 3), never])],
  });
  const caller = new AbortController();
  const response = await pipe.post({ stream: true }, { signal: caller.signal });
  const reading = response.text();
  await pipe.clock.advance(10);
  caller.abort();
  await expect(reading).rejects.toThrow();

  const [attempt, call] = otel.spans();
  expect(call?.attributes).toMatchObject({ 'sluice.outcome': 'client-abort', 'error.type': 'client_abort' });
  expect(call?.status).toEqual({ code: SpanStatusCode.UNSET });
  expect(attempt?.attributes).toMatchObject({ 'error.type': 'client_abort' });
  expect(otel.open.size).toBe(0);
});

test('content, keys and messages are in no span', async () => {
  const otel = openTelemetry();
  await using pipe = testPipeline({ plugins: [telemetry()], services: otel.services, answers: [answer] });
  const response = await pipe.post(
    { system: 'The secret prompt', messages: [{ role: 'user', content: 'The secret question' }] },
    { headers: { 'x-api-key': 'sk-ant-secret', 'content-type': 'application/json' } },
  );
  await response.text();
  const told = JSON.stringify(
    otel
      .spans()
      .map(({ name, attributes, events, links, status }) => ({ name, attributes, events, links, status })),
  );
  expect(told).toContain('anthropic');
  expect(told).not.toContain('secret');
});

test('a model that is no name is not told, and names no span before it has answered', async () => {
  const otel = openTelemetry();
  await using pipe = testPipeline({
    plugins: [telemetry()],
    services: otel.services,
    answers: [new Response('{}', { status: 404 }), answer, new Response('{}', { status: 404 })],
  });
  for (const model of ['my password is 1234', 'claude-x', 'claude-y'])
    await (await pipe.post({ model })).text();
  const calls = otel.spans().filter(({ name }) => name.startsWith('chat'));
  expect(calls.map(({ name, attributes }) => [name, attributes['gen_ai.request.model']])).toEqual([
    ['chat', undefined],
    ['chat claude-x', 'claude-x'],
    ['chat', 'claude-y'],
  ]);
});

test('verdicts and, by option, the tenant are told', async () => {
  const otel = openTelemetry();
  const known = definePlugin({
    name: 'known',
    create: () => ({
      handle(request, next, ctx) {
        ctx.state.set(PRINCIPAL, { id: 'ada', tenant: 'acme' });
        ctx.state.set(VERDICTS, [{ plugin: 'moderation', rule: 'rude', action: 'flagged' }]);
        return next(request);
      },
    }),
  });
  for (const options of [{}, { tenant: 'spans' as const }]) {
    await using pipe = testPipeline({
      plugins: [telemetry(options), known()],
      services: otel.services,
      answers: [answer],
    });
    await (await pipe.post()).text();
  }
  const calls = otel.spans().filter(({ name }) => name === 'chat any');
  expect(calls.map(({ attributes }) => attributes['sluice.tenant'])).toEqual([undefined, 'acme']);
  expect(calls[0]?.attributes['sluice.verdicts']).toEqual(['moderation rude flagged']);
  expect(await otel.points('gen_ai.client.operation.duration')).toHaveLength(1);
});

test('the span is active while the call is handled, and its parent is what is active in the app', async () => {
  const otel = openTelemetry();
  let active: string | undefined;
  const looking = definePlugin({
    name: 'looking',
    create: () => ({
      async handle(request, next) {
        const response = await next(request);
        active = trace.getActiveSpan()?.spanContext().spanId;
        return response;
      },
    }),
  });
  await using pipe = testPipeline({
    plugins: [telemetry(), looking()],
    services: otel.services,
    answers: [answer],
  });
  await pipe.pipeline.start();
  const server = otel.tracers.getTracer('app').startSpan('POST /chat');
  const response = await context.with(trace.setSpan(context.active(), server), () => pipe.post());
  await response.text();
  const call = otel.spans().at(-1);
  expect(call?.parentSpanContext?.spanId).toBe(server.spanContext().spanId);
  expect(active).toBe(call?.spanContext().spanId);
});

test('what is not sampled is not told, and hands its decision on', async () => {
  const otel = openTelemetry(new AlwaysOffSampler());
  await using pipe = testPipeline({ plugins: [telemetry()], services: otel.services, answers: [answer] });
  await (await pipe.post()).text();
  expect(otel.spans()).toEqual([]);
  expect(await otel.total('gen_ai.client.operation.duration')).toBe(1);
});

test('a request of no known format is told by its kind alone', async () => {
  const otel = openTelemetry();
  await using pipe = testPipeline({
    plugins: [telemetry()],
    services: otel.services,
    answers: [Response.json({ data: [] })],
  });
  await (await pipe.pipeline.fetch('https://caller.test/v1/models')).text();
  const [attempt, call] = otel.spans();
  expect(attempt?.name).toBe('GET');
  expect(call?.name).toBe('pass_through');
  expect(call?.attributes).not.toHaveProperty('gen_ai.provider.name');
});
