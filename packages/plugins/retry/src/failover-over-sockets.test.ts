import { ALTERNATIVES, createPipeline, definePlugin, type Outcome, type Pipeline } from '@sluice/core';
import { type Behaviour, fakeUpstream } from '@sluice/core/testing';
import { expect, test } from 'vitest';
import { retry } from './retry.ts';

/** Two endpoints; the second for whoever must not go to the first. */
function pipelineTo(first: string, second: string, outcomes: Outcome[]): Pipeline {
  const routing = definePlugin({
    name: 'region-routing',
    create: () => ({
      handle(request, next, ctx) {
        const isSecond = request.otherThan?.includes('first') === true;
        ctx.onComplete((outcome) => void outcomes.push(outcome));
        ctx.state.set(ALTERNATIVES, isSecond ? 0 : 1);
        const { pathname } = new URL(request.url);
        const url = `${isSecond ? second : first}${pathname}`;
        return next({ ...request, url, endpoint: { id: isSecond ? 'second' : 'first' } });
      },
    }),
  });
  return createPipeline({
    upstream: first,
    plugins: [retry(), routing()],
    timeouts: { firstEventMs: 700, connectMs: 5_000, totalMs: 60_000 },
  });
}

const ask = (pipeline: Pipeline, stream: boolean): Promise<Response> =>
  pipeline.fetch('https://caller.test/v1/messages', {
    method: 'POST',
    body: JSON.stringify({
      model: 'any',
      max_tokens: 64,
      stream,
      messages: [{ role: 'user', content: 'Hi' }],
    }),
  });

const EITHER: readonly (readonly [string, Behaviour])[] = [
  ['500', { kind: 'status', status: 500 }],
  ['503 for an hour', { kind: 'status', status: 503, retryAfter: '3600' }],
  ['529', { kind: 'status', status: 529 }],
  ['429 for an hour', { kind: 'status', status: 429, retryAfter: '3600' }],
  ['429 that is a spend cap', { kind: 'status', status: 429, code: 'enforced_spend_limit_reached' }],
  ['401', { kind: 'status', status: 401 }],
  ['402', { kind: 'status', status: 402 }],
  ['a reset', { kind: 'reset-before-headers' }],
  ['an end', { kind: 'close-before-headers' }],
  ['a page of HTML', { kind: 'html' }],
  ['a reset after its headers', { kind: 'reset-after-headers' }],
];
const STREAMED: readonly (readonly [string, Behaviour])[] = [
  ['silence before its headers', { kind: 'stall' }],
  ['silence after its headers', { kind: 'stall', at: 'after-headers' }],
  ['pings only', { kind: 'pings-only' }],
  ['an error event at its start', { kind: 'error-event' }],
  ['an error event after its preamble', { kind: 'error-event', afterEvents: 1 }],
  ['a cut after its preamble', { kind: 'cut-mid-stream', afterEvents: 1 }],
];
const WHOLE: readonly (readonly [string, Behaviour])[] = [
  ['a cut', { kind: 'truncate', framing: 'content-length' }],
  ['a reset in its middle', { kind: 'truncate', framing: 'mid-chunk', ending: 'rst' }],
];
const CASES = [
  ...EITHER.flatMap((one) => [[...one, true] as const, [...one, false] as const]),
  ...STREAMED.map((one) => [...one, true] as const),
  ...WHOLE.map((one) => [...one, false] as const),
];

test.each(CASES)('%s of one endpoint is an answer of the other', async (_, behaviour, stream) => {
  await using first = await fakeUpstream();
  await using second = await fakeUpstream();
  first.script(() => behaviour);
  const outcomes: Outcome[] = [];
  await using pipeline = pipelineTo(first.url, second.url, outcomes);
  const response = await ask(pipeline, stream);
  expect(response.status).toBe(200);
  expect(await response.text()).toContain(stream ? 'message_stop' : '"assistant"');
  expect([first.requests.length, second.requests.length]).toEqual([1, 1]);
  expect(second.requests[0]?.body).toEqual(first.requests[0]?.body);
  expect(outcomes[0]).toMatchObject({ kind: 'completed', attempts: 2 });
});

test.each([true, false])('an endpoint that is not there is passed over (streamed: %s)', async (stream) => {
  const gone = await fakeUpstream();
  await gone.close();
  await using second = await fakeUpstream();
  const outcomes: Outcome[] = [];
  await using pipeline = pipelineTo(gone.url, second.url, outcomes);
  const response = await ask(pipeline, stream);
  expect(response.status).toBe(200);
  await response.text();
  expect(second.requests).toHaveLength(1);
});

test.each<[string, Behaviour, number]>([
  ['403', { kind: 'status', status: 403 }, 403],
  ['400', { kind: 'status', status: 400 }, 400],
  ['413', { kind: 'status', status: 413 }, 413],
])('%s is told to nobody but the caller', async (_, behaviour, status) => {
  await using first = await fakeUpstream();
  await using second = await fakeUpstream();
  first.script(() => behaviour);
  await using pipeline = pipelineTo(first.url, second.url, []);
  for (const stream of [true, false]) {
    const response = await ask(pipeline, stream);
    expect(response.status).toBe(status);
    await response.text();
  }
  expect([first.requests.length, second.requests.length]).toEqual([2, 0]);
});
