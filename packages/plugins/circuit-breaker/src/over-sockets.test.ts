import { CLOCK, createPipeline, type Pipeline, provide, RANDOM } from '@sluice/core';
import { type Behaviour, fakeUpstream } from '@sluice/core/testing';
import { expect, test } from 'vitest';
import { circuitBreaker, CIRCUITS, type Circuits, memoryCircuits } from './index.ts';

/** Real sockets and real time. Opens at once, for longer than the test takes. */
function pipelineTo(upstream: string): { readonly pipeline: Pipeline; readonly circuits: Circuits } {
  let circuits: Circuits | undefined;
  const pipeline = createPipeline({
    upstream,
    plugins: [circuitBreaker({ consecutiveFailures: 2, openMs: 120_000 })],
    services: [
      provide(CIRCUITS, (needs) => (circuits = memoryCircuits(needs)), { clock: CLOCK, random: RANDOM }),
    ],
    timeouts: { connectMs: 200, firstEventMs: 100, idleMs: 100 },
  });
  if (circuits === undefined) throw new Error('the plugin did not ask for its circuits');
  return { pipeline, circuits };
}

async function call(pipeline: Pipeline, url: string, stream: boolean): Promise<number> {
  const response = await pipeline.fetch(`${url}/v1/messages`, {
    method: 'POST',
    body: JSON.stringify({
      model: 'any',
      max_tokens: 64,
      stream,
      messages: [{ role: 'user', content: 'Hi' }],
    }),
  });
  await response.text().catch(() => undefined);
  return response.status;
}

const both = [false, true];
const streamed = [true];

test.each<[fault: string, behaviour: Behaviour, modes: readonly boolean[]]>([
  ['F-07 a reset before the headers', { kind: 'reset-before-headers' }, both],
  ['F-08 no headers', { kind: 'stall', at: 'before-headers' }, streamed],
  ['F-10 a reset after the headers', { kind: 'reset-after-headers' }, both],
  ['F-11 a reset in the middle', { kind: 'reset-mid-stream', afterEvents: 4 }, streamed],
  ['F-12 an end in the middle', { kind: 'cut-mid-stream', afterEvents: 4 }, streamed],
  ['F-12 a JSON answer that ends in the middle', { kind: 'truncate' }, [false]],
  ['F-13 silence in the middle', { kind: 'stall', at: 'mid-stream' }, streamed],
  ['F-13 pings only', { kind: 'pings-only' }, streamed],
  ['F-15 a corrupt coding', { kind: 'compressed', encoding: 'gzip', flaw: 'corrupt' }, both],
  ['F-18 an error event first', { kind: 'error-event', status: 529 }, streamed],
  ['F-19 an error event in the middle', { kind: 'error-event', status: 529, afterEvents: 5 }, streamed],
  ['F-20 a page of HTML', { kind: 'html' }, both],
  ['F-22 status 529', { kind: 'status', status: 529 }, both],
  ['F-22 status 503', { kind: 'status', status: 503 }, both],
])('%s opens the circuit', async (_, behaviour, modes) => {
  for (const stream of modes) {
    await using upstream = await fakeUpstream();
    upstream.script(() => behaviour);
    const { pipeline, circuits } = pipelineTo(upstream.url);
    await using _closing = pipeline;
    await call(pipeline, upstream.url, stream);
    expect(circuits.list()).toMatchObject([{ state: 'closed', counts: { failed: 1 } }]);
    await call(pipeline, upstream.url, stream);
    expect(circuits.list()).toMatchObject([{ state: 'open', reason: 'consecutive-failures' }]);
    expect(await call(pipeline, upstream.url, stream)).toBe(503);
    expect(upstream.requests).toHaveLength(2);
  }
});

test.each<[fault: string, behaviour: Behaviour | undefined, completed: number]>([
  ['an answer', undefined, 4],
  ['F-21 429 with a wait', { kind: 'status', status: 429, retryAfter: '3600' }, 0],
  ['F-21 429 with garbage for a wait', { kind: 'status', status: 429, retryAfter: 'soon' }, 0],
  ['F-23 401', { kind: 'status', status: 401 }, 0],
  ['F-23 403', { kind: 'status', status: 403 }, 0],
  ['F-24 413', { kind: 'status', status: 413 }, 4],
  ['F-24 400', { kind: 'status', status: 400 }, 4],
])('%s does not', async (_, behaviour, completed) => {
  await using upstream = await fakeUpstream();
  upstream.script(() => behaviour);
  const { pipeline, circuits } = pipelineTo(upstream.url);
  await using _closing = pipeline;
  for (const stream of [false, true, false, true]) await call(pipeline, upstream.url, stream);
  expect(circuits.list()).toMatchObject([{ state: 'closed', counts: { completed, failed: 0 } }]);
});

test('F-01 an upstream that is not there opens the circuit', async () => {
  const upstream = await fakeUpstream();
  await upstream.close();
  const { pipeline, circuits } = pipelineTo(upstream.url);
  await using _closing = pipeline;
  for (let i = 0; i < 2; i++) expect(await call(pipeline, upstream.url, false)).toBe(502);
  expect(circuits.list()).toMatchObject([{ endpoint: upstream.url, family: 'any', state: 'open' }]);
});
