import { getEventListeners } from 'node:events';
import { definePlugin, type Outcome, PipelineError } from '@sluice/core';
import { anthropicMessage, type ScriptedAnswer, streamAnswer } from '@sluice/core/testing';
import { describe, expect, test } from 'vitest';
import { afterAllWaits, bad, good, JSON_TYPE } from './testing/retrying.ts';
import type { Endpoints, Routed } from './testing/routed.ts';
import { ask, EVENTS, HEDGE, later, slow, WARM, warm } from './testing/warm.ts';

const whom = ({ asked }: Routed): string => asked.map(({ id }) => id).join('');
const last = ({ outcomes }: Routed): Outcome => outcomes.at(-1) as Outcome;

describe('a call that takes longer than most', () => {
  test('is sent to another endpoint as well, and the first content wins', async () => {
    await using pipe = await warm((self) => ({ a: [slow(self, 60_000)], b: [slow(self, 10)] }));
    const startedAt = pipe.clock.now();
    const pending = pipe.post({ stream: true });
    await pipe.clock.advance(99);
    expect(whom(pipe)).toBe('a');
    await pipe.clock.advance(1);
    expect(whom(pipe)).toBe('ab');
    expect(pipe.transport.requests.at(-1)?.otherThan).toEqual(['a']);
    await pipe.clock.advance(10);
    const response = await pending;
    expect(pipe.clock.now() - startedAt).toBe(110);

    // The loser has been given up, without a wait for it.
    const [first, hedge] = pipe.transport.requests.slice(-2).map(({ signal }) => signal);
    expect(first?.reason).toMatchObject({ code: 'superseded' });
    expect(hedge?.aborted).toBe(false);
    expect(await response.text()).toBe(EVENTS.join(''));
    expect(last(pipe)).toMatchObject({ kind: 'completed', attempts: 2 });
    expect(last(pipe).history).toMatchObject([
      { endpoint: { id: 'a' }, disposition: { health: 'ignore' }, error: { code: 'superseded' } },
      { endpoint: { id: 'b' }, disposition: { health: 'success' } },
    ]);
    expect(pipe.clock.pendingTimers).toBe(1); // The upstream's own, in this test.
  });

  test('keeps its first attempt when that is the faster one after all', async () => {
    await using pipe = await warm((self) => ({ a: [slow(self, 150)], b: [slow(self, 60_000)] }));
    expect(await ask(pipe, 150)).toBe(EVENTS.join(''));
    expect(whom(pipe)).toBe('ab');
    expect(last(pipe).history).toMatchObject([
      { disposition: { health: 'success' } },
      { disposition: { health: 'ignore' } },
    ]);
  });

  test('is not retried beside: when both fail, the last failure goes out', async () => {
    await using pipe = await warm((self) => ({
      a: [async () => later(self(), 200, bad(503)), good()],
      b: [async () => later(self(), 300, bad(500, { 'retry-after': '1' })), good()],
    }));
    const pending = pipe.post({ stream: true });
    const response = await afterAllWaits(pipe, pending);
    expect(response.status).toBe(500);
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(response.headers.get('retry-after')).toBe('1');
    expect(whom(pipe)).toBe('ab');
    await response.text();
  });

  test('waits for its hedge when its first attempt fails meanwhile', async () => {
    await using pipe = await warm((self) => ({
      a: [async () => later(self(), 200, bad(503))],
      b: [slow(self, 1_000)],
    }));
    expect(await ask(pipe, 1_100)).toBe(EVENTS.join(''));
    expect(whom(pipe)).toBe('ab');
    expect(last(pipe)).toMatchObject({ kind: 'completed', attempts: 2 });
  });

  test('ends at once with its caller, both attempts of it', async () => {
    await using pipe = await warm((self) => ({ a: [slow(self, 60_000)], b: [slow(self, 60_000)] }));
    const caller = new AbortController();
    const pending = pipe.post({ stream: true }, { signal: caller.signal });
    await pipe.clock.advance(200);
    expect(whom(pipe)).toBe('ab');
    caller.abort();
    await expect(pending).rejects.toThrow('aborted');
    for (const { signal } of pipe.transport.requests.slice(-2)) {
      expect(signal.reason).toMatchObject({ code: 'client_abort' });
    }
    expect(pipe.clock.pendingTimers).toBe(2); // The upstreams' own, in this test.
    expect(last(pipe)).toMatchObject({ kind: 'client-abort', attempts: 2 });
  });

  test('ends with its caller after the hedge has won, too', async () => {
    const stalling: ScriptedAnswer = streamAnswer([
      ...EVENTS.slice(0, 3),
      new Promise<never>(() => undefined),
    ]);
    await using pipe = await warm((self) => ({ a: [slow(self, 60_000)], b: [stalling] }));
    const caller = new AbortController();
    const pending = pipe.post({ stream: true }, { signal: caller.signal });
    await pipe.clock.advance(200);
    const reading = (await pending).text();
    caller.abort();
    await expect(reading).rejects.toThrow();
    expect(pipe.transport.requests.at(-1)?.signal.reason).toMatchObject({ code: 'client_abort' });
  });

  test('need not be a stream', async () => {
    await using pipe = await warm((self) => ({
      a: [
        ...Array.from({ length: 20 }, () => () => later(self(), 3_000, good())),
        () => later(self(), 60_000, good()),
      ],
      b: [good()],
    }));
    for (let call = 0; call < 20; call++) {
      const pending = pipe.post();
      await pipe.clock.advance(3_000);
      await (await pending).text();
    }
    pipe.asked.splice(0);
    const pending = pipe.post();
    // Streams took 100 ms: what is not streamed is a kind of its own.
    await pipe.clock.advance(2_999);
    expect(whom(pipe)).toBe('a');
    await pipe.clock.advance(1);
    expect(await (await pending).text()).toBe(anthropicMessage());
    expect(whom(pipe)).toBe('ab');
  });
});

