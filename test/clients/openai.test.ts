import { createPipeline } from '@sluice/core';
import { type Behaviour, fakeUpstream } from '@sluice/core/testing';
import { retry } from '@sluice/retry';
import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ABORT_MS, abortDelay } from '../support/abort-delay.ts';
import { MOUNTS } from '../support/mounts.ts';
import { refuser } from '../support/refuser.ts';
import { type Stage, stageFor } from '../support/stage.ts';
import { thrownBy } from '../support/thrown-by.ts';

const WORDS = '两只鹈鹕叫什么名字？🦢';
const ANSWER = `你说的是：${WORDS}`;
const QUESTION = {
  model: 'gpt-5.4',
  messages: [{ role: 'user', content: WORDS }],
} satisfies OpenAI.ChatCompletionCreateParams;
const INPUT = { model: 'gpt-5.4', input: WORDS };

const TOOLS = [
  {
    type: 'function' as const,
    function: {
      name: 'get_weather',
      parameters: { type: 'object', properties: { 城市: { type: 'string' } } },
    },
  },
];
const TOOL_INPUT = { 城市: '北京', days: [1, 2] };

/** Streams that break off after some content, in every way there is. */
const CUTS: readonly Behaviour[] = [
  { kind: 'cut-mid-stream', ending: 'last-chunk' },
  { kind: 'cut-mid-stream', ending: 'fin' },
  { kind: 'cut-mid-stream', ending: 'close-delimited' },
  { kind: 'reset-mid-stream' },
  { kind: 'truncate', framing: 'close-delimited', ending: 'rst' },
];

function clientOf({ baseUrl, fetch }: Pick<Stage, 'baseUrl' | 'fetch'>, maxRetries = 0): OpenAI {
  return new OpenAI({
    apiKey: 'sk-caller',
    baseURL: `${baseUrl}/v1`,
    fetch,
    maxRetries,
    logLevel: 'off',
  });
}

async function chatText(chunks: AsyncIterable<OpenAI.ChatCompletionChunk>): Promise<string> {
  let text = '';
  for await (const chunk of chunks) text += chunk.choices[0]?.delta.content ?? '';
  return text;
}

async function responseText(events: AsyncIterable<OpenAI.Responses.ResponseStreamEvent>): Promise<string> {
  let text = '';
  for await (const event of events) if (event.type === 'response.output_text.delta') text += event.delta;
  return text;
}

