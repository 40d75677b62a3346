import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { CACHE_STATUS, definePlugin } from '@sluice/core';
import { anthropicMessage, anthropicStream, streamAnswer, testPipeline } from '@sluice/core/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import { pluginEvents, telemetry } from './index.ts';

/** Listens to a channel for as long as the test takes. */
function heardOn(name: string): unknown[] {
  const heard: unknown[] = [];
  const listener = (message: unknown): void => void heard.push(message);
  subscribe(name, listener);
  onTestFinished(() => void unsubscribe(name, listener));
  return heard;
}
const answer = (): Response =>
  new Response(anthropicMessage({ text: 'The secret answer' }), {
    headers: { 'content-type': 'application/json' },
  });

test('without OpenTelemetry, calls and attempts are told on channels, without content', async () => {
  const starts = heardOn('sluice:call:start');
  const attempts = heardOn('sluice:attempt:end');
  const ends = heardOn('sluice:call:end');
  const cached = definePlugin({
    name: 'cached',
    create: () => ({
      handle(request, next, ctx) {
        ctx.state.set(CACHE_STATUS, 'miss');
        return next(request);
      },
    }),
  });
  await using pipe = testPipeline({ plugins: [telemetry(), cached()], answers: [answer] });
  const body = { model: 'claude-haiku-4-5', system: 'The secret prompt' };
  const headers = { 'content-type': 'application/json', 'x-api-key': 'sk-ant-secret' };
  await (await pipe.post(body, { headers })).text();

  const start = {
    id: expect.any(String),
    method: 'POST',
    format: 'anthropic-messages',
    model: 'claude-haiku-4-5',
    streamed: false,
  };
  expect(starts).toEqual([start]);
  expect(attempts).toEqual([
    {
      id: expect.any(String),
      number: 1,
      endpoint: undefined,
      region: undefined,
      status: 200,
      error: undefined,
      durationMs: 0,
      firstContentMs: 0,
      usage: expect.objectContaining({ inputTokens: expect.any(Number) }),
    },
  ]);
  expect(ends).toEqual([
    {
      ...start,
      outcome: 'completed',
      status: 200,
      error: undefined,
      attempts: 1,
      durationMs: 0,
      cacheStatus: 'miss',
    },
  ]);
  expect(JSON.stringify([starts, attempts, ends])).not.toContain('secret');
});

test('the end is told after the last byte', async () => {
  const ends = heardOn('sluice:call:end');
  const events = anthropicStream({ text: 'Hello' });
  let arrive: (piece: string) => void = () => undefined;
  const late = new Promise<string>((resolve) => (arrive = resolve));
  await using pipe = testPipeline({
    plugins: [telemetry()],
    answers: [streamAnswer([events[0] as string, late])],
  });
  const text = pipe.post({ stream: true }).then((response) => response.text());
  await pipe.clock.advance(5);
  expect(ends).toEqual([]);
  arrive(events.slice(1).join(''));
  await text;
  expect(ends).toMatchObject([{ outcome: 'completed', durationMs: 5 }]);
});

test('with no subscriber, no collector and no SDK a call is not looked at', async () => {
  for (const name of ['sluice:call:start', 'sluice:attempt:end', 'sluice:call:end', 'sluice:event'])
    expect(channel(name).hasSubscribers).toBe(false);
  // Nothing that fails would be noticed otherwise: it is passed over.
  const warn = vi.spyOn(process, 'emitWarning');
  onTestFinished(() => warn.mockRestore());
  let listeners = 0;
  const counting = definePlugin({
    name: 'counting',
    create: () => ({
      handle(request, next, ctx) {
        for (const name of ['onAttempt', 'onComplete'] as const) {
          const original = ctx[name].bind(ctx) as (listener: never) => void;
          Object.assign(ctx, { [name]: (listener: never) => (listeners++, original(listener)) });
        }
        return next(request);
      },
    }),
  });
  await using pipe = testPipeline({ plugins: [counting(), telemetry()], answers: [answer] });
  await (await pipe.post()).text();
  expect(listeners).toBe(0);
  expect(warn).not.toHaveBeenCalled();
});

test('events of other plugins are told as they are', () => {
  const heard = heardOn('sluice:event');
  const event = { type: 'circuit-open', endpoint: 'eu', openUntil: 5 };
  pluginEvents().emit(event);
  expect(heard).toEqual([event]);
});
