import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PipelineError } from './errors.ts';
import type { Outcome } from './outcome.ts';
import { definePlugin, type Middleware, type Plugin } from './plugin.ts';
import { PRINCIPAL, stateKey } from './state.ts';
import { observeStream, transformStream } from './stream/attach.ts';
import { holdUntilContent } from './stream/commit.ts';
import { anthropicMessage, anthropicStream } from './testing/anthropic-wire.ts';
import { type Dialect, errorBody, errorEvent } from './testing/error-body.ts';
import { fakeClock } from './testing/fake-clock.ts';
import { openaiChat, openaiChatStream } from './testing/openai-chat-wire.ts';
import { openaiResponses, openaiResponsesStream } from './testing/openai-responses-wire.ts';
import { type AnswerPiece, streamAnswer } from './testing/stream-answer.ts';
import { testPipeline, type TestPipelineOptions } from './testing/test-pipeline.ts';

const json = { 'content-type': 'application/json' };
const never = new Promise<never>(() => undefined);

function plugin(handle: Middleware, name = 'plugin'): Plugin {
  return definePlugin({ name, create: () => ({ handle }) })();
}

/** Makes one call and reads its body to the end, however that ends. */
async function ended(options: TestPipelineOptions, fields: object = {}) {
  await using test = testPipeline(options);
  const response = await test.post(fields as Record<string, unknown>);
  const body = await response.text().catch((error: unknown) => error as Error);
  expect(test.clock.pendingTimers).toBe(0);
  expect(test.outcomes).toHaveLength(1);
  return { status: response.status, body, outcome: test.outcomes[0] as Outcome };
}

const dialects: readonly {
  readonly dialect: Dialect;
  readonly whole: string;
  readonly stream: readonly string[];
  readonly usage: object;
}[] = [
  {
    dialect: 'anthropic-messages',
    whole: anthropicMessage({ usage: { input_tokens: 3, output_tokens: 5 } }),
    stream: anthropicStream({ text: 'a b c', usage: { input_tokens: 3, output_tokens: 5 } }),
    usage: { inputTokens: 3, outputTokens: 5 },
  },
  {
    dialect: 'openai-chat',
    whole: openaiChat({ usage: { prompt_tokens: 3, completion_tokens: 5 } }),
    stream: openaiChatStream({
      text: 'a b c',
      includeUsage: true,
      usage: { prompt_tokens: 3, completion_tokens: 5 },
    }),
    usage: { inputTokens: 3, outputTokens: 5 },
  },
  {
    dialect: 'openai-responses',
    whole: openaiResponses({ usage: { input_tokens: 3, output_tokens: 5 } }),
    stream: openaiResponsesStream({ text: 'a b c', usage: { input_tokens: 3, output_tokens: 5 } }),
    usage: { inputTokens: 3, outputTokens: 5 },
  },
];

