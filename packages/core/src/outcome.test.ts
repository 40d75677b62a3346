import { describe, expect, it } from 'vitest';
import { PipelineError } from './errors.ts';
import type { Outcome } from './outcome.ts';
import { definePlugin, type Middleware, type Plugin } from './plugin.ts';
import { transformStream } from './stream/attach.ts';
import { anthropicMessage, anthropicStream } from './testing/anthropic-wire.ts';
import { type Dialect, errorBody, errorEvent } from './testing/error-body.ts';
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
      expect(JSON.parse(body as string)).toMatchObject({ error: { message: expect.any(String) as string } });
      expect(outcome).toMatchObject({
        kind: 'upstream-error',
        status: 502,
        cause: { code: 'connection_lost' },
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
