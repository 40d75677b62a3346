import {
  createPipeline,
  type Outcome,
  type Pipeline,
  type PipelineOptions,
  definePlugin,
} from '@sluice/core';
import { type Behaviour, fakeUpstream, testPipeline } from '@sluice/core/testing';
import { expect, test } from 'vitest';
import { retry } from './retry.ts';

/** Real sockets, real time, and no wait that takes any. */
function pipelineTo(
  upstream: string,
  outcomes: Outcome[],
  transport: PipelineOptions['transport'] = {},
): Pipeline {
  const recorder = definePlugin({
    name: 'recorder',
    create: () => ({
      handle: (request, next, ctx) => {
        ctx.onComplete((outcome) => void outcomes.push(outcome));
        return next(request);
      },
    }),
  });
  const noWaits = { baseDelayMs: 0, throttledDelayMs: 0, budgetReserve: 1_000 };
  return createPipeline({ upstream, plugins: [recorder(), retry(noWaits)], transport });
}

function body(stream: boolean): string {
  return JSON.stringify({
    model: 'any',
    max_tokens: 64,
    stream,
    messages: [{ role: 'user', content: 'Hi' }],
  });
}

test.each<[what: string, requests: number, status: number, behaviour: Behaviour | undefined]>([
  ['an answer', 1, 200, undefined],
  ['400', 1, 400, { kind: 'status', status: 400 }],
  ['401', 1, 401, { kind: 'status', status: 401 }],
  ['402', 1, 402, { kind: 'status', status: 402 }],
  ['403', 1, 403, { kind: 'status', status: 403 }],
  ['404', 1, 404, { kind: 'status', status: 404 }],
  ['408', 3, 408, { kind: 'status', status: 408 }],
  ['409', 3, 409, { kind: 'status', status: 409 }],
  ['413', 1, 413, { kind: 'status', status: 413 }],
  ['422', 1, 422, { kind: 'status', status: 422 }],
  ['429', 3, 429, { kind: 'status', status: 429, retryAfterMs: '0' }],
  ['429 that is a spend cap', 1, 429, { kind: 'status', status: 429, code: 'enforced_spend_limit_reached' }],
  ['429 that asks for an hour', 1, 429, { kind: 'status', status: 429, retryAfter: '3600' }],
  ['429 for no time', 3, 429, { kind: 'status', status: 429, retryAfter: '0' }],
  [
    '429 until a time that has passed',
    3,
    429,
    { kind: 'status', status: 429, retryAfter: 'Wed, 21 Oct 2015 07:28:00 GMT' },
  ],
  ['529 for what is no time', 3, 529, { kind: 'status', status: 529, retryAfter: 'soon' }],
  ['500', 3, 500, { kind: 'status', status: 500 }],
  ['501', 1, 501, { kind: 'status', status: 501 }],
  ['502', 3, 502, { kind: 'status', status: 502 }],
  ['502 with a page of HTML', 3, 502, { kind: 'html', status: 502 }],
  ['503', 3, 503, { kind: 'status', status: 503 }],
  ['504', 3, 504, { kind: 'status', status: 504 }],
  ['529', 3, 529, { kind: 'status', status: 529 }],
  ['529 that says not to', 1, 529, { kind: 'status', status: 529, shouldRetry: 'false' }],
  ['a page of HTML that says 200', 3, 502, { kind: 'html' }],
  ['a redirect', 1, 502, { kind: 'redirect' }],
  ['a reset before the headers', 3, 502, { kind: 'reset-before-headers' }],
  ['an end before the headers', 3, 502, { kind: 'close-before-headers' }],
  ['bytes that are no HTTP', 3, 502, { kind: 'bad-framing', flaw: 'not-http' }],
])('%s costs %i requests and gives the caller %i', async (_, requests, status, behaviour) => {
  await using upstream = await fakeUpstream();
  const outcomes: Outcome[] = [];
  await using pipeline = pipelineTo(upstream.url, outcomes);
  for (const stream of [false, true]) {
    upstream.reset();
    upstream.script(() => behaviour);
    const response = await pipeline.fetch(`${upstream.url}/v1/messages`, {
      method: 'POST',
      body: body(stream),
    });
    await response.text();
    expect(response.status).toBe(status);
    expect(response.headers.get('x-should-retry')).toBe(status > 399 ? 'false' : null);
    expect(upstream.requests).toHaveLength(requests);
    expect(outcomes.splice(0)).toMatchObject([{ status, attempts: requests }]);
    const [first] = upstream.requests;
    for (const request of upstream.requests) expect(request.body).toEqual(first?.body);
  }
});

