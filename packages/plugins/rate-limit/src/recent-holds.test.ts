import { PRINCIPAL } from '@sluice/core';
import { anthropicMessage, testPipeline } from '@sluice/core/testing';
import { expect, test } from 'vitest';
import { type LimitRule, rateLimit } from './index.ts';

const answer = (): Response =>
  new Response(anthropicMessage(), { headers: { 'content-type': 'application/json' } });

/** A limiter, three calls of tenants of its own, and what it says of its limits. */
async function limited(rules: readonly LimitRule[], mode: 'reject' | 'pace' = 'reject') {
  const pipe = testPipeline({
    answers: Array.from({ length: 200 }, () => answer),
    plugins: [rateLimit({ rules, mode })],
  });
  const call = async (tenant: string, apiKey = 'k'): Promise<void> => {
    const body = Buffer.from('{"model":"m","max_tokens":5,"messages":[]}');
    const inbound = { method: 'POST', target: '/v1/messages', headers: { 'x-api-key': apiKey }, body };
    const response = await pipe.pipeline.handle(inbound, (state) => {
      state.set(PRINCIPAL, { id: 'someone', tenant });
    });
    await response.text();
  };
  const rows = () => pipe.pipeline.inspect().find(({ plugin }) => plugin === 'rate-limit')?.rows ?? [];
  return { pipe, call, rows };
}

test('a limiter tells how the limits stand that its last calls were about', async () => {
  const { pipe, call, rows } = await limited([
    { name: 'rpm', of: 'requests', limit: 60, windowMs: 60_000 },
    { name: 'daily', of: 'requests', limit: 100, calendar: 'day' },
  ]);
  await call('acme');
  await call('acme');
  await call('other');
  expect(rows()).toMatchObject([
    { rule: 'rpm', of: 'requests', scope: 'other', used: 1, limit: 60, resetMs: 1_000 },
    { rule: 'daily', scope: 'other', used: 1, limit: 100 },
    { rule: 'rpm', scope: 'acme', used: 2, resetMs: 2_000 },
    { rule: 'daily', scope: 'acme', used: 2 },
  ]);
  await pipe.clock.advance(1_000);
  expect(rows()).toMatchObject([
    { rule: 'rpm', scope: 'other', used: 0 },
    { rule: 'daily', scope: 'other', used: 1 },
    { rule: 'rpm', scope: 'acme', used: 1 },
    { rule: 'daily', scope: 'acme', used: 2 },
  ]);
  await pipe.clock.advance(86_400_000);
  expect(rows().map(({ used }) => used)).toEqual([0, 0, 0, 0]);
});

test('refusals show the limit they ran into, and 64 calls are remembered', async () => {
  const { call, rows } = await limited([{ name: 'rpm', of: 'requests', limit: 2, windowMs: 60_000 }]);
  for (let n = 0; n < 3; n++) await call('greedy');
  expect(rows()).toMatchObject([{ scope: 'greedy', used: 2, limit: 2 }]);
  for (let n = 0; n < 100; n++) await call(`t${n}`);
  expect(rows()).toHaveLength(64);
});

test('what a function makes of a request is not shown: it may be a credential', async () => {
  const { call, rows } = await limited([
    { name: 'by-key', of: 'requests', limit: 9, windowMs: 60_000, by: ({ headers }) => headers['x-api-key'] },
  ]);
  await call('acme', 'canary');
  expect(rows()).toMatchObject([{ rule: 'by-key', used: 1 }]);
  expect(JSON.stringify(rows())).not.toContain('canary');
});

test('of places and of paced calls a decision does not say how much is in use', async () => {
  const places = await limited([{ name: 'parallel', of: 'concurrent-calls', limit: 8 }]);
  await places.call('acme');
  expect(places.rows()).toMatchObject([{ rule: 'parallel', used: undefined, limit: 8 }]);
  const paced = await limited([{ name: 'rps', of: 'requests', limit: 5, windowMs: 1_000 }], 'pace');
  await paced.call('acme');
  expect(paced.rows()).toMatchObject([{ rule: 'rps', used: undefined, limit: 5 }]);
});
