import type { DataPoint, Histogram } from '@opentelemetry/sdk-metrics';
import { definePlugin, PipelineError, PRINCIPAL } from '@sluice/core';
import { anthropicMessage, anthropicStream, streamAnswer, testPipeline } from '@sluice/core/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openTelemetry } from '../../../../test/support/opentelemetry.ts';
import { KnownNames } from './known-names.ts';
import { telemetry } from './index.ts';

const answer = (): Response =>
  new Response(anthropicMessage({ text: 'Hello', usage: { input_tokens: 12, output_tokens: 5 } } as never), {
    headers: { 'content-type': 'application/json' },
  });
const failed = (): Response => new Response('{}', { status: 529 });
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
const DURATION = 'gen_ai.client.operation.duration';
const TOKENS = 'gen_ai.client.token.usage';

test('a call counts once, its attempts each, and its retries', async () => {
  const otel = openTelemetry();
  await using pipe = testPipeline({
    plugins: [telemetry(), again()],
    services: otel.services,
    answers: [failed, answer],
  });
  await (await pipe.post()).text();
  const common = { 'gen_ai.operation.name': 'chat', 'gen_ai.provider.name': 'anthropic' };
  const [call] = await otel.points(DURATION);
  expect(call?.attributes).toEqual({
    ...common,
    'gen_ai.request.model': 'any',
    'sluice.outcome': 'completed',
  });
  expect(await otel.total('sluice.attempt.duration', { 'error.type': '529' })).toBe(1);
  expect(await otel.total('sluice.attempt.duration', { 'http.response.status_code': 200 })).toBe(1);
  expect(await otel.total('sluice.retries')).toBe(1);
  expect(await otel.total('sluice.calls.active')).toBe(0);
});

test('durations are in seconds, in the buckets that the conventions advise', async () => {
  const otel = openTelemetry();
  let arrive: (piece: string) => void = () => undefined;
  const events = anthropicStream({ text: 'Hello' });
  const late = new Promise<string>((resolve) => (arrive = resolve));
  await using pipe = testPipeline({
    plugins: [telemetry()],
    services: otel.services,
    answers: [streamAnswer([late])],
  });
  const pending = pipe.post({ stream: true }).then((response) => response.text());
  await pipe.clock.advance(3_000);
  arrive(events.join(''));
  await pending;
  for (const name of [DURATION, 'gen_ai.client.operation.time_to_first_chunk', 'sluice.attempt.duration']) {
    const [point] = await otel.points(name);
    expect(point?.value).toMatchObject({
      sum: 3,
      count: 1,
      buckets: { boundaries: Array.from({ length: 14 }, (_, i) => 2 ** i / 100) },
    });
  }
  const [tokens] = await otel.points(TOKENS);
  expect(tokens?.value).toMatchObject({
    buckets: { boundaries: Array.from({ length: 14 }, (_, i) => 4 ** i) },
  });
});

test('calls in progress are counted until their last byte', async () => {
  const otel = openTelemetry();
  const events = anthropicStream({ text: 'Hello' });
  let arrive: (piece: string) => void = () => undefined;
  const late = new Promise<string>((resolve) => (arrive = resolve));
  await using pipe = testPipeline({
    plugins: [telemetry()],
    services: otel.services,
    answers: [streamAnswer([events[0] as string, late])],
  });
  const response = pipe.post({ stream: true });
  await pipe.clock.advance(1);
  expect(await otel.total('sluice.calls.active')).toBe(1);
  arrive(events.slice(1).join(''));
  await (await response).text();
  expect(await otel.total('sluice.calls.active')).toBe(0);
});

test('tokens and cost are those of the attempts, and cost is what the operator says', async () => {
  const otel = openTelemetry();
  const asked: unknown[] = [];
  const cost = (model: string, { inputTokens = 0 }: { inputTokens?: number }): number => {
    asked.push(model);
    return inputTokens * 2;
  };
  await using pipe = testPipeline({
    plugins: [telemetry({ cost })],
    services: otel.services,
    answers: [answer],
  });
  await (await pipe.post()).text();
  const points = await otel.points(TOKENS);
  const input = points.find(({ attributes }) => attributes['gen_ai.token.type'] === 'input');
  const { sum } = (input as DataPoint<Histogram>).value as { readonly sum: number };
  expect(sum).toBeGreaterThan(0);
  expect(await otel.total(TOKENS, { 'gen_ai.token.type': 'input' })).toBe(1);
  expect(await otel.total(TOKENS, { 'gen_ai.token.type': 'output' })).toBe(1);
  expect(await otel.total('sluice.cost')).toBe(sum * 2);
  expect(asked).toEqual(['any']);
});

