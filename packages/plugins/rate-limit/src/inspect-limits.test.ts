import { definePlugin, LIMITS, provide } from '@sluice/core';
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

test('tells how the limits stand of a caller that has its own', async () => {
  const rules: readonly LimitRule[] = [
    { name: 'rpm', of: 'requests', limit: 6, windowMs: 60_000 },
    { name: 'daily', of: 'requests', limit: 6, calendar: 'day' },
    { name: 'weekly', of: 'requests', limit: 6, windowMs: 7 * 86_400_000 },
    { name: 'free', of: 'requests', limit: 6, windowMs: 60_000 },
  ];
  const limits = { rpm: 60, daily: 60, free: Infinity };
  const own = definePlugin({
    name: 'own',
    create: () => ({
      handle: (request, next, ctx) => {
        ctx.state.set(LIMITS, limits);
        return next(request);
      },
    }),
  });
  const store = memoryLimitStore({ clock: fakeClock() });
  await using pipe = testPipeline({
    answers: Array.from(
      { length: 30 },
      () => () => new Response(anthropicMessage(), { headers: { 'content-type': 'application/json' } }),
    ),
    plugins: [own(), rateLimit({ rules: rules.filter(({ name }) => name !== 'weekly') })],
    services: [provide(LIMIT_STORE, () => store)],
  });
  for (let n = 0; n < 30; n++) {
    const response = await pipe.post();
    await response.text();
    expect(response.status).toBe(200);
  }
  expect(await inspectLimits(store, { rules, names: {}, limits })).toEqual([
    { rule: 'rpm', limit: 60, used: 30, remaining: 30, resetMs: 30_000 },
    { rule: 'daily', limit: 60, used: 30, remaining: 30, resetMs: 86_400_000 },
    { rule: 'weekly', limit: 6, used: 0, remaining: 6, resetMs: 0 },
  ]);
  expect(await inspectLimits(store, { rules, names: {}, limits: { daily: 0 } })).toContainEqual({
    rule: 'daily',
    limit: 0,
    used: 30,
    remaining: -30,
    resetMs: 86_400_000,
  });
});
