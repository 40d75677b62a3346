import { definePlugin, PipelineError } from '@sluice/core';
import {
  anthropicMessage,
  anthropicStream,
  openaiChatStream,
  type ScriptedAnswer,
  streamAnswer,
  type TestPipeline,
  testPipeline,
  type TestPipelineOptions,
} from '@sluice/core/testing';
import { describe, expect, test } from 'vitest';
import { type LimitRule, rateLimit, type RateLimitOptions } from './index.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const using =
  (usage: Record<string, number>): ScriptedAnswer =>
  () =>
    new Response(anthropicMessage({ usage }), { headers: JSON_TYPE });
const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
const silence = new Promise<never>(() => undefined);

/** Makes one call after the other, and reads after each how much the answer says is left. */
function counting(
  rule: Partial<LimitRule>,
  answers: readonly ScriptedAnswer[],
  options: Partial<RateLimitOptions> = {},
  others: TestPipelineOptions = {},
): TestPipeline & { left(): Promise<number> } {
  const window = rule.calendar === undefined ? { windowMs: 86_400_000 } : {};
  const rules = [{ name: 'tokens', of: 'tokens', limit: 100_000, ...window, ...rule } as LimitRule];
  const last: ScriptedAnswer = using({ input_tokens: 0, output_tokens: 0 });
  const limiter = rateLimit({
    rules,
    estimate: () => ({ inputTokens: 1_000, outputTokens: 64 }),
    answerHeaders: ['ietf'],
    ...options,
  });
  const pipe = testPipeline({ answers: [...answers, last], plugins: [limiter, ...(others.plugins ?? [])] });
  return {
    ...pipe,
    get outcomes() {
      return pipe.outcomes;
    },
    async left() {
      const response = await pipe.post({}, {});
      await response.text();
      const left = Number(/r=(\d+)/.exec(response.headers.get('ratelimit') ?? '')?.[1]);
      // The look was a call, too.
      return left + 1_064;
    },
  };
}

describe('what a call has used', () => {
  test('takes the place of what was reserved', async () => {
    await using pipe = counting({}, [using({ input_tokens: 300, output_tokens: 20 })]);
    await (await pipe.post()).text();
    expect(await pipe.left()).toBe(100_000 - 320);
  });

  test('counts the prompt cache and reasoning, by weight', async () => {
    const usage = {
      input_tokens: 10,
      cache_read_input_tokens: 400,
      cache_creation_input_tokens: 90,
      output_tokens: 7,
    };
    for (const [rule, used] of [
      [{}, 507],
      [{ of: 'input-tokens' }, 500],
      [{ of: 'input-tokens', cacheReadWeight: 0 }, 100],
      [{ of: 'input-tokens', cacheReadWeight: 0.1 }, 140],
    ] as const) {
      await using pipe = counting(rule, [using(usage)]);
      await (await pipe.post()).text();
      const reserved = rule === undefined || !('of' in rule) ? 0 : 64;
      expect(await pipe.left()).toBe(100_000 - used + reserved);
    }
  });

  test('may be more than was reserved', async () => {
    await using pipe = counting({}, [using({ input_tokens: 30_000, output_tokens: 20_000 })]);
    await (await pipe.post()).text();
    expect(await pipe.left()).toBe(50_000);
  });

  test('is the last count of a stream', async () => {
    const events = anthropicStream({ text: 'One two', usage: { input_tokens: 40, output_tokens: 60 } });
    await using pipe = counting({}, [streamAnswer(events)]);
    await (await pipe.post({ stream: true })).text();
    expect(await pipe.left()).toBe(100_000 - 100);
  });

  test('is, of a stream that was left, what it had told and what had come', async () => {
    const events = anthropicStream({
      text: 'One two three four',
      usage: { input_tokens: 40, output_tokens: 60 },
    });
    const begun = events.slice(0, 5);
    await using pipe = counting({}, [streamAnswer([...begun, silence])]);
    const response = await pipe.post({ stream: true });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    for (let n = 0; n < 5; n++) await reader.read();
    await reader.cancel();
    // message_start told 40 and 1; two deltas came.
    expect(100_000 - (await pipe.left())).toBeGreaterThanOrEqual(42);
    expect(pipe.outcomes[0]?.kind).toBe('client-abort');
  });

  test('is the estimate when the upstream told nothing', async () => {
    const events = openaiChatStream({ text: 'One two three' });
    await using pipe = counting({}, [streamAnswer(events)]);
    const response = await pipe.pipeline.fetch('https://caller.test/v1/chat/completions', {
      method: 'POST',
      body: JSON.stringify({ model: 'any', stream: true, messages: [{ role: 'user', content: 'Hi' }] }),
    });
    await response.text();
    expect(await pipe.left()).toBe(100_000 - 1_064);
  });

  test('is the estimate when the caller left before there was an answer', async () => {
    await using pipe = counting({}, [() => silence]);
    const caller = new AbortController();
    const pending = pipe.post({}, { signal: caller.signal });
    await pipe.clock.advance(0);
    caller.abort();
    await expect(pending).rejects.toThrow();
    expect(await pipe.left()).toBe(100_000 - 1_064);
  });

  test.each<[string, ScriptedAnswer]>([
    ['an error', () => new Response('{}', { status: 500, headers: JSON_TYPE })],
    ['a refusal', () => new Response('{}', { status: 400, headers: JSON_TYPE })],
    ['no connection', new PipelineError('connect_failed')],
  ])('is nothing after %s', async (_, given) => {
    await using pipe = counting({}, [given]);
    await (await pipe.post()).text();
    expect(await pipe.left()).toBe(100_000);
  });

  test('is all of its attempts', async () => {
    const twice = definePlugin({
      name: 'twice',
      create: () => ({
        async handle(request, next) {
          try {
            return await next(request);
          } catch {
            return next(request);
          }
        },
      }),
    });
    await using pipe = counting(
      {},
      [reset, using({ input_tokens: 300, output_tokens: 20 })],
      {},
      { plugins: [twice()] },
    );
    await (await pipe.post()).text();
    // The first may have been carried out, for all we know.
    expect(await pipe.left()).toBe(100_000 - 1_064 - 320);
  });
});