describe('no hedge is sent', () => {
  const expectNone = async (pipe: Routed, pending: Promise<Response>): Promise<void> => {
    await pipe.clock.advance(5_000);
    expect(whom(pipe)).toBe('a');
    await (await pending).text();
    expect(last(pipe)).toMatchObject({ kind: 'completed', attempts: 1 });
  };

  test('unless it is asked for', async () => {
    await using pipe = await warm((self) => ({ a: [slow(self, 5_000)], b: [slow(self, 1)] }), {});
    await expectNone(pipe, pipe.post({ stream: true }));
  });

  test('before enough is known of the model', async () => {
    await using pipe = await warm((self) => ({ a: [slow(self, 5_000)], b: [slow(self, 1)] }));
    await expectNone(pipe, pipe.post({ stream: true, model: 'another' }));
  });

  test('earlier than minDelayMs', async () => {
    const options = { hedge: { minSamples: 20, minDelayMs: 5_000 } };
    await using pipe = await warm((self) => ({ a: [slow(self, 5_000)], b: [slow(self, 1)] }), options);
    const pending = pipe.post({ stream: true });
    await pipe.clock.advance(4_999);
    expect(whom(pipe)).toBe('a');
    await pipe.clock.advance(2);
    await (await pending).text();
  });

  test('when there is no other endpoint', async () => {
    await using pipe = await warm((self) => ({ a: [slow(self, 5_000)] }));
    await expectNone(pipe, pipe.post({ stream: true }));
  });

  test('when the SDK has used up the retries', async () => {
    await using pipe = await warm((self) => ({ a: [slow(self, 5_000)], b: [slow(self, 1)] }));
    const headers = { 'content-type': 'application/json', 'x-stainless-retry-count': '2' };
    await expectNone(pipe, pipe.post({ stream: true }, { headers }));
  });

  test('when the budget of retries is used up', async () => {
    const options = { ...HEDGE, budgetRatio: 0, budgetReserve: 0 };
    await using pipe = await warm((self) => ({ a: [slow(self, 5_000)], b: [slow(self, 1)] }), options);
    await expectNone(pipe, pipe.post({ stream: true }));
  });

  test('after a throttle: the call goes elsewhere instead', async () => {
    await using pipe = await warm(() => ({ a: [bad(429)], b: [streamAnswer(EVENTS)] }));
    const pending = pipe.post({ stream: true });
    await pipe.clock.advance(50);
    await (await pending).text();
    expect(whom(pipe)).toBe('ab');
    // One after the other.
    expect(last(pipe).history[0]?.durationMs).toBe(0);
    expect(pipe.clock.pendingTimers).toBe(0);
  });

  test('for what is no completion', async () => {
    await using pipe = await warm((self) => ({
      a: [async () => later(self(), 5_000, new Response('{}', { headers: JSON_TYPE }))],
      b: [good()],
    }));
    const pending = pipe.pipeline.fetch('https://caller.test/v1/files', { method: 'POST', body: '{}' });
    await expectNone(pipe, pending);
  });
});

test('a hedge that no endpoint takes is none: the first attempt goes on, and may be retried', async () => {
  const endpoints = (self: () => Routed): Endpoints => ({
    a: [async () => later(self(), 5_000, bad(503)), slow(self, 1)],
    b: [good()],
  });
  await using pipe = await warm(endpoints, HEDGE, { gone: ['b'] });
  const pending = pipe.post({ stream: true });
  expect(await (await afterAllWaits(pipe, pending)).text()).toBe(EVENTS.join(''));
  expect(whom(pipe)).toBe('aa');
});

test('a first attempt that fails is followed at once, and not when its hedge would have been due', async () => {
  await using pipe = await warm((self) => ({ a: [bad(500)], b: [slow(self, 1)] }));
  expect(await ask(pipe, 51)).toBe(EVENTS.join(''));
  expect(whom(pipe)).toBe('ab');
});

test('hedges are at most two in a hundred calls, however slow the endpoint is', async () => {
  const calls = 400;
  await using pipe = await warm((self) => ({ a: [slow(self, 2_000)], b: [slow(self, 1)] }));
  for (let call = 0; call < calls; call++) await ask(pipe, 2_000);
  const hedges = whom(pipe).replaceAll('a', '').length;
  expect(hedges).toBeLessThanOrEqual(1 + (calls + WARM) * 0.02);
  expect(hedges).toBeGreaterThan(3);
});

test('nothing is left of a hedged call', async () => {
  let signal: AbortSignal | undefined;
  let before = 0;
  const witness = definePlugin({
    name: 'witness',
    create: () => ({
      handle(request, next) {
        ({ signal } = request);
        before = getEventListeners(signal, 'abort').length;
        return next(request);
      },
    }),
  });
  await using pipe = await warm(
    () => ({ a: [() => new Promise<never>(() => undefined)], b: [streamAnswer(EVENTS)] }),
    HEDGE,
    { outside: [witness()] },
  );
  const text = await ask(pipe, 100);
  expect(text).toBe(EVENTS.join(''));
  expect(whom(pipe)).toBe('ab');
  expect(getEventListeners(signal as AbortSignal, 'abort')).toHaveLength(before);
  expect(pipe.clock.pendingTimers).toBe(0);
  expect(last(pipe).cause).toBeUndefined();
  expect(new PipelineError('superseded').outcome).toBe('client-abort');
});
