import { describe, expect, it } from 'vitest';
import { type Attempt, followAttempt } from './attempt.ts';
import { CLOCK } from './clock.ts';
import { PipelineError } from './errors.ts';
import { definePlugin, type Plugin } from './plugin.ts';
import type { ApiRequest, Endpoint } from './request.ts';
import { ALLOWED_REGIONS } from './state.ts';
import { anthropicMessage, anthropicStream } from './testing/anthropic-wire.ts';
import { middlewarePlugin } from './testing/call-with.ts';
import { errorEvent } from './testing/error-body.ts';
import type { ScriptedAnswer } from './testing/scripted-transport.ts';
import { streamAnswer } from './testing/stream-answer.ts';
import { testPipeline } from './testing/test-pipeline.ts';

const json = { headers: { 'content-type': 'application/json' } };
const events = anthropicStream({ text: 'hello' });
const CONTENT = events.findIndex((event) => event.includes('content_block_start'));

/** Follows every attempt and notes what it is told. */
function follower(log: [string, Attempt][]): Plugin {
  return definePlugin({
    name: 'follower',
    needs: { clock: CLOCK },
    create: (_, { clock }) => ({
      handle: (request, next) =>
        followAttempt(request, next, clock, {
          contentBegan: (attempt) => void log.push(['content', { ...attempt }]),
          attemptEnded: (attempt) => void log.push(['end', { ...attempt }]),
        }),
    }),
  })();
}

async function followed(answer: ScriptedAnswer, fields: Record<string, unknown> = {}) {
  const log: [string, Attempt][] = [];
  await using test = testPipeline({ plugins: [follower(log)], answers: [answer] });
  const response = await test.post(fields);
  await response.text().catch(() => undefined);
  const [history] = test.outcomes.map((outcome) => outcome.history);
  return { told: log.map(([what]) => what), end: log.at(-1)?.[1] as Attempt, history };
}

