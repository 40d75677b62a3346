import { definePlugin, type ErrorCode, PipelineError } from '@sluice/core';
import {
  anthropicMessage,
  errorBody,
  type ScriptedAnswer,
  testPipeline,
  type TestPipeline,
} from '@sluice/core/testing';
import { describe, expect, test } from 'vitest';
import { retry } from './index.ts';
import { afterAllWaits, bad, DIALECT, good, JSON_TYPE, RESET, retrying } from './testing/retrying.ts';

describe('an attempt that failed', () => {
  test('is made again until one succeeds, and the outcome counts them all', async () => {
    await using pipe = retrying([bad(529), RESET, good()]);
    const response = await afterAllWaits(pipe, pipe.post());
    expect(response.status).toBe(200);
    expect(await response.text()).toBe(anthropicMessage());
    expect(response.headers.has('x-should-retry')).toBe(false);
    expect(pipe.outcomes).toMatchObject([{ kind: 'completed', status: 200, attempts: 3 }]);
  });

  test('sends the same bytes each time', async () => {
    await using pipe = retrying([bad(500), bad(503), good()]);
    await (await afterAllWaits(pipe, pipe.post())).text();
    const [first, ...later] = pipe.transport.requests;
    expect(later).toHaveLength(2);
    for (const request of later) {
      expect(request.body).toBe(first?.body);
      expect(request.headers).toEqual(first?.headers);
    }
  });

  test('is made at most maxRetries times again', async () => {
    await using pipe = retrying([bad(500), bad(500), good()], { maxRetries: 1 });
    expect((await afterAllWaits(pipe, pipe.post())).status).toBe(500);
    expect(pipe.transport.requests).toHaveLength(2);
  });

  test.each<[ErrorCode, number]>([
    ['connect_failed', 3],
    ['connect_timeout', 3],
    ['connection_lost', 3],
    ['bad_answer', 3],
    ['first_event_timeout', 3],
    ['tls_failed', 1],
    ['answer_too_large', 1],
    ['total_timeout', 1],
    ['content_blocked', 1],
    ['quota_exceeded', 1],
    ['rate_limited', 1],
    ['circuit_open', 1],
    ['plugin_failed', 1],
  ])('with %s makes %i attempts', async (code, attempts) => {
    await using pipe = retrying(Array.from({ length: 4 }, () => new PipelineError(code)));
    await afterAllWaits(pipe, pipe.post());
    expect(pipe.transport.requests).toHaveLength(attempts);
  });
});

describe('the last answer', () => {
  test('comes back whole, and tells an SDK outside not to try again', async () => {
    await using pipe = retrying([
      bad(529),
      bad(529),
      bad(529, { 'request-id': 'req_1', 'retry-after': '1' }),
    ]);
    const response = await afterAllWaits(pipe, pipe.post());
    expect(response.status).toBe(529);
    expect(await response.text()).toBe(errorBody(DIALECT, 529));
    expect(Object.fromEntries(response.headers)).toEqual({
      ...JSON_TYPE,
      'request-id': 'req_1',
      'retry-after': '1',
      'x-should-retry': 'false',
    });
    expect(pipe.outcomes).toMatchObject([{ kind: 'upstream-error', status: 529, attempts: 3 }]);
  });

  test('says the same when there was none', async () => {
    await using pipe = retrying([RESET, RESET, RESET]);
    const response = await afterAllWaits(pipe, pipe.post());
    expect(response.status).toBe(502);
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(pipe.outcomes).toMatchObject([{ attempts: 3, cause: { code: 'connection_lost', cause: RESET } }]);
  });

  test('keeps the headers of a refusal from further in', async () => {
    const headers = { ratelimit: '"rpm";r=0;t=60' };
    const limit = definePlugin({
      name: 'limit',
      create: () => ({
        handle: (request, next, ctx) => {
          if (ctx.attempts > 1) throw new PipelineError('rate_limited', { headers });
          return next(request);
        },
      }),
    });
    await using pipe = testPipeline({ answers: [bad(500), bad(500)], plugins: [retry(), limit()] });
    const response = await afterAllWaits(pipe, pipe.post());
    expect(response.status).toBe(429);
    expect(response.headers.get('ratelimit')).toBe(headers.ratelimit);
    expect(response.headers.get('x-should-retry')).toBe('false');
  });

  test('leaves it to the caller to come back after a refusal from further in', async () => {
    const open = new PipelineError('circuit_open', { retryAfterMs: 2_000, plugin: 'circuit-breaker' });
    await using pipe = retrying([open]);
    const response = await pipe.post();
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('2');
    expect(response.headers.has('x-should-retry')).toBe(false);
    expect(pipe.outcomes).toMatchObject([{ kind: 'refused', cause: open }]);
  });
});