describe.each(dialects)('in $dialect, a call', ({ dialect, whole, stream, usage }) => {
  const streamed = (...pieces: readonly AnswerPiece[]) =>
    ended({ dialect, answers: [streamAnswer(pieces)] }, { stream: true });

  it('completes with a whole JSON answer, and its usage is known', async () => {
    const { body, outcome } = await ended({ dialect, answers: [new Response(whole, { headers: json })] });
    expect(body).toBe(whole);
    expect(outcome).toMatchObject({
      kind: 'completed',
      status: 200,
      attempts: 1,
      usage,
      cause: undefined,
      durationMs: 0,
    });
  });

  it('completes with the terminal event of a stream, and its usage is known', async () => {
    const { body, outcome } = await streamed(...stream);
    expect(body).toBe(stream.join(''));
    expect(outcome).toMatchObject({ kind: 'completed', status: 200, attempts: 1, usage, cause: undefined });
  });

  it('completes although the connection breaks after the terminal event', async () => {
    const { body, outcome } = await streamed(...stream, new Error('reset'));
    expect(body).toBe(stream.join(''));
    expect(outcome).toMatchObject({ kind: 'completed' });
  });

  it('completes although the last event lacks its blank line', async () => {
    const text = stream.join('').trimEnd();
    const { body, outcome } = await streamed(text);
    expect(body).toBe(text);
    expect(outcome).toMatchObject({ kind: 'completed', usage });
  });

  it('ends as upstream-error with an error event, once, and its bytes go on untouched', async () => {
    const broken = [...stream.slice(0, 3), errorEvent(dialect, 529)];
    for (const more of [[], [new Error('reset')]]) {
      const { body, outcome } = await streamed(...broken, ...more);
      expect(body).toBe(broken.join(''));
      expect(outcome).toMatchObject({ kind: 'upstream-error', status: 200, cause: { code: 'stream_error' } });
    }
  });

  it('ends as upstream-error when the stream merely ends, resets or breaks off inside an event', async () => {
    const half = Buffer.from(stream[3] as string).subarray(0, 20);
    for (const pieces of [[], [new Error('reset')], [half], [half, new Error('reset')]] as AnswerPiece[][]) {
      const { body, outcome } = await streamed(...stream.slice(0, 3), ...pieces);
      expect(outcome).toMatchObject({ kind: 'upstream-error', status: 200, cause: { code: 'stream_cut' } });
      // Whole events, then the error in the caller's dialect: never half an event, never a clean end.
      const text = body as string;
      expect(text.startsWith(stream.slice(0, 3).join(''))).toBe(true);
      const tail = text.slice(stream.slice(0, 3).join('').length);
      expect(tail.match(/\n\n/g)).toHaveLength(1);
      expect(tail).toContain('The answer was cut off by the upstream.');
    }
  });

  it('ends as upstream-error when a JSON answer is cut, with content-length and without', async () => {
    const cut = whole.slice(0, -2);
    for (const headers of [json, { ...json, 'content-length': String(cut.length) }]) {
      const { body, outcome } = await ended({ dialect, answers: [new Response(cut, { headers })] });
      expect(body).toBeInstanceOf(PipelineError);
      expect(outcome).toMatchObject({
        kind: 'upstream-error',
        status: 200,
        cause: { code: 'stream_cut' },
        usage: undefined,
      });
    }
  });

  it('ends as refused, in its dialect, when a plugin refuses', async () => {
    const refusing = plugin(() => {
      throw new PipelineError('rate_limited', { retryAfterMs: 1_200, plugin: 'plugin' });
    });
    const { status, body, outcome } = await ended({ dialect, plugins: [refusing] });
    expect(status).toBe(429);
    expect(JSON.parse(body as string)).toMatchObject({
      error: { message: 'Too many requests. Try again later.' },
    });
    expect(outcome).toMatchObject({
      kind: 'refused',
      status: 429,
      attempts: 0,
      usage: undefined,
      cause: { code: 'rate_limited' },
    });
  });

  it.each([400, 429, 500, 529])(
    'ends as upstream-error with status %i, whose body is passed on',
    async (status) => {
      const body = errorBody(dialect, status);
      const call = await ended({ dialect, answers: [new Response(body, { status, headers: json })] });
      expect(call).toMatchObject({
        status,
        body,
        outcome: { kind: 'upstream-error', status, attempts: 1, cause: undefined },
      });
    },
  );

  it('ends as upstream-error when a page of HTML comes with status 200', async () => {
    const { status, outcome } = await ended({
      dialect,
      answers: [new Response('<p>Log in', { headers: { 'content-type': 'text/html' } })],
    });
    expect(status).toBe(502);
    expect(outcome).toMatchObject({
      kind: 'upstream-error',
      status: 502,
      attempts: 1,
      cause: { code: 'bad_answer' },
    });
  });

  it('whose stream is terminated by a plugin ends as that plugin says', async () => {
    const ending = plugin(async (request, next) => {
      const reason = new PipelineError('content_blocked', { plugin: 'plugin' });
      return transformStream(await next(request), {
        transform: (event, controller) => {
          controller.enqueue(event);
          if (dialect === 'openai-chat' || event.type !== stream[0]?.match(/event: (.*)/)?.[1])
            controller.terminate(reason);
        },
      });
    });
    const { body, outcome } = await ended(
      { dialect, plugins: [ending], answers: [streamAnswer([...stream.slice(0, 4), never])] },
      { stream: true },
    );
    expect(body).toBe(stream.slice(0, dialect === 'openai-chat' ? 1 : 2).join(''));
    expect(outcome).toMatchObject({ kind: 'refused', status: 200, cause: { code: 'content_blocked' } });
  });
});

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

