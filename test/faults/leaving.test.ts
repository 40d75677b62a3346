import { CLOCK, provide } from '@sluice/core';
import { type BehaviourTable, rawConnection, rawRequest } from '@sluice/core/testing';
import { retry } from '@sluice/retry';
import { describe, expect, it } from 'vitest';
import { ABORT_MS, abortDelay } from '../support/abort-delay.ts';
import { countedClock } from '../support/counted-clock.ts';
import { type Fetch, FETCH, MOUNTS } from '../support/mounts.ts';
import { type Stage, stageFor } from '../support/stage.ts';
import { thrownBy } from '../support/thrown-by.ts';

const NODE = MOUNTS.find(({ name }) => name === 'node:http') ?? expect.fail('no mount for node:http');
const BODY = { model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'Hello' }] };
const STREAM = { ...BODY, stream: true };

const post = (body: object, signal: AbortSignal): Parameters<Fetch>[1] => ({
  method: 'POST',
  body: JSON.stringify(body),
  signal,
});

/** Where a call can be when its client leaves. */
const PLACES: readonly {
  readonly name: string;
  readonly body: object;
  readonly stall: BehaviourTable['stall'];
  /** Whether the client has got a head by then. */
  readonly answered: boolean;
}[] = [
  { name: 'while it waits for a stream', body: STREAM, stall: { at: 'before-headers' }, answered: false },
  { name: 'while it waits for an answer', body: BODY, stall: { at: 'before-headers' }, answered: false },
  {
    name: 'between the head and the first event',
    body: STREAM,
    stall: { at: 'after-headers' },
    answered: true,
  },
  { name: 'in the preamble', body: STREAM, stall: { afterEvents: 1 }, answered: true },
  { name: 'in the middle of a stream', body: STREAM, stall: { afterEvents: 5 }, answered: true },
  { name: 'in the middle of an answer', body: BODY, stall: { afterEvents: 2 }, answered: false },
];

describe.each([FETCH, NODE])('a client of $name that leaves', (mount) => {
  it.each(PLACES)('$name closes the upstream at once', async ({ body, stall, answered }) => {
    const clock = countedClock();
    await using stage = await stageFor(mount, { pipeline: { services: [provide(CLOCK, () => clock)] } });
    const delay = await abortDelay(async () => {
      stage.upstream.reply({ kind: 'stall', ...stall });
      const asked = stage.upstream.request();
      const controller = new AbortController();
      const answer = stage.fetch(`${stage.baseUrl}/v1/messages`, post(body, controller.signal));
      // Read on behalf of a client that reads until it leaves.
      const also = answer.then(async (response) => response.arrayBuffer()).catch(() => undefined);
      const request = await asked;
      if (answered) await answer;
      return { request, leave: () => controller.abort(), also };
    });
    expect(delay).toBeLessThan(ABORT_MS);
    const outcome = await stage.outcome(1);
    expect(outcome).toMatchObject({ kind: 'client-abort', status: answered ? 200 : 499, attempts: 1 });
    expect(stage.outcomes).toHaveLength(stage.upstream.requests.length);
    expect(clock.pendingTimers).toBe(0);
    await stage.pipeline.drain();
  });

  it('while retry waits ends the wait', async () => {
    const clock = countedClock();
    const plugins = [retry({ baseDelayMs: 60_000, maxDelayMs: 60_000 })];
    await using stage = await stageFor(mount, {
      pipeline: { plugins, services: [provide(CLOCK, () => clock)] },
    });
    stage.upstream.reply({ kind: 'status', status: 500 });
    const controller = new AbortController();
    const answer = stage.fetch(`${stage.baseUrl}/v1/messages`, post(BODY, controller.signal));
    const gone = thrownBy(answer);
    await expect.poll(() => stage.upstream.requests[0]?.status).toBe(500);
    controller.abort();
    await gone;
    expect(await stage.outcome(1)).toMatchObject({ kind: 'client-abort', attempts: 1 });
    expect(clock.pendingTimers).toBe(0);
    expect(stage.upstream.requests).toHaveLength(1);
  });

  it('after the last event has missed nothing', async () => {
    await using stage = await stageFor(mount);
    const controller = new AbortController();
    const response = await stage.fetch(`${stage.baseUrl}/v1/messages`, post(STREAM, controller.signal));
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      if (text.includes('message_stop')) break;
    }
    controller.abort();
    expect(await stage.outcome(1)).toMatchObject({ kind: 'completed', status: 200 });
  });
});

it('a client that leaves in the middle of its own request asks nothing of the upstream', async () => {
  await using stage = await stageFor(NODE);
  const client = await rawConnection(stage.baseUrl);
  client.send(rawRequest({ headers: { 'content-length': '1000' } }));
  client.close();
  await client.ended;
  expect(
    (await stage.fetch(`${stage.baseUrl}/v1/messages`, post(BODY, new AbortController().signal))).status,
  ).toBe(200);
  expect(stage.upstream.requests).toHaveLength(1);
  expect(stage.outcomes).toHaveLength(1);
});

describe.each([FETCH, NODE])('a pipeline behind $name that shuts down', (mount) => {
  const stream = async (stage: Stage): Promise<Response> => {
    stage.upstream.reply({ kind: 'stall', afterEvents: 5 });
    return stage.fetch(`${stage.baseUrl}/v1/messages`, post(STREAM, new AbortController().signal));
  };

  it('lets a stream end', async () => {
    await using stage = await stageFor(mount);
    stage.upstream.reply({ kind: 'pings-only', count: 20, intervalMs: 2 });
    const response = await stage.fetch(
      `${stage.baseUrl}/v1/messages`,
      post(STREAM, new AbortController().signal),
    );
    const drained = stage.pipeline.drain();
    expect(await response.text()).toContain('message_stop');
    await drained;
    expect(stage.outcomes).toMatchObject([{ kind: 'completed' }]);
  });

  it('ends streams that take too long by an error event', async () => {
    await using stage = await stageFor(mount);
    const responses = await Promise.all([stream(stage), stream(stage), stream(stage)]);
    const texts = Promise.all(responses.map(async (response) => response.text()));
    await stage.pipeline.drain(20);
    for (const text of await texts)
      expect(text).toMatch(/\n\nevent: error\ndata: \{"type":"error",.*\}\n\n$/);
    expect(stage.outcomes.map(({ kind }) => kind)).toEqual(['shutdown', 'shutdown', 'shutdown']);
    for (const request of stage.upstream.requests) expect(await request.closed).toBe('aborted');
  });

  it('refuses new calls, which may be tried again elsewhere', async () => {
    await using stage = await stageFor(mount);
    await stage.pipeline.drain();
    const response = await stage.fetch(
      `${stage.baseUrl}/v1/messages`,
      post(BODY, new AbortController().signal),
    );
    expect(response.status).toBe(503);
    expect(response.headers.has('x-should-retry')).toBe(false);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(stage.upstream.requests).toHaveLength(0);
  });
});
