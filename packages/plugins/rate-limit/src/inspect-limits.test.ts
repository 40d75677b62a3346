import { provide } from '@sluice/core';
import { anthropicMessage, fakeClock, testPipeline } from '@sluice/core/testing';
import { expect, test } from 'vitest';
import { inspectLimits, LIMIT_STORE, type LimitRule, memoryLimitStore, rateLimit } from './index.ts';

test('tells how limits stand, and takes nothing', async () => {
  // #region inspect
  const rules: readonly LimitRule[] = [
    { name: 'rpm', of: 'requests', limit: 60, windowMs: 60_000 },
    { name: 'budget', of: 'cost', limit: 50, calendar: 'month' },
    {
      name: 'by-user',
      of: 'requests',
      limit: 5,
      windowMs: 60_000,
      by: (request) => request.headers['x-user'],
    },
  ];
  const store = memoryLimitStore({ clock: fakeClock() });
  const report = () => inspectLimits(store, { rules, names: {}, scopes: { 'by-user': 'ann' } });
  // #endregion
  const usage = { input_tokens: 1_000_000, output_tokens: 0 };
  await using pipe = testPipeline({
    answers: [
      () => new Response(anthropicMessage({ usage }), { headers: { 'content-type': 'application/json' } }),
    ],
    plugins: [rateLimit({ rules, prices: { '*': { input: 3, output: 15 } } })],
    services: [provide(LIMIT_STORE, () => store)],
  });
  await (await pipe.post({}, { headers: { 'x-user': 'ann' } })).text();
  for (let n = 0; n < 2; n++)
    expect(await report()).toMatchObject([
      { rule: 'rpm', limit: 60, used: 1, remaining: 59, resetMs: 1_000 },
      { rule: 'budget', limit: 50, used: 3, remaining: 47 },
      { rule: 'by-user', limit: 5, used: 1, remaining: 4 },
    ]);
  expect(await inspectLimits(store, { rules, names: { tenant: 'other' } })).toMatchObject([
    { rule: 'rpm', used: 0 },
    { rule: 'budget', used: 0 },
  ]);
});
