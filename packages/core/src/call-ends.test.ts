import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { PipelineError } from './errors.ts';
import { definePlugin, type Middleware, type Plugin } from './plugin.ts';
import { transformStream } from './stream/attach.ts';
import { holdUntilContent } from './stream/commit.ts';
import { anthropicStream } from './testing/anthropic-wire.ts';
import { fakeClock } from './testing/fake-clock.ts';
import { streamAnswer } from './testing/stream-answer.ts';
import { testPipeline, type TestPipelineOptions } from './testing/test-pipeline.ts';

const never = new Promise<never>(() => undefined);

function plugin(handle: Middleware, name = 'plugin'): Plugin {
  return definePlugin({ name, create: () => ({ handle }) })();
}

describe('a call whose caller leaves', () => {
  const message = anthropicStream({ text: 'a b c' });
  const leaving = (answers: TestPipelineOptions['answers'], plugins: readonly Plugin[] = []) => {
    const caller = new AbortController();
    const test = testPipeline({ plugins, ...(answers && { answers }) });
    return { caller, test, response: test.post({ stream: true }, { signal: caller.signal }) };
  };

  it('before there is an answer ends as client-abort, and fetch rejects with the reason of the caller', async () => {
    let sent: AbortSignal | undefined;
    const { caller, test, response } = leaving([
      (request) => {
        sent = request.signal;
        return never;
      },
    ]);
    await nextTurn();
    const reason = new Error('I leave');
    caller.abort(reason);
    await expect(response).rejects.toBe(reason);
    expect(sent?.reason).toMatchObject({ code: 'client_abort', cause: reason });
    expect(test.outcomes).toMatchObject([{ kind: 'client-abort', status: 499, attempts: 1 }]);
    expect(test.clock.pendingTimers).toBe(0);
    await test[Symbol.asyncDispose]();
  });

  it('before it begins is not even counted', async () => {
    const test = testPipeline();
    await expect(test.post({}, { signal: AbortSignal.abort('gone') })).rejects.toBe('gone');
    expect(test.outcomes).toEqual([]);
    expect(test.transport.requests).toEqual([]);
    await test[Symbol.asyncDispose]();
  });

  it('in the middle of a stream ends as client-abort, and closes the upstream: by signal or by cancel', async () => {
    for (const how of ['signal', 'cancel', 'signal while reading', 'cancel while reading']) {
      let cancelled: unknown;
      const { caller, test, response } = leaving([
        streamAnswer([...message.slice(0, 2), never], { onCancel: (reason) => (cancelled = reason) }),
      ]);
      const reader = ((await response).body as ReadableStream<Uint8Array>).getReader();
      await reader.read();
      const reason = new Error('I leave');
      if (how.endsWith('reading')) await reader.read();
      const reading = how.endsWith('reading') ? reader.read().catch((error: unknown) => error) : undefined;
      if (how.startsWith('signal')) caller.abort(reason);
      else await reader.cancel(reason);
      expect(cancelled, how).toBeDefined();
      expect(test.outcomes, how).toMatchObject([{ kind: 'client-abort', status: 200 }]);
      if (how === 'signal while reading') expect(await reading).toBe(reason);
      expect(test.clock.pendingTimers).toBe(0);
      await test[Symbol.asyncDispose]();
    }
  });

  it('after it was handed the end that a plugin gave the stream ends as that plugin says', async () => {
    const ending = plugin(async (request, next) =>
      transformStream(await next(request), {
        transform: (event, controller) => {
          controller.enqueue(event);
          controller.terminate(new PipelineError('content_blocked'));
        },
      }),
    );
    const { test, response } = leaving([streamAnswer(message)], [ending]);
    const reader = ((await response).body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    await reader.cancel();
    expect(test.outcomes).toMatchObject([{ kind: 'refused', cause: { code: 'content_blocked' } }]);
    await test[Symbol.asyncDispose]();
  });

  it('after it was handed the terminal event has missed nothing: by cancel or by signal', async () => {
    for (const how of ['signal', 'cancel']) {
      const { caller, test, response } = leaving([streamAnswer([...message, never])]);
      const reader = ((await response).body as ReadableStream<Uint8Array>).getReader();
      for (const _ of message) await reader.read();
      if (how === 'signal') caller.abort(new Error('I leave'));
      else await reader.cancel();
      expect(test.outcomes, how).toMatchObject([{ kind: 'completed' }]);
      await test[Symbol.asyncDispose]();
    }
  });

  it('while the whole answer is held back has missed all of it: by cancel or by signal', async () => {
    const holding = plugin(async (request, next) =>
      holdUntilContent(await next(request), { clock: fakeClock() }),
    );
    for (const how of ['signal', 'cancel']) {
      const { caller, test, response } = leaving([streamAnswer(message.join(''))], [holding]);
      const { body } = await response;
      if (how === 'signal') caller.abort(new Error('I leave'));
      else await body?.cancel();
      expect(test.outcomes, how).toMatchObject([{ kind: 'client-abort' }]);
      await test[Symbol.asyncDispose]();
    }
  });
});

describe('a call that takes too long', () => {
  it('before its answer is a 504, and the attempt is aborted', async () => {
    let sent: AbortSignal | undefined;
    await using test = testPipeline({
      answers: [
        (request) => {
          sent = request.signal;
          return never;
        },
      ],
      timeouts: { totalMs: 5_000, streamedTotalMs: 9_000 },
    });
    const response = test.post();
    await test.clock.advance(4_999);
    expect(test.outcomes).toEqual([]);
    await test.clock.advance(1);
    expect((await response).status).toBe(504);
    expect(sent?.aborted).toBe(true);
    expect(test.outcomes).toMatchObject([
      { kind: 'timeout', status: 504, attempts: 1, durationMs: 5_000, cause: { code: 'total_timeout' } },
    ]);
  });

  it('in the middle of a stream ends it as an error event, whether it is being read or not', async () => {
    for (const reading of [true, false]) {
      const events = anthropicStream();
      await using test = testPipeline({
        answers: [streamAnswer([...events.slice(0, 2), never])],
        timeouts: { streamedTotalMs: 9_000 },
      });
      const response = await test.post({ stream: true });
      const early = reading ? response.text() : undefined;
      await test.clock.advance(9_000);
      expect(test.outcomes).toMatchObject([{ kind: 'timeout', status: 200, durationMs: 9_000 }]);
      const text = await (early ?? response.text());
      expect(text).toMatch(/event: error\ndata: .*The call took longer than allowed.*\n\n$/);
    }
  });
});

describe('a call that the pipeline gives up to shut down', () => {
  it('ends as shutdown, before its answer and in the middle of a stream', async () => {
    const events = anthropicStream();
    const test = testPipeline({ answers: [() => never, streamAnswer([...events.slice(0, 2), never])] });
    const waiting = test.post();
    const streaming = await test.post({ stream: true });
    const text = streaming.text();
    const draining = test.pipeline.drain(100);
    await test.clock.advance(100);
    await draining;
    expect((await waiting).status).toBe(503);
    expect(await text).toMatch(/event: error\n/);
    expect(test.outcomes.map(({ kind, status }) => `${kind} ${status}`).sort()).toEqual([
      'shutdown 200',
      'shutdown 503',
    ]);
    await test[Symbol.asyncDispose]();
  });
});

it('a stream that a plugin has looked at ends with the error of its dialect all the same', async () => {
  for (const look of [(response: Response) => response.body, (response: Response) => response.clone()]) {
    const looking = plugin(async (request, next) => {
      const response = await next(request);
      look(response);
      return response;
    });
    await using test = testPipeline({
      plugins: [looking],
      answers: [streamAnswer([...anthropicStream().slice(0, 3), new Error('reset')])],
    });
    expect(await (await test.post({ stream: true })).text()).toMatch(/event: error\ndata: .*cut off.*\n\n$/);
    expect(test.outcomes).toMatchObject([{ kind: 'upstream-error', cause: { code: 'stream_cut' } }]);
  }
});

describe('a mount that hands over its own controller', () => {
  const inbound = {
    method: 'POST',
    target: '/v1/messages',
    headers: {},
    body: Buffer.from('{"stream":true}'),
  };

  it('ends the call with it, before the answer and in the middle of it', async () => {
    for (const reason of [new PipelineError('client_abort'), new Error('gone')]) {
      const events = anthropicStream();
      await using test = testPipeline({
        answers: [() => never, streamAnswer([events[0] as string, never])],
      });
      const before = new AbortController();
      const waiting = test.pipeline.handle({ ...inbound, body: null, controller: before });
      await nextTurn();
      before.abort(reason);
      await expect(waiting).rejects.toMatchObject({ code: 'client_abort' });
      const during = new AbortController();
      await test.pipeline.handle({ ...inbound, body: new Uint8Array(inbound.body), controller: during });
      during.abort(reason);
      expect(test.outcomes.map(({ kind, status }) => [kind, status])).toEqual([
        ['client-abort', 499],
        ['client-abort', 200],
      ]);
    }
  });

  it('that is aborted already sends nothing', async () => {
    await using test = testPipeline();
    const controller = new AbortController();
    controller.abort(new PipelineError('client_abort'));
    await expect(test.pipeline.handle({ ...inbound, body: null, controller })).rejects.toMatchObject({
      code: 'client_abort',
    });
    expect(test.transport.requests).toEqual([]);
  });
});

it('a target that is no path is refused: it could name another host', async () => {
  await using test = testPipeline();
  for (const target of [
    '@evil.test/v1/messages',
    '.evil.test/v1/messages',
    ':8080/v1/messages',
    '',
    'v1/messages',
  ]) {
    const response = await test.pipeline.handle({ method: 'GET', target, headers: {}, body: null });
    expect(response.status, target).toBe(400);
  }
  expect(test.transport.requests).toEqual([]);
});
