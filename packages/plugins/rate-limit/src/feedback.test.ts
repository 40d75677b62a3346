import { anthropicMessage, errorBody, testPipeline } from '@sluice/core/testing';
import { describe, expect, test } from 'vitest';
import { type LimitEvent, type LimitRule, rateLimit } from './index.ts';

const answer =
  (headers: Record<string, string>, status = 200) =>
  (): Response =>
    new Response(status === 200 ? anthropicMessage() : errorBody('anthropic-messages', status), {
      status,
      headers: { 'content-type': 'application/json', ...headers },
    });

const RULE: LimitRule = {
  name: 'up',
  of: 'requests',
  limit: 10,
  windowMs: 60_000,
  by: 'global',
  feedback: true,
};

/** Statuses of calls to an upstream that says this of itself at the first of them. */
async function calls(rule: LimitRule, first: () => Response, count: number) {
  const events: LimitEvent[] = [];
  const limiter = rateLimit({ rules: [rule], onEvent: (event) => void events.push(event) });
  const pipe = testPipeline({
    answers: [first, ...Array.from({ length: 20 }, () => answer({}))],
    plugins: [limiter],
  });
  const statuses: number[] = [];
  for (let n = 0; n < count; n++) statuses.push((await pipe.post()).status);
  return { pipe, statuses, events };
}

describe('what an upstream says of its limit', () => {
  test.each([
    ['anthropic-ratelimit-requests-remaining', '2'],
    ['x-ratelimit-remaining-requests', '2'],
  ])('lowers ours before a 429 comes: %s', async (name, value) => {
    const { pipe, statuses, events } = await calls(RULE, answer({ [name]: value }), 4);
    await using _ = pipe;
    expect(statuses).toEqual([200, 200, 200, 429]);
    expect(events[0]).toEqual({ type: 'limit-lower', rule: 'up', scope: '*', remaining: 2, blockedMs: 0 });
  });

  test.each([
    ['more than we allow', { 'anthropic-ratelimit-requests-remaining': '4000' }],
    ['nonsense', { 'anthropic-ratelimit-requests-remaining': '-1', 'x-ratelimit-remaining-requests': '1e3' }],
    ['something of tokens', { 'anthropic-ratelimit-tokens-remaining': '1' }],
    ['nothing', {}],
  ])('never raises ours: %s', async (_, headers) => {
    const { pipe, statuses, events } = await calls(RULE, answer(headers), 11);
    await using __ = pipe;
    expect(statuses.filter((status) => status === 200)).toHaveLength(10);
    expect(statuses[10]).toBe(429);
    expect(events.map(({ type }) => type)).toEqual(['limit-refuse']);
  });

  test('after a 429 blocks for as long as it asks, and for no longer', async () => {
    const { pipe, statuses } = await calls(RULE, answer({ 'retry-after': '20' }, 429), 2);
    await using _ = pipe;
    expect(statuses).toEqual([429, 429]);
    expect(pipe.transport.requests).toHaveLength(1);
    await pipe.clock.advance(19_000);
    expect((await pipe.post()).status).toBe(429);
    await pipe.clock.advance(1_001);
    expect((await pipe.post()).status).toBe(200);
  });

  test('is nothing to a rule that does not ask', async () => {
    const { pipe, statuses } = await calls(
      { ...RULE, feedback: false },
      answer({ 'anthropic-ratelimit-requests-remaining': '0' }),
      2,
    );
    await using _ = pipe;
    expect(statuses).toEqual([200, 200]);
  });
});