describe('attempts, usage and duration', () => {
  it('count what was sent for the call, in parallel or not', async () => {
    const thrice = plugin(async (request, next) => {
      await Promise.all([next(request), next(request)]);
      return next(request);
    });
    const answers = [1, 2, 3].map(() => () => new Response('{}', { headers: json }));
    expect(await ended({ plugins: [thrice], answers })).toMatchObject({ outcome: { attempts: 3 } });
  });

  it('are those of the answer that was handed on', async () => {
    const answer = (tokens: number) => () =>
      new Response(anthropicMessage({ usage: { output_tokens: tokens } }), { headers: json });
    const second = plugin(async (request, next) => {
      await (await next(request)).text();
      return next(request);
    });
    expect(await ended({ plugins: [second], answers: [answer(1), answer(2)] })).toMatchObject({
      outcome: { usage: { outputTokens: 2 } },
    });
  });

  it('are counted to the last byte, not to the headers', async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    await using test = testPipeline({ answers: [streamAnswer([anthropicStream()[0] as string, promise])] });
    const text = (await test.post({ stream: true })).text();
    await test.clock.advance(250);
    expect(test.outcomes).toEqual([]);
    resolve(anthropicStream().slice(1).join(''));
    await text;
    expect(test.outcomes).toMatchObject([{ kind: 'completed', durationMs: 250 }]);
  });

  it('are told of a call without a format too, by status alone', async () => {
    await using test = testPipeline({
      answers: [
        new Response('anything'),
        new Response(null, { status: 204 }),
        new Response('no', { status: 404 }),
        new Response('on', { status: 302 }),
      ],
    });
    for (let i = 0; i < 4; i++) await (await test.pipeline.fetch('https://x.test/v1/files')).text();
    expect(test.outcomes.map(({ kind, status, usage }) => [kind, status, usage])).toEqual([
      ['completed', 200, undefined],
      ['completed', 204, undefined],
      ['upstream-error', 404, undefined],
      ['completed', 302, undefined],
    ]);
  });
});

describe('onComplete', () => {
  let warnings: Error[] = [];
  const onWarning = (warning: Error): void => {
    warnings.push(warning);
  };
  beforeEach(() => {
    warnings = [];
    process.on('warning', onWarning);
  });
  afterEach(() => {
    process.off('warning', onWarning);
  });
  const answers = [new Response('{}', { headers: json })];

  it('listeners that throw or reject are reported as warnings, and nothing else comes of it', async () => {
    const told: string[] = [];
    const listening = plugin((request, next, ctx) => {
      ctx.onComplete(() => {
        throw new Error('thrown');
      });
      ctx.onComplete(async () => {
        throw new Error('rejected');
      });
      const nothing: unknown = null;
      ctx.onComplete(() => {
        throw nothing;
      });
      ctx.onComplete((outcome) => {
        told.push(outcome.kind);
      });
      return next(request);
    });
    const { status, outcome } = await ended({ plugins: [listening], answers });
    await nextTurn();
    expect({ status, kind: outcome.kind, told }).toEqual({
      status: 200,
      kind: 'completed',
      told: ['completed'],
    });
    expect(warnings.map(({ name, message }) => `${name}: ${message}`).sort()).toEqual([
      'SluiceWarning: an onComplete listener failed: null',
      'SluiceWarning: an onComplete listener failed: rejected',
      'SluiceWarning: an onComplete listener failed: thrown',
    ]);
  });

  it('listeners added after the end are told at once, also from within a listener', async () => {
    const told: string[] = [];
    let later: (() => void) | undefined;
    const listening = plugin((request, next, ctx) => {
      ctx.onComplete(() => ctx.onComplete((outcome) => void told.push(`inner ${outcome.kind}`)));
      later = () => {
        ctx.onComplete((outcome) => void told.push(`late ${outcome.kind}`));
        ctx.onComplete(() => {
          throw new Error('late');
        });
      };
      return next(request);
    });
    await ended({ plugins: [listening], answers: [new Response('{}', { headers: json })] });
    expect(told).toEqual(['inner completed']);
    later?.();
    await nextTurn();
    expect(told).toEqual(['inner completed', 'late completed']);
    expect(warnings.map(({ message }) => message)).toEqual(['an onComplete listener failed: late']);
  });

  it('is told once although the body is read, cancelled and aborted at its end', async () => {
    const caller = new AbortController();
    await using test = testPipeline({ answers: [streamAnswer(anthropicStream())] });
    const response = await test.post({ stream: true }, { signal: caller.signal });
    await response.text();
    caller.abort();
    await response.body?.cancel().catch(() => undefined);
    await test.clock.advance(10_000_000);
    expect(test.outcomes).toMatchObject([{ kind: 'completed' }]);
  });
});