describe('the wait', () => {
  test('is never shorter than the upstream asked for, and a tenth longer at most', async () => {
    await using pipe = retrying([bad(429, { 'retry-after': '20' }), good()]);
    const pending = pipe.post();
    await pipe.clock.advance(19_999);
    expect(pipe.transport.requests).toHaveLength(1);
    await pipe.clock.advance(2_001);
    expect(pipe.transport.requests).toHaveLength(2);
    await (await pending).text();
  });

  test.each([
    ['retry-after', 'Thu, 01 Jan 2026 00:00:10 GMT'],
    ['retry-after-ms', '10000'],
  ])('understands %s: %s', async (name, value) => {
    await using pipe = retrying([bad(529, { [name]: value }), good()]);
    expect(new Date(pipe.clock.wallTime()).toUTCString()).toBe('Thu, 01 Jan 2026 00:00:00 GMT');
    const pending = pipe.post();
    await pipe.clock.advance(9_999);
    expect(pipe.transport.requests).toHaveLength(1);
    await (await afterAllWaits(pipe, pending)).text();
    expect(pipe.transport.requests).toHaveLength(2);
  });

  test('is not begun when the upstream asks for more than maxDelayMs', async () => {
    await using pipe = retrying([bad(429, { 'retry-after': '31' })]);
    const response = await pipe.post();
    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toBe('31');
    expect(response.headers.get('x-should-retry')).toBe('false');
  });

  test('is not begun when it would outlast the deadline', async () => {
    await using pipe = retrying([bad(529, { 'retry-after': '5' })], {}, { timeouts: { totalMs: 5_000 } });
    expect((await pipe.post()).status).toBe(529);
    expect(pipe.transport.requests).toHaveLength(1);
  });

  test('ends at once when the caller leaves, and leaves no timer', async () => {
    await using pipe = retrying([bad(529, { 'retry-after': '20' })]);
    const caller = new AbortController();
    const pending = pipe.post({}, { signal: caller.signal });
    await pipe.clock.advance(1_000);
    // The wait and the call's deadline.
    expect(pipe.clock.pendingTimers).toBe(2);

    const reason = new Error('gone');
    let settled = false;
    void pending.catch(() => (settled = true));
    caller.abort(reason);
    // Not even a turn of the event loop: a chain of promises, and no time.
    for (let turn = 0; turn < 30 && !settled; turn++) await Promise.resolve();
    expect(settled).toBe(true);
    await expect(pending).rejects.toBe(reason);
    expect(pipe.clock.now()).toBe(1_000);
    expect(pipe.clock.pendingTimers).toBe(0);
    await pipe.clock.advance(60_000);
    expect(pipe.transport.requests).toHaveLength(1);
    expect(pipe.outcomes).toMatchObject([{ kind: 'client-abort', status: 499, attempts: 1 }]);
  });

  test('ends at the shutdown, and the caller may try elsewhere', async () => {
    await using pipe = retrying([bad(529, { 'retry-after': '20' })]);
    const pending = pipe.post();
    await pipe.clock.advance(1_000);
    const closing = pipe.pipeline.close(100);
    await pipe.clock.advance(100);
    const response = await pending;
    expect(response.status).toBe(503);
    expect(response.headers.has('x-should-retry')).toBe(false);
    expect(pipe.outcomes).toMatchObject([{ kind: 'shutdown' }]);
    await closing;
    expect(pipe.clock.pendingTimers).toBe(0);
  });
});

