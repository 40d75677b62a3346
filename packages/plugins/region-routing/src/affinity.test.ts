import { provide } from '@sluice/core';
import { anthropicMessage, type ScriptedAnswer, testPipeline, type TestPipeline } from '@sluice/core/testing';
import { expect, test } from 'vitest';
import {
  ENDPOINT_HEALTH,
  type EndpointHealth,
  endpointHealth,
  regionRouting,
  type RegionRoutingOptions,
} from './index.ts';

const endpoints = ['a', 'b', 'c', 'd'].map((id) => ({ id, region: id, url: `https://${id}.test` }));
const good = (): Response =>
  new Response(anthropicMessage(), { headers: { 'content-type': 'application/json' } });

function affine(
  answer: ScriptedAnswer = good,
  options: Partial<RegionRoutingOptions> = {},
  health?: EndpointHealth,
): TestPipeline {
  return testPipeline({
    answers: Array.from({ length: 2_000 }, () => answer),
    plugins: [regionRouting({ endpoints, affinity: true, ...options })],
    services: health === undefined ? [] : [provide(ENDPOINT_HEALTH, () => health)],
  });
}

const ask = (topic: string, turns: number): Record<string, unknown> => ({
  system: 'You sell shoes.',
  messages: Array.from({ length: 2 * turns - 1 }, (_, i) => ({
    role: i % 2 === 0 ? 'user' : 'assistant',
    content: i === 0 ? topic : `turn ${i}`,
  })),
});

const went = ({ transport }: TestPipeline): (string | undefined)[] =>
  transport.requests.map(({ endpoint }) => endpoint?.id);

test('a conversation stays at one endpoint while it grows, and conversations spread', async () => {
  await using pipe = affine();
  for (let topic = 0; topic < 40; topic++) {
    const before = went(pipe).length;
    for (let turn = 1; turn < 6; turn++) await (await pipe.post(ask(`topic ${topic}`, turn))).text();
    expect(new Set(went(pipe).slice(before)).size).toBe(1);
  }
  expect(new Set(went(pipe)).size).toBe(4);
  expect(pipe.outcomes.at(-1)?.history[0]?.endpoint?.decision?.reason).toBe('affinity');
});

test('an endpoint that goes moves its own conversations only', async () => {
  await using all = affine();
  await using fewer = affine(good, { endpoints: endpoints.slice(0, 3) });
  for (let topic = 0; topic < 60; topic++) {
    await (await all.post(ask(`topic ${topic}`, 1))).text();
    await (await fewer.post(ask(`topic ${topic}`, 1))).text();
  }
  const after = went(fewer);
  went(all).forEach((id, i) => {
    if (id !== 'd') expect(after[i]).toBe(id);
  });
});

test('never blocks failover', async () => {
  const health = endpointHealth();
  await using pipe = affine(good, {}, health);
  await (await pipe.post(ask('topic', 1))).text();
  const [home = ''] = went(pipe);
  const down: ScriptedAnswer = ({ endpoint }) =>
    endpoint?.id === home ? Object.assign(new Error('down'), { code: 'ECONNREFUSED' }) : good();
  await using broken = affine(down, {}, health);
  for (let i = 0; i < 20; i++) await (await broken.post(ask('topic', 1))).text();
  expect(went(broken).filter((id) => id === home).length).toBeLessThan(6);
  expect(health.list(broken.clock).find(({ id }) => id === home)?.inFlight).toBe(0);
});

test('one conversation cannot load an endpoint more than a quarter above the mean', async () => {
  const waiting = Promise.withResolvers<undefined>();
  const health = endpointHealth();
  await using pipe = affine(() => waiting.promise.then(good), {}, health);
  const calls = Array.from({ length: 40 }, () => pipe.post(ask('hot', 1)));
  await pipe.clock.advance(1);
  const loads = health.list(pipe.clock).map(({ inFlight }) => inFlight);
  expect(loads.reduce((a, b) => a + b)).toBe(40);
  expect(Math.max(...loads)).toBeLessThanOrEqual(Math.ceil(1.25 * 10));
  waiting.resolve(undefined);
  await Promise.allSettled(calls);
});

test('a body without a conversation is routed like any other', async () => {
  await using pipe = affine();
  await (await pipe.post({ messages: [] })).text();
  const response = await pipe.pipeline.fetch('https://caller.test/v1/messages', {
    method: 'POST',
    body: 'no json',
  });
  await response.text();
  expect(pipe.outcomes.map(({ history }) => history[0]?.endpoint?.decision?.reason)).toEqual([
    'latency',
    'latency',
  ]);
});