describe('a request', () => {
  const requests = { of: 'requests', limit: 10 } as const;
  const refuse = definePlugin({
    name: 'refuse',
    create: () => ({ handle: () => Promise.reject(new PipelineError('content_blocked')) }),
  });
  const left = async (
    rule: Partial<LimitRule>,
    plugins: ReturnType<typeof refuse>[],
    answer: ScriptedAnswer,
  ) => {
    await using pipe = counting({ ...requests, ...rule }, [answer], { refusalHeaders: [] }, { plugins });
    await (await pipe.post()).text();
    let calls = 0;
    while (calls < 12 && (await pipe.post()).status !== 429) calls++;
    return calls;
  };

  test('counts when it was sent, whatever came of it', async () => {
    expect(await left({}, [], () => new Response('{}', { status: 500, headers: JSON_TYPE }))).toBe(9);
  });

  test('does not count when it was refused further in, unless it shall', async () => {
    expect(await left({}, [refuse()], using({}))).toBe(12);
    expect(await left({ refunds: false }, [refuse()], using({}))).toBe(9);
  });
});

describe('what is reserved', () => {
  test('is the most that the request allows, where that is asked for', async () => {
    const rule = { of: 'output-tokens', limit: 1_000, reserve: 'most' } as const;
    await using pipe = counting(rule, [() => silence], { estimate: () => ({ inputTokens: 1 }) });
    const caller = new AbortController();
    void pipe.post({ max_tokens: 900 }, { signal: caller.signal }).catch(() => undefined);
    await pipe.clock.advance(0);
    expect((await pipe.post({ max_tokens: 200 })).status).toBe(429);
    expect((await pipe.post({ max_tokens: 100 })).status).toBe(200);
    caller.abort();
  });

  test('fits into small limits: the first call passes, and what it used beyond is owed', async () => {
    const rule = { of: 'tokens', limit: 100 } as const;
    await using pipe = counting(rule, [using({ input_tokens: 90, output_tokens: 400 })], {
      estimate: () => ({ inputTokens: 90 }),
    });
    expect((await pipe.post({ max_tokens: 32_000 })).status).toBe(200);
    await pipe.clock.advance(1_000);
    expect((await pipe.post()).status).toBe(429);
  });

  test('is refused for good when it will never fit', async () => {
    await using pipe = counting({ of: 'input-tokens', limit: 500 }, []);
    const response = await pipe.post();
    expect(response.status).toBe(400);
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(await response.json()).toMatchObject({ error: { type: 'invalid_request_error' } });
  });

  test('learns, by model, from what usage turns out to be', async () => {
    const answers = Array.from({ length: 60 }, () => using({ input_tokens: 200, output_tokens: 10 }));
    await using pipe = counting({ of: 'input-tokens' }, answers, { estimate: undefined as never });
    const body = { system: 'Answer in a single sentence, and be kind. '.repeat(5) };
    for (let n = 0; n < 40; n++) await (await pipe.post(body)).text();
    const before = (await pipe.post(body)).headers.get('ratelimit');
    const used = 100_000 - Number(/r=(\d+)/.exec(before ?? '')?.[1]);
    // Forty times 200, and a reservation that is now worth what the answer will say.
    expect(used).toBeGreaterThanOrEqual(8_190);
    expect(used).toBeLessThanOrEqual(8_210);
  });
});