describe('state and context', () => {
  it('belong to one call: typed slots, seen by all plugins, empty for the next call', async () => {
    const KEY = stateKey<number>('number');
    const SAME_NAME = stateKey<number>('number');
    const seen: unknown[] = [];
    const inner = plugin((request, next, ctx) => {
      seen.push([ctx.state.get(KEY), ctx.state.get(SAME_NAME), ctx.state.get(PRINCIPAL)?.id]);
      ctx.state.set(KEY, 2);
      return next(request);
    }, 'inner');
    const outer = plugin(async (request, next, ctx) => {
      if (ctx.streamed) ctx.state.set(KEY, 1);
      const response = await next(request);
      seen.push(ctx.state.get(KEY));
      return response;
    }, 'outer');
    await using test = testPipeline({
      plugins: [outer, inner],
      answers: [0, 1].map(() => () => new Response('{}', { status: 404 })),
    });
    await (await test.post({ stream: true })).text();
    await (await test.post()).text();
    expect(seen).toEqual([[1, undefined, undefined], 2, [undefined, undefined, undefined], 2]);
  });

  it('hold what a mount has seeded before the first plugin', async () => {
    let principal: unknown;
    const reading = plugin((request, next, ctx) => {
      principal = ctx.state.get(PRINCIPAL);
      return next(request);
    });
    await using test = testPipeline({ plugins: [reading], answers: [new Response('{}', { status: 404 })] });
    const inbound = { method: 'POST', target: '/v1/messages', headers: {}, body: null };
    await (
      await test.pipeline.handle(inbound, (state) => {
        state.set(PRINCIPAL, { id: 'me' });
      })
    ).text();
    expect(principal).toEqual({ id: 'me' });
    const failing = await test.pipeline.handle(inbound, () => {
      throw new Error('boom');
    });
    expect(failing.status).toBe(500);
  });

  it('tell id, format, streaming, attempts and the time that is left', async () => {
    const seen: unknown[] = [];
    const telling = plugin(async (request, next, ctx) => {
      const before = [ctx.format?.name, ctx.streamed, ctx.attempts, ctx.remainingMs(), ctx.id === ctx.id];
      const response = await next(request);
      seen.push([...before, ctx.attempts, ctx.remainingMs(), ctx.id.length]);
      return response;
    });
    const slowly = async (): Promise<Response> => {
      await test.clock.advance(100);
      return new Response('{}', { status: 404 });
    };
    await using test = testPipeline({
      plugins: [telling],
      answers: [slowly, slowly],
      timeouts: { totalMs: 1_000, streamedTotalMs: 2_000 },
    });
    await (await test.post({ stream: true })).text();
    await (await test.pipeline.fetch('https://x.test/v1/models')).text();
    expect(seen).toEqual([
      ['anthropic-messages', true, 0, 2_000, true, 1, 1_900, 36],
      [undefined, false, 0, 1_000, true, 1, 900, 36],
    ]);
  });

  it('go with observers: a hook may still set state while the body passes', async () => {
    const KEY = stateKey<string>('first');
    let atEnd: string | undefined;
    const watching = plugin(async (request, next, ctx) => {
      ctx.onComplete(() => {
        atEnd = ctx.state.get(KEY);
      });
      return observeStream(await next(request), {
        event: (event) => ctx.state.get(KEY) ?? ctx.state.set(KEY, event.type),
      });
    });
    await ended({ plugins: [watching], answers: [streamAnswer(anthropicStream())] }, { stream: true });
    expect(atEnd).toBe('message_start');
  });
});

describe('a JSON body that must not be parsed', () => {
  it('is refused before any plugin sees it', async () => {
    const unreached = plugin(() => expect.unreachable());
    const test = testPipeline({ plugins: [unreached] });
    const post = async (body: string) => {
      const response = await test.pipeline.fetch('https://x.test/v1/messages', { method: 'POST', body });
      return [response.status, await response.json()];
    };
    expect(await post('['.repeat(100) + ']'.repeat(100))).toMatchObject([
      400,
      { error: { message: 'The JSON body has nesting deeper than 64.' } },
    ]);
    expect(await post('{"model":"a","model":"b"}')).toMatchObject([
      400,
      { error: { message: 'The JSON body has a key that stands twice.' } },
    ]);
    await test[Symbol.asyncDispose]();
  });
});

it('a call beyond maxConcurrentCalls is refused with 503 and retry-after, and the place is free again afterwards', async () => {
  await using test = testPipeline({
    maxConcurrentCalls: 2,
    answers: [
      streamAnswer(anthropicStream()),
      () => new Response('{}', { headers: json }),
      () => new Response('{}', { headers: json }),
    ],
  });
  const streaming = await test.post({ stream: true });
  const second = await test.post();
  const third = await test.post();
  expect([third.status, third.headers.get('retry-after'), third.headers.get('x-should-retry')]).toEqual([
    503,
    '1',
    null,
  ]);
  await streaming.text();
  expect((await test.post()).status).toBe(200);
  await second.text();
});