test.each([Number.NaN, Infinity, -1, undefined])('a cost of %s is not counted', async (cost) => {
  const otel = openTelemetry();
  await using pipe = testPipeline({
    plugins: [telemetry({ cost: () => cost })],
    services: otel.services,
    answers: [answer],
  });
  await (await pipe.post()).text();
  expect(await otel.points('sluice.cost')).toEqual([]);
});

test('an answer that no attempt gave uses no tokens', async () => {
  const otel = openTelemetry();
  const stored = definePlugin({
    name: 'stored',
    create: () => ({ handle: async () => answer() }),
  });
  await using pipe = testPipeline({ plugins: [telemetry(), stored()], services: otel.services });
  await (await pipe.post()).text();
  expect(await otel.total(DURATION, { 'sluice.outcome': 'completed' })).toBe(1);
  expect(await otel.points(TOKENS)).toEqual([]);
  expect(otel.spans()[0]?.attributes).not.toHaveProperty('gen_ai.usage.input_tokens');
});

test('outcomes are told apart, by code', async () => {
  const otel = openTelemetry();
  const codes = ['rate_limited', 'circuit_open', 'content_blocked'] as const;
  let turn = 0;
  const refusing = definePlugin({
    name: 'refusing',
    create: () => ({ handle: () => Promise.reject(new PipelineError(codes[turn++ % 3] ?? 'internal')) }),
  });
  await using pipe = testPipeline({ plugins: [telemetry(), refusing()], services: otel.services });
  for (let i = 0; i < 6; i++) await pipe.post();
  for (const code of codes)
    expect(await otel.total(DURATION, { 'error.type': code, 'sluice.outcome': 'refused' })).toBe(2);
});

test('callers who invent models make one more series, not a thousand', async () => {
  const otel = openTelemetry();
  const known = (): Response => answer();
  const unknown = (): Response => new Response('{}', { status: 404 });
  await using pipe = testPipeline({
    plugins: [telemetry()],
    services: otel.services,
    answers: [known, ...Array.from({ length: 1_000 }, () => unknown)],
  });
  await (await pipe.post({ model: 'claude-good' })).text();
  for (let i = 0; i < 1_000; i++) await (await pipe.post({ model: `invented-${i}` })).text();
  const points = await otel.points(DURATION);
  expect(new Set(points.map(({ attributes }) => attributes['gen_ai.request.model']))).toEqual(
    new Set(['_OTHER', 'claude-good']),
  );
  expect(points).toHaveLength(2);
});

test('models that are listed are told apart, and no others', async () => {
  const otel = openTelemetry();
  await using pipe = testPipeline({
    plugins: [telemetry({ models: ['listed'] })],
    services: otel.services,
    answers: [answer, answer],
  });
  for (const model of ['listed', 'other']) await (await pipe.post({ model })).text();
  expect(await otel.total(DURATION, { 'gen_ai.request.model': 'listed' })).toBe(1);
  expect(await otel.total(DURATION, { 'gen_ai.request.model': '_OTHER' })).toBe(1);
});

test('known names never outgrow their bound, and hold nothing but names', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' })), fc.nat(20), (given, most) => {
      const names = new KnownNames(most);
      for (const name of given) names.learn(name);
      const told = new Set(given.map((name) => names.of(name)));
      told.delete('_OTHER');
      return told.size <= most && [...told].every((name) => /^[\w.:/@+-]{1,128}$/.test(name));
    }),
  );
});

test('the tenant is in metrics only by option', async () => {
  const otel = openTelemetry();
  const known = definePlugin({
    name: 'known',
    create: () => ({
      handle(request, next, ctx) {
        ctx.state.set(PRINCIPAL, { id: 'ada', tenant: 'acme' });
        return next(request);
      },
    }),
  });
  for (const tenant of ['off', 'spans', 'all'] as const) {
    await using pipe = testPipeline({
      plugins: [telemetry({ tenant }), known()],
      services: otel.services,
      answers: [answer],
    });
    await (await pipe.post()).text();
    expect(await otel.total(DURATION, { 'sluice.tenant': 'acme' })).toBe(tenant === 'all' ? 1 : 0);
  }
});