describe('a caller that left', () => {
  test('is not the reason for another attempt', async () => {
    const caller = new AbortController();
    const leaving: ScriptedAnswer = () => {
      caller.abort();
      return RESET;
    };
    await using pipe = retrying([leaving, good()]);
    await expect(pipe.post({}, { signal: caller.signal })).rejects.toThrow('aborted');
    await pipe.clock.advance(60_000);
    expect(pipe.transport.requests).toHaveLength(1);
  });
});

describe('an answer that waiting does not change', () => {
  test.each(['enforced_spend_limit_reached', 'contract_spend_limit_reached'])(
    '(429 with %s) is handed on',
    async (code) => {
      await using pipe = retrying([bad(429, {}, code)]);
      const response = await pipe.post();
      expect(await response.text()).toBe(errorBody(DIALECT, 429, { code }));
      expect(response.headers.get('x-should-retry')).toBe('false');
    },
  );

  test('(429 with insufficient_quota, in the words of OpenAI) is handed on', async () => {
    const body = errorBody('openai-chat', 429, { code: 'insufficient_quota' });
    const spent = new Response(body, { status: 429, headers: JSON_TYPE });
    await using pipe = retrying([spent], {}, { dialect: 'openai-chat' });
    expect(await (await pipe.post()).text()).toBe(body);
  });

  test('(the upstream itself says so) is handed on', async () => {
    await using pipe = retrying([bad(529, { 'x-should-retry': 'false' })]);
    expect((await pipe.post()).status).toBe(529);
  });
});

describe('a request that is no completion', () => {
  const send = (pipe: TestPipeline, method: string, path: string): Promise<Response> =>
    pipe.pipeline.fetch(`https://caller.test${path}`, {
      method,
      ...(method === 'POST' ? { body: '{}' } : {}),
    });

  test('and creates something is not sent again when it was perhaps carried out', async () => {
    await using pipe = retrying([bad(500), RESET]);
    const answered = await send(pipe, 'POST', '/v1/messages/batches');
    expect(answered.status).toBe(500);
    // Whether to risk it is for the caller to decide.
    expect(answered.headers.has('x-should-retry')).toBe(false);
    const lost = await send(pipe, 'POST', '/v1/files');
    expect(lost.status).toBe(502);
    expect(lost.headers.has('x-should-retry')).toBe(false);
    expect(pipe.transport.requests).toHaveLength(2);
  });

  test('and creates something is sent again when it certainly was not', async () => {
    await using pipe = retrying([new PipelineError('connect_failed'), bad(429), good()]);
    expect((await afterAllWaits(pipe, send(pipe, 'POST', '/v1/messages/batches'))).status).toBe(200);
  });

  test.each(['GET', 'DELETE'])('and may happen twice (%s) is sent again', async (method) => {
    await using pipe = retrying([bad(500), RESET, good()]);
    expect((await afterAllWaits(pipe, send(pipe, method, '/v1/files/file_1'))).status).toBe(200);
  });
});

describe('the budget', () => {
  test('bounds what an outage multiplies the load by', async () => {
    const calls = 500;
    await using pipe = retrying(Array.from({ length: calls * 3 }, () => () => bad(500)));
    const statuses = Array.from({ length: calls }, async () => (await pipe.post()).status);
    for (let second = 0; second < 10; second++) await pipe.clock.advance(1_000);
    expect(new Set(await Promise.all(statuses))).toEqual(new Set([500]));
    expect(pipe.transport.requests.length).toBeLessThanOrEqual(calls * 1.2 + 1);
    expect(pipe.transport.requests.length).toBeGreaterThan(calls * 1.1);
  });

  test('that is used up lets the real answer through, and no SDK tries again', async () => {
    await using pipe = retrying([bad(503)], { budgetReserve: 0, budgetRatio: 0 });
    const response = await pipe.post();
    expect(await response.text()).toBe(errorBody(DIALECT, 503));
    expect(response.headers.get('x-should-retry')).toBe('false');
  });
});
