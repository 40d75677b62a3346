import { expect, it } from 'vitest';
import { CLOCK } from '../clock.ts';
import { PipelineError } from '../errors.ts';
import { definePlugin } from '../plugin.ts';
import { anthropicStream } from './anthropic-wire.ts';
import { fakeUpstream } from './fake-upstream.ts';
import { streamAnswer } from './stream-answer.ts';
import { testPipeline } from './test-pipeline.ts';

const stamp = definePlugin<object, object, { clock: typeof CLOCK }>({
  name: 'stamp',
  needs: { clock: CLOCK },
  create: (_, { clock }) => ({
    handle: (request, next) =>
      next({ ...request, headers: { ...request.headers, 'x-stamp': String(clock.now()) } }),
  }),
});

it('the example of TESTING.md holds', async () => {
  // #region example
  await using test = testPipeline({
    plugins: [stamp()],
    answers: [streamAnswer(anthropicStream({ text: 'Hello' })), new PipelineError('connect_failed')],
  });

  const response = await test.post({ stream: true });
  expect(await response.text()).toContain('event: message_stop');
  expect(test.transport.requests[0]?.headers['x-stamp']).toBe('0');

  await test.clock.advance(1_000); // No real time passes.
  expect((await test.post()).status).toBe(502);
  expect(test.outcomes.map(({ kind }) => kind)).toEqual(['completed', 'upstream-error']);
  // #endregion
});

it.each(['anthropic-messages', 'openai-chat', 'openai-responses'] as const)(
  'posts in the dialect it is given, over a socket too: %s',
  async (dialect) => {
    await using upstream = await fakeUpstream();
    await using test = testPipeline({ dialect, upstream: upstream.url, sockets: true });
    expect((await test.post({}, { headers: { 'x-api-key': 'k' } })).status).toBe(200);
    expect(await (await test.post({ stream: true })).text()).toContain('Hi');
    expect(upstream.requests.map(({ headers }) => headers['x-api-key'])).toEqual(['k', undefined]);
  },
);

it('is closed at once although a body was never read', async () => {
  const test = testPipeline({ answers: [streamAnswer([new Promise(() => undefined)])] });
  await test.post({ stream: true });
  await test[Symbol.asyncDispose]();
  expect(test.outcomes).toMatchObject([{ kind: 'shutdown' }]);
  expect(test.transport.closed).toBe(true);
});
