import { definePlugin } from '@sluice/core';
import { anthropicMessage, testPipeline } from '@sluice/core/testing';
import { expect, test } from 'vitest';
import { openTelemetry } from '../../../../test/support/opentelemetry.ts';
import { pluginEvents, telemetry } from './index.ts';

const answer = (): Response =>
  new Response(anthropicMessage({ text: 'Hello' }), { headers: { 'content-type': 'application/json' } });

test('events are counted by type, endpoint and rule, and a circuit keeps its state', async () => {
  const otel = openTelemetry();
  const events = pluginEvents();
  await using pipe = testPipeline({ plugins: [telemetry({ events })], services: otel.services });
  await pipe.pipeline.start();
  events.emit({ type: 'circuit-open', endpoint: 'eu', family: 'claude-sonnet' });
  events.emit({ type: 'circuit-half-open', endpoint: 'eu', family: 'claude-sonnet' });
  events.emit({ type: 'circuit-isolated', endpoint: 'us', family: undefined });
  events.emit({ type: 'limit-refuse', rule: 'per-tenant' });
  expect(await otel.total('sluice.events', { 'sluice.event': 'circuit-open', 'sluice.endpoint': 'eu' })).toBe(
    1,
  );
  expect(
    await otel.total('sluice.events', { 'sluice.event': 'limit-refuse', 'sluice.rule': 'per-tenant' }),
  ).toBe(1);
  const states = await otel.points('sluice.circuit.state');
  expect(states.map(({ attributes, value }) => [attributes, value])).toEqual([
    [{ 'sluice.endpoint': 'eu', 'sluice.model.family': 'claude-sonnet' }, 1],
    [{ 'sluice.endpoint': 'us' }, 3],
  ]);
});

test('an event is noted on the span in whose time it happened', async () => {
  const otel = openTelemetry();
  const events = pluginEvents();
  const reporting = definePlugin({
    name: 'reporting',
    create: () => ({
      handle(request, next) {
        events.emit({ type: 'limit-near', rule: 'daily' });
        return next(request);
      },
    }),
  });
  await using pipe = testPipeline({
    plugins: [telemetry({ events }), reporting()],
    services: otel.services,
    answers: [answer],
  });
  await (await pipe.post()).text();
  expect(otel.spans().at(-1)?.events).toMatchObject([
    { name: 'limit-near', attributes: { 'sluice.rule': 'daily' } },
  ]);
});

test('after a hundred types and families the rest is counted together', async () => {
  const otel = openTelemetry();
  const events = pluginEvents();
  await using pipe = testPipeline({ plugins: [telemetry({ events })], services: otel.services });
  await pipe.pipeline.start();
  for (let i = 0; i < 300; i++) {
    events.emit({ type: `made-up-${i}` });
    events.emit({ type: 'circuit-open', endpoint: 'eu', family: `invented-${i}` });
  }
  expect(await otel.points('sluice.events')).toHaveLength(101);
  expect(await otel.points('sluice.circuit.state')).toHaveLength(101);
});

test('a pipeline that has closed hears no more', async () => {
  const otel = openTelemetry();
  const events = pluginEvents();
  const pipe = testPipeline({ plugins: [telemetry({ events })], services: otel.services });
  await pipe.pipeline.start();
  await pipe[Symbol.asyncDispose]();
  events.emit({ type: 'circuit-open', endpoint: 'eu' });
  expect(await otel.points('sluice.events')).toEqual([]);
});
