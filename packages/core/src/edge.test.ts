import { describe, expect, it } from 'vitest';
import { PipelineError } from './errors.ts';
import { definePlugin, type Middleware, type Plugin } from './plugin.ts';
import { transformStream } from './stream/attach.ts';
import { holdUntilContent } from './stream/commit.ts';
import { peekJson } from './stream/peek.ts';
import { anthropicStream } from './testing/anthropic-wire.ts';
import { fakeClock } from './testing/fake-clock.ts';
import { streamAnswer } from './testing/stream-answer.ts';
import { testPipeline } from './testing/test-pipeline.ts';

function plugin(handle: Middleware, name = 'plugin'): Plugin {
  return definePlugin({ name, create: () => ({ handle }) })();
}

describe('an answer that is here already, of which its caller has the first piece', () => {
  const json = { 'content-type': 'application/json' };
  const answer = JSON.stringify({ type: 'message', content: [{ type: 'text', text: 'y'.repeat(999) }] });
  const error = JSON.stringify({
    type: 'error',
    error: { type: 'overloaded_error', message: 'z'.repeat(99) },
  });
  const pieces = (text: string): string[] => [text.slice(0, 50), text.slice(50, 90), text.slice(90)];
  const after = (look: (response: Response) => unknown): readonly Plugin[] => [
    plugin(async (request, next) => {
      const response = await next(request);
      await look(response);
      return response;
    }),
  ];
  const HELD: readonly (readonly [by: string, plugins: readonly Plugin[], body: string, status: number])[] = [
    ['the pipeline', [], answer, 200],
    ['the reader of a clone', after((response) => response.clone().text()), answer, 200],
    ['a plugin that looked at an error', after(peekJson), error, 529],
  ];
  type Test = ReturnType<typeof testPipeline>;
  const STOPS: readonly (readonly [kind: string, stop: (test: Test, caller: AbortController) => unknown])[] =
    [
      ['timeout', (test) => test.clock.advance(600_000)],
      [
        'shutdown',
        async (test) => {
          const draining = test.pipeline.drain(100);
          await test.clock.advance(100);
          await draining;
        },
      ],
      ['client-abort', (_, caller) => caller.abort(new Error('I leave'))],
    ];

  describe.each(HELD)('held by %s', (_, plugins, body, status) => {
    const begun = async () => {
      const caller = new AbortController();
      const test = testPipeline({
        plugins,
        answers: [streamAnswer(pieces(body), { status, headers: json })],
      });
      const response = await test.post({}, { signal: caller.signal });
      const reader = (response.body as ReadableStream<Uint8Array>).getReader();
      expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe(body.slice(0, 50));
      return { caller, test, reader };
    };

    it.each(STOPS)('never ends properly when it is stopped by %s', async (kind, stop) => {
      const { caller, test, reader } = await begun();
      await stop(test, caller);
      await expect(reader.read()).rejects.toThrow();
      expect(test.outcomes).toMatchObject([{ kind, status }]);
      await test[Symbol.asyncDispose]();
    });

    it('is no whole answer for a reader that leaves', async () => {
      const { test, reader } = await begun();
      await reader.cancel('enough');
      expect(test.outcomes).toMatchObject([{ kind: 'client-abort', status }]);
      await test[Symbol.asyncDispose]();
    });
  });

  it('has missed nothing when that piece was all', async () => {
    for (const how of ['signal', 'cancel']) {
      const caller = new AbortController();
      const test = testPipeline({ answers: [streamAnswer(answer, { headers: json })] });
      const response = await test.post({}, { signal: caller.signal });
      const reader = (response.body as ReadableStream<Uint8Array>).getReader();
      await reader.read();
      if (how === 'signal') caller.abort(new Error('I leave'));
      else await reader.cancel();
      expect(test.outcomes, how).toMatchObject([{ kind: 'completed' }]);
      if (how === 'signal') expect(await reader.read()).toMatchObject({ done: true });
      await test[Symbol.asyncDispose]();
    }
  });
});

it('a stream that a plugin has ended, and of which a part is held still, never ends properly when it is stopped', async () => {
  const holding = plugin(
    async (request, next) => holdUntilContent(await next(request), { clock: fakeClock() }),
    'holding',
  );
  const ending = plugin(async (request, next) =>
    transformStream(await next(request), {
      transform: (event, controller) => {
        controller.enqueue(event);
        if (event.type !== 'message_start') controller.terminate(new PipelineError('content_blocked'));
      },
    }),
  );
  const test = testPipeline({ plugins: [holding, ending], answers: [streamAnswer(anthropicStream())] });
  const reader = ((await test.post({ stream: true })).body as ReadableStream<Uint8Array>).getReader();
  expect(Buffer.from((await reader.read()).value ?? []).toString()).toContain('message_start');
  const draining = test.pipeline.drain(100);
  await test.clock.advance(100);
  await draining;
  expect(test.outcomes).toMatchObject([{ kind: 'shutdown' }]);
  await expect(reader.read()).rejects.toThrow();
  await test[Symbol.asyncDispose]();
});