test.each<[what: string, requests: number, status: number, behaviour: Behaviour]>([
  ['529 as its first event', 3, 529, { kind: 'error-event', status: 529 }],
  ['529 after the preamble', 3, 529, { kind: 'error-event', status: 529, afterEvents: 1 }],
  ['400 as its first event', 1, 400, { kind: 'error-event', status: 400 }],
  ['529 after content', 1, 200, { kind: 'error-event', status: 529, afterEvents: 5 }],
  ['a reset after the headers', 3, 502, { kind: 'reset-after-headers' }],
  ['a reset after the preamble', 3, 502, { kind: 'reset-mid-stream', afterEvents: 1 }],
  ['a reset after content', 1, 200, { kind: 'reset-mid-stream', afterEvents: 5 }],
  ['an end after the preamble', 3, 502, { kind: 'cut-mid-stream', afterEvents: 1 }],
  ['an end after content', 1, 200, { kind: 'cut-mid-stream', afterEvents: 5 }],
])('a stream with %s costs %i requests and gives the caller %i', async (_, requests, status, behaviour) => {
  await using upstream = await fakeUpstream();
  upstream.script(() => behaviour);
  const outcomes: Outcome[] = [];
  await using pipeline = pipelineTo(upstream.url, outcomes);
  const response = await pipeline.fetch(`${upstream.url}/v1/messages`, { method: 'POST', body: body(true) });
  await response.text();
  expect(response.status).toBe(status);
  expect(upstream.requests).toHaveLength(requests);
  expect(outcomes).toMatchObject([{ kind: 'upstream-error', status, attempts: requests }]);
});

test.each<[what: string, requests: number, status: number, behaviour: Behaviour]>([
  ['is cut', 3, 502, { kind: 'truncate', framing: 'content-length' }],
  ['is cut in a chunk', 3, 502, { kind: 'truncate', framing: 'mid-chunk' }],
  ['is cut and reset', 3, 502, { kind: 'truncate', framing: 'mid-chunk', ending: 'rst' }],
  ['ends in its middle as if it were whole', 3, 502, { kind: 'truncate', framing: 'close-delimited' }],
  ['is reset after its headers', 3, 502, { kind: 'reset-after-headers' }],
])(
  'a whole answer that %s costs %i requests and gives the caller %i',
  async (_, requests, status, behaviour) => {
    await using upstream = await fakeUpstream();
    const outcomes: Outcome[] = [];
    await using pipeline = pipelineTo(upstream.url, outcomes);
    const call = async (): Promise<Response> =>
      pipeline.fetch(`${upstream.url}/v1/messages`, { method: 'POST', body: body(false) });

    upstream.script(() => behaviour);
    const response = await call();
    expect(await response.json()).toMatchObject({ type: 'error' });
    expect(response.status).toBe(status);
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(outcomes).toMatchObject([{ attempts: requests, cause: { code: 'connection_lost' } }]);

    upstream.reset();
    upstream.reply(behaviour);
    expect(await (await call()).json()).toMatchObject({ role: 'assistant' });
    expect(upstream.requests).toHaveLength(2);
  },
);

test.each<[string, Behaviour]>([
  ['after its headers', { kind: 'stall', at: 'after-headers' }],
  ['after its preamble', { kind: 'stall', at: 'mid-stream', afterEvents: 1 }],
  ['before its headers', { kind: 'stall', at: 'before-headers' }],
  ['but for pings', { kind: 'pings-only', afterEvents: 1, intervalMs: 1 }],
])('with default options, a stream that is silent %s is tried again', async (_, behaviour) => {
  await using upstream = await fakeUpstream();
  upstream.reply(behaviour);
  await using pipe = testPipeline({ upstream: upstream.url, sockets: true, plugins: [retry()] });
  const pending = pipe.post({ stream: true });
  await upstream.request(1);
  for (let second = 0; upstream.requests.length < 2 && second < 600; second++) await pipe.clock.advance(500);
  const response = await pending;
  expect(response.status).toBe(200);
  expect(await response.text()).toMatch(/message_stop/);
  expect(pipe.outcomes).toMatchObject([{ kind: 'completed', attempts: 2 }]);
  expect(pipe.outcomes[0]?.history[0]).toMatchObject({ error: { code: 'first_event_timeout' } });
  expect(pipe.clock.pendingTimers).toBe(0);
});

test('an upstream that is not there costs three attempts', async () => {
  const upstream = await fakeUpstream();
  await upstream.close();
  const outcomes: Outcome[] = [];
  await using pipeline = pipelineTo(upstream.url, outcomes);
  const response = await pipeline.fetch(`${upstream.url}/v1/messages`, { method: 'POST', body: body(false) });
  expect(await response.json()).toMatchObject({ type: 'error' });
  expect(outcomes).toMatchObject([{ attempts: 3, cause: { code: 'connect_failed' } }]);
});

test('discarded answers give the only connection back', async () => {
  await using upstream = await fakeUpstream();
  upstream.reply(
    { kind: 'status', status: 429, retryAfterMs: '0' },
    // Larger than what is worth reading off.
    { kind: 'status', status: 503, body: JSON.stringify({ padding: 'x'.repeat(4 << 20) }) },
  );
  await using pipeline = pipelineTo(upstream.url, [], { connections: 1 });
  const response = await pipeline.fetch(`${upstream.url}/v1/messages`, { method: 'POST', body: body(false) });
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ role: 'assistant' });
  expect(upstream.requests.map(({ connection }) => connection)).toEqual([1, 1, 2]);
});