describe.each(MOUNTS)('the OpenAI SDK through $name', (mount) => {
  let stage: Stage;
  let client: OpenAI;
  beforeAll(async () => {
    stage = await stageFor(mount, { host: { basePath: '/gpt' } });
    client = clientOf(stage);
  });
  beforeEach(() => {
    stage.upstream.reset();
  });
  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
  });

  describe('chat completions', () => {
    it('creates one', async () => {
      const completion = await client.chat.completions.create(QUESTION);
      expect(completion.choices[0]?.message.content).toBe(ANSWER);
      const [request] = stage.upstream.requests;
      expect(completion._request_id).toBe(request?.requestId);
      expect(request).toMatchObject({
        path: '/v1/chat/completions',
        headers: { authorization: 'Bearer sk-caller' },
      });
      expect(request?.text()).toBe(JSON.stringify(QUESTION));
    });

    it('streams one, with its usage', async () => {
      const stream = await client.chat.completions.create({
        ...QUESTION,
        stream: true,
        stream_options: { include_usage: true },
      });
      let usage: OpenAI.CompletionUsage | null | undefined;
      const noted = async function* (): AsyncGenerator<OpenAI.ChatCompletionChunk> {
        for await (const chunk of stream) {
          usage = chunk.usage;
          yield chunk;
        }
      };
      expect(await chatText(noted())).toBe(ANSWER);
      expect(usage?.total_tokens).toBeGreaterThan(0);
      expect((await stage.outcome(stage.outcomes.length)).kind).toBe('completed');
    });

    it('streams several choices', async () => {
      const completion = await client.chat.completions.stream({ ...QUESTION, n: 3 }).finalChatCompletion();
      expect(completion.choices.map(({ message }) => message.content)).toEqual([ANSWER, ANSWER, ANSWER]);
    });

    it('uses tools', async () => {
      const asked = { ...QUESTION, tools: TOOLS };
      stage.upstream.reply({ kind: 'answer', toolName: 'get_weather', toolInput: TOOL_INPUT, times: 2 });
      const call = { function: { name: 'get_weather', arguments: JSON.stringify(TOOL_INPUT) } };
      const completion = await client.chat.completions.create(asked);
      expect(completion.choices[0]?.message.tool_calls).toMatchObject([call]);
      const streamed = await client.chat.completions.stream(asked).finalChatCompletion();
      expect(streamed.choices[0]).toMatchObject({
        finish_reason: 'tool_calls',
        message: { tool_calls: [call] },
      });
    });
  });

  describe('responses', () => {
    it('creates one', async () => {
      expect((await client.responses.create(INPUT)).output_text).toBe(ANSWER);
    });

    it('streams one', async () => {
      expect(await responseText(await client.responses.create({ ...INPUT, stream: true }))).toBe(ANSWER);
    });

    it('puts a streamed one together', async () => {
      const response = await client.responses.stream(INPUT).finalResponse();
      expect(response).toMatchObject({ status: 'completed', output_text: ANSWER });
    });
  });

  it('embeds', async () => {
    const asked = { model: 'text-embedding-3-small', input: [WORDS, 'pelican'] };
    const { data } = await client.embeddings.create(asked);
    expect(data.map(({ embedding }) => embedding.length > 0)).toEqual([true, true]);
  });

  it('lists models', async () => {
    const ids: string[] = [];
    for await (const model of client.models.list()) ids.push(model.id);
    expect(ids).toContain('gpt-5.4');
  });

  it('uploads a file and downloads the same bytes', async () => {
    const bytes = Buffer.from(Array.from({ length: 50_000 }, (_, i) => (i * 7) & 255));
    const file = await client.files.create({ file: await toFile(bytes, '鹈鹕.bin'), purpose: 'user_data' });
    const answer = await client.files.content(file.id);
    expect(bytes.equals(Buffer.from(await answer.arrayBuffer()))).toBe(true);
    expect(await client.files.delete(file.id)).toMatchObject({ deleted: true });
  });

  describe('errors', () => {
    it.each([
      [400, OpenAI.BadRequestError],
      [401, OpenAI.AuthenticationError],
      [403, OpenAI.PermissionDeniedError],
      [404, OpenAI.NotFoundError],
      [429, OpenAI.RateLimitError],
      [500, OpenAI.InternalServerError],
      [503, OpenAI.InternalServerError],
    ])('%i is the class that the SDK has for it', async (status, ErrorClass) => {
      stage.upstream.reply({ kind: 'status', status, message: '没有', code: 'odd_code', times: 2 });
      for (const call of [
        client.chat.completions.create(QUESTION),
        client.responses.create({ ...INPUT, stream: true }),
      ]) {
        const error: unknown = await call.then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        expect(error).toBeInstanceOf(ErrorClass);
        expect(error).toMatchObject({
          status,
          code: 'odd_code',
          requestID: expect.stringMatching(/^req_/) as string,
        });
      }
    });

    it('429: tries again when it is told to', async () => {
      stage.upstream.reply({ kind: 'status', status: 429, retryAfterMs: '1', times: 2 });
      expect((await clientOf(stage, 2).chat.completions.create(QUESTION)).choices).toHaveLength(1);
      expect(stage.upstream.requests.map((one) => one.headers['x-stainless-retry-count'])).toEqual([
        '0',
        '1',
        '2',
      ]);
    });

    it('an upstream that hangs up is a server’s error', async () => {
      // Twice: on a connection that was kept alive, the first may have come of its age and is not held against it.
      stage.upstream.reply({ kind: 'close-before-headers', times: 2 });
      await expect(client.chat.completions.create(QUESTION)).rejects.toMatchObject({
        status: 502,
        code: 'connection_lost',
      });
    });

    it('an error event inside a stream is an error', async () => {
      stage.upstream.reply({ kind: 'error-event', afterEvents: 4, status: 429, times: 2 });
      const chunks = await client.chat.completions.create({ ...QUESTION, stream: true });
      await expect(chatText(chunks)).rejects.toMatchObject({ code: 'rate_limit_exceeded' });
      const events = await client.responses.create({ ...INPUT, stream: true });
      await expect(responseText(events)).rejects.toMatchObject({ code: 'rate_limit_exceeded' });
    });
  });

  describe('a client that leaves', () => {
    it('in the middle of a stream closes the upstream at once', async () => {
      const delay = await abortDelay(async () => {
        stage.upstream.reply({ kind: 'stall', afterEvents: 4 });
        const asked = stage.upstream.request();
        const chunks = await client.chat.completions.create({ ...QUESTION, stream: true });
        await chunks[Symbol.asyncIterator]().next();
        const request = await asked;
        return {
          leave: () => chunks.controller.abort(),
          seen: request.closed,
        };
      });
      expect(delay).toBeLessThan(ABORT_MS);
    });

    it('while it waits for the answer closes the upstream at once', async () => {
      const delay = await abortDelay(async () => {
        stage.upstream.reply('stall');
        const asked = stage.upstream.request();
        const controller = new AbortController();
        const answer = client.responses.create(INPUT, { signal: controller.signal });
        const thrown = thrownBy(answer);
        const request = await asked;
        const seen = Promise.all([thrown, request.closed]);
        return { leave: () => controller.abort(), seen };
      });
      expect(delay).toBeLessThan(ABORT_MS);
    });
  });

  describe.each(CUTS)('an answer that breaks off: $kind $ending', (cut) => {
    it('is an error to who reads chunks', async () => {
      stage.upstream.reply(cut);
      await expect(
        client.chat.completions.create({ ...QUESTION, stream: true }).then(chatText),
      ).rejects.toMatchObject({ code: 'stream_cut' });
    });

    it('is an error to who reads events', async () => {
      stage.upstream.reply(cut);
      const events = await client.responses.create({ ...INPUT, stream: true });
      await expect(responseText(events)).rejects.toThrow(OpenAI.APIError);
    });

    it('is an error to who waits for the end', async () => {
      stage.upstream.reply(cut, cut);
      await expect(client.chat.completions.stream(QUESTION).finalChatCompletion()).rejects.toThrow();
      await expect(client.responses.stream(INPUT).finalResponse()).rejects.toThrow();
    });

    it('is an error to who does not stream', async () => {
      stage.upstream.reply(cut, cut);
      await expect(client.chat.completions.create(QUESTION)).rejects.toThrow();
      await expect(client.responses.create(INPUT)).rejects.toThrow();
    });
  });

  it('a long think with comments ends in an answer', async () => {
    stage.upstream.reply({ kind: 'pings-only', afterEvents: 1, count: 50, intervalMs: 2 });
    expect(await chatText(await client.chat.completions.create({ ...QUESTION, stream: true }))).toBe(ANSWER);
  });
});