describe('an attempt', () => {
  it('succeeds with the last event of its stream', async () => {
    const { told, end, history } = await followed(streamAnswer(events), { stream: true });
    expect(told).toEqual(['content', 'end']);
    expect(end).toMatchObject({ status: 200, error: undefined, disposition: { health: 'success' } });
    expect(history).toMatchObject([{ status: 200, disposition: { health: 'success' } }]);
    expect(history?.[0]?.usage?.outputTokens).toBeGreaterThan(0);
  });

  it('succeeds with the whole of another answer', async () => {
    const { told, end } = await followed(new Response(anthropicMessage(), json));
    expect([told, end.disposition?.health]).toEqual([['content', 'end'], 'success']);
  });

  it.each([
    [429, 'ignore', 'throttled'],
    [400, 'success', 'no'],
    [503, 'failure', 'backoff'],
    [529, 'failure', 'throttled'],
  ])('with status %i means %s, at its headers', async (status, health, retry) => {
    const { told, end } = await followed(new Response('{}', { ...json, status }));
    expect(told).toEqual(['end']);
    expect(end).toMatchObject({ status, error: undefined, disposition: { health, retry } });
  });

  it.each([
    ['before its headers', new PipelineError('connect_failed'), 'connect_failed', 'failure'],
    ['in its preamble', streamAnswer([events[0] as string, new Error('cut')]), 'stream_cut', 'failure'],
    [
      'after its first content',
      streamAnswer([...events.slice(0, CONTENT + 1), new Error('cut')]),
      'stream_cut',
      'failure',
    ],
    ['without its final event', streamAnswer(events.slice(0, -1)), 'stream_cut', 'failure'],
    ['by an event too long', streamAnswer([`data: ${'x'.repeat(2 << 20)}`]), 'answer_too_large', 'ignore'],
  ])('that is cut %s fails', async (_, answer, code, health) => {
    const { end, history } = await followed(answer, { stream: true });
    expect(end).toMatchObject({ error: { code }, disposition: { health } });
    expect(history).toMatchObject([{ error: { code }, disposition: { health } }]);
  });

  it('with an error event counts as its status before content, and as a failure after it', async () => {
    const before = streamAnswer([events[0] as string, errorEvent('anthropic-messages', 429)]);
    expect((await followed(before, { stream: true })).end).toMatchObject({
      error: { code: 'stream_error' },
      disposition: { health: 'ignore', retry: 'throttled' },
    });
    const after = streamAnswer([...events.slice(0, CONTENT + 1), errorEvent('anthropic-messages', 429)]);
    expect((await followed(after, { stream: true })).end).toMatchObject({
      disposition: { health: 'failure', retry: 'no' },
    });
  });

  it('that the caller gives up means nothing', async () => {
    const log: [string, Attempt][] = [];
    await using test = testPipeline({ plugins: [follower(log)], answers: [streamAnswer(events)] });
    const response = await test.post({ stream: true });
    await response.body?.cancel('enough');
    expect(log.at(-1)?.[1]).toMatchObject({
      error: { code: 'client_abort' },
      disposition: { health: 'ignore' },
    });
  });

  it('is measured to its first content and to its end', async () => {
    const first = Promise.withResolvers<string>();
    const rest = Promise.withResolvers<string>();
    await using test = testPipeline({
      answers: [streamAnswer([...events.slice(0, CONTENT), first.promise, rest.promise])],
    });
    const ended: Attempt[] = [];
    const text = (await test.post({ stream: true })).text();
    await test.clock.advance(300);
    first.resolve(events[CONTENT] as string);
    await test.clock.advance(200);
    rest.resolve(events.slice(CONTENT + 1).join(''));
    await text;
    ended.push(...(test.outcomes[0]?.history ?? []));
    expect(ended).toMatchObject([{ startedAt: 0, firstContentMs: 300, durationMs: 500 }]);
  });

  it('is told to ctx.onAttempt, and a listener that throws breaks nothing', async () => {
    const ended: (number | undefined)[] = [];
    const listening = middlewarePlugin('listening', async (request, next, ctx) => {
      ctx.onAttempt(() => {
        throw new Error('listener');
      });
      ctx.onAttempt(({ status }) => void ended.push(status));
      const first = await next(request);
      expect([first.status, ctx.attempts, ctx.history.length]).toEqual([500, 1, 1]);
      await first.text();
      return next(request);
    });
    const warned = new Promise((resolve) => process.once('warning', resolve));
    await using test = testPipeline({
      plugins: [listening],
      answers: [new Response('{}', { ...json, status: 500 }), new Response(anthropicMessage(), json)],
    });
    expect((await test.post()).status).toBe(200);
    expect(await warned).toMatchObject({
      message: expect.stringContaining('an onAttempt listener threw') as string,
    });
    expect(ended).toEqual([500, 200]);
  });
});

describe('the endpoint of an attempt', () => {
  const routed = (endpoint: Endpoint, regions?: readonly string[]): Plugin =>
    middlewarePlugin('routed', (request, next, ctx) => {
      if (regions !== undefined) ctx.state.set(ALLOWED_REGIONS, regions);
      const sent: ApiRequest = { ...request, endpoint };
      return next(sent);
    });

  it('is on record', async () => {
    const endpoint = { id: 'eu-1', region: 'eu' };
    await using test = testPipeline({
      plugins: [routed(endpoint, ['us', 'eu'])],
      answers: [new Response(anthropicMessage(), json)],
    });
    await (await test.post()).text();
    expect(test.outcomes).toMatchObject([{ history: [{ endpoint }] }]);
  });

  it.each<readonly [string, Endpoint]>([
    ['another region', { id: 'us-1', region: 'us' }],
    ['no region', { id: 'x' }],
  ])('with %s is refused before anything is sent, if regions are prescribed', async (_, endpoint) => {
    await using test = testPipeline({ plugins: [routed(endpoint, ['eu'])] });
    const response = await test.post();
    expect([response.status, response.headers.get('x-should-retry')]).toEqual([503, 'false']);
    expect(test.transport.requests).toEqual([]);
    expect(test.outcomes).toMatchObject([{ kind: 'refused', attempts: 0, cause: { code: 'residency' } }]);
  });
});