describe('cost', () => {
  const prices = {
    'claude-*': { input: 3, output: 15, cacheRead: 0.3, cacheWrite: 3.75 },
    free: { input: 0, output: 0 },
  };
  const budget = { name: 'budget', of: 'cost', limit: 1, calendar: 'month' } as const;

  test('is reckoned by the price table, in whole millionths', async () => {
    const usage = {
      input_tokens: 10,
      cache_read_input_tokens: 100,
      cache_creation_input_tokens: 10,
      output_tokens: 4,
    };
    await using pipe = counting(budget, [using(usage)], { prices });
    await (await pipe.post({ model: 'claude-opus' })).text();
    const response = await pipe.post({ model: 'free' });
    // 30 + 30 + 37.5 + 60, rounded up.
    expect(response.headers.get('ratelimit')).toContain(`r=${1_000_000 - 158};`);
  });

  test('of a model without a price is refused before it is sent', async () => {
    await using pipe = counting(budget, [], { prices });
    const response = await pipe.post({ model: 'gpt' });
    expect(response.status).toBe(400);
    expect(pipe.transport.requests).toHaveLength(0);
  });

  test('of a request that names several models is that of the dearest, and each needs a price', async () => {
    const answer = using({ input_tokens: 10, output_tokens: 4 });
    await using pipe = counting(budget, [answer], { prices });
    const left = async (body: Readonly<Record<string, unknown>>): Promise<string | null> => {
      const response = await pipe.post(body);
      await response.text();
      return response.headers.get('ratelimit');
    };
    await left({ model: 'free', fallbacks: [{ model: 'claude-opus' }] });
    expect(await left({ model: 'free' })).toContain(`r=${1_000_000 - 90};`);
    const response = await pipe.post({ model: 'free', fallbacks: [{ model: 'gpt' }] });
    expect(response.status).toBe(400);
    expect(pipe.transport.requests).toHaveLength(2);
  });

  test('is never exceeded by calls in progress together: each has its most reserved', async () => {
    const answers = Array.from({ length: 50 }, () => () => silence);
    await using pipe = counting(budget, answers, { prices });
    const caller = new AbortController();
    // Two cents of input and thirty of output each.
    const body = { model: 'claude-opus', max_tokens: 20_000 };
    for (let n = 0; n < 20; n++) void pipe.post(body, { signal: caller.signal }).catch(() => undefined);
    await pipe.clock.advance(0);
    expect(pipe.transport.requests).toHaveLength(3);
    caller.abort();
  });
});

describe('attempts', () => {
  test('are counted one by one inside a plugin that makes several', async () => {
    const again = definePlugin({
      name: 'again',
      create: () => ({
        async handle(request, next) {
          const first = await next(request);
          await first.text();
          return next(request);
        },
      }),
    });
    const rules = [{ name: 'rpm', of: 'requests', limit: 3, windowMs: 60_000, by: 'endpoint' } as const];
    const answers = Array.from({ length: 9 }, () => using({}));
    await using pipe = testPipeline({
      answers,
      plugins: [again(), rateLimit({ rules, counts: 'attempts' })],
    });
    expect((await pipe.post()).status).toBe(200);
    expect((await pipe.post()).status).toBe(429);
    expect(pipe.transport.requests).toHaveLength(3);
  });
});