describe.each(MOUNTS)('the OpenAI SDK and plugins through $name', (mount) => {
  it.each(['content_blocked', 'quota_exceeded', 'forbidden', 'unauthenticated'] as const)(
    'does not try again what was refused as %s',
    async (code) => {
      const { plugin, asked } = refuser(code);
      await using stage = await stageFor(mount, { pipeline: { plugins: [plugin] } });
      const client = clientOf(stage, 2);
      await expect(client.chat.completions.create(QUESTION)).rejects.toBeInstanceOf(OpenAI.APIError);
      await expect(client.responses.create({ ...INPUT, stream: true })).rejects.toBeInstanceOf(
        OpenAI.APIError,
      );
      expect(asked()).toBe(2);
    },
  );

  it('does not multiply the attempts of retry', async () => {
    const plugins = [retry({ baseDelayMs: 0, throttledDelayMs: 0 })];
    await using stage = await stageFor(mount, { pipeline: { plugins } });
    stage.upstream.script(() => ({ kind: 'status', status: 503 }));
    const answer = clientOf(stage, 2).chat.completions.create(QUESTION);
    await expect(answer).rejects.toBeInstanceOf(OpenAI.InternalServerError);
    expect(stage.upstream.requests).toHaveLength(3);
  });
});

it('with pipeline.fetch the OpenAI SDK needs no base URL', async () => {
  await using upstream = await fakeUpstream();
  await using pipeline = createPipeline({ upstream: upstream.url });
  const client = new OpenAI({ apiKey: 'sk-caller', fetch: pipeline.fetch });
  expect((await client.responses.create(INPUT)).output_text).toBe(ANSWER);
});
