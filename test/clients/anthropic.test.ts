import Anthropic, { toFile } from '@anthropic-ai/sdk';
import { OverloadedError } from '@anthropic-ai/sdk/core/error';
import { createPipeline } from '@sluice/core';
import { type Behaviour, fakeUpstream } from '@sluice/core/testing';
import { retry } from '@sluice/retry';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ABORT_MS, abortDelay } from '../support/abort-delay.ts';
import { MOUNTS } from '../support/mounts.ts';
import { refuser } from '../support/refuser.ts';
import { type Stage, stageFor } from '../support/stage.ts';
import { thrownBy } from '../support/thrown-by.ts';

const QUESTION = {
  model: 'claude-opus-5-5',
  max_tokens: 1024,
  messages: [{ role: 'user', content: '两只鹈鹕叫什么名字？🦢' }],
} satisfies Anthropic.MessageCreateParams;
const ANSWER = '你说的是：两只鹈鹕叫什么名字？🦢';

const TOOLS = [
  {
    name: 'get_weather',
    description: 'The weather in a city.',
    input_schema: { type: 'object' as const, properties: { 城市: { type: 'string' } } },
  },
];
const SIGNATURE = 'EqoBCkgIARABGAIiQGZha2Ugc2lnbmF0dXJlIG9mIGEgZmFrZSB0aG91Z2h0Eg==';

/** Streams that break off after some content, in every way there is. */
const CUTS: readonly Behaviour[] = [
  { kind: 'cut-mid-stream', ending: 'last-chunk' },
  { kind: 'cut-mid-stream', ending: 'fin' },
  { kind: 'cut-mid-stream', ending: 'close-delimited' },
  { kind: 'reset-mid-stream' },
  { kind: 'truncate', framing: 'close-delimited', ending: 'rst' },
];

function clientOf({ baseUrl, fetch }: Pick<Stage, 'baseUrl' | 'fetch'>, maxRetries = 0): Anthropic {
  return new Anthropic({
    apiKey: 'sk-ant-caller',
    baseURL: baseUrl,
    fetch,
    maxRetries,
    logLevel: 'off',
  });
}

async function textOf(events: AsyncIterable<Anthropic.MessageStreamEvent>): Promise<string> {
  let text = '';
  for await (const event of events) {
    if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') text += event.delta.text;
  }
  return text;
}

describe.each(MOUNTS)('the Anthropic SDK through $name', (mount) => {
  let stage: Stage;
  let client: Anthropic;
  beforeAll(async () => {
    stage = await stageFor(mount, { host: { basePath: '/claude' } });
    client = clientOf(stage);
  });
  beforeEach(() => {
    stage.upstream.reset();
  });
  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
  });

  describe('messages', () => {
    it('creates one', async () => {
      const message = await client.messages.create(QUESTION);
      expect(message.content).toEqual([{ type: 'text', text: ANSWER }]);
      expect(message.usage).toMatchObject({ input_tokens: expect.any(Number) as number });
      const [request] = stage.upstream.requests;
      expect(message._request_id).toBe(request?.requestId);
      expect(request).toMatchObject({
        path: '/v1/messages',
        headers: { authorization: 'Bearer sk-ant-caller', 'anthropic-version': '2026-10-21' },
      });
      expect(request?.text()).toBe(JSON.stringify(QUESTION));
    });

    it('streams one', async () => {
      expect(await textOf(await client.messages.create({ ...QUESTION, stream: true }))).toBe(ANSWER);
    });

    it('puts a streamed one together', async () => {
      const pieces: string[] = [];
      const stream = client.messages.stream(QUESTION).on('text', (text) => pieces.push(text));
      const message = await stream.finalMessage();
      expect(pieces.join('')).toBe(ANSWER);
      expect(message).toMatchObject({ content: [{ type: 'text', text: ANSWER }], stop_reason: 'end_turn' });
    });

    it('uses tools', async () => {
      const tool_choice = { type: 'tool' as const, name: 'get_weather' };
      const input = { 城市: '北京', days: [1, 2] };
      const call = { type: 'tool_use', name: 'get_weather', input };
      const asked = { ...QUESTION, tools: TOOLS, tool_choice };
      stage.upstream.reply({ kind: 'answer', toolName: 'get_weather', toolInput: input, times: 2 });
      expect((await client.messages.create(asked)).content).toMatchObject([call]);
      const message = await client.messages.stream(asked).finalMessage();
      expect(message).toMatchObject({ content: [call], stop_reason: 'tool_use' });
    });

    it('leaves a thought’s signature intact, there and back', async () => {
      const asked = { ...QUESTION, thinking: { type: 'adaptive' as const } };
      const { content } = await client.messages.stream(asked).finalMessage();
      expect(content).toMatchObject([
        { type: 'thinking', signature: SIGNATURE },
        { type: 'text', text: ANSWER },
      ]);
      const messages = [
        ...QUESTION.messages,
        { role: 'assistant' as const, content },
        { role: 'user' as const, content: '?' },
      ];
      await client.messages.create({ ...asked, messages } as Anthropic.MessageCreateParamsNonStreaming);
      expect(stage.upstream.requests[1]?.json()).toMatchObject({ messages });
    });

    it('counts tokens', async () => {
      const { model, messages } = QUESTION;
      expect(await client.messages.countTokens({ model, messages })).toEqual({
        input_tokens: expect.any(Number) as number,
      });
    });

    it('sends beta calls and their headers', async () => {
      const message = await client.beta.messages.create(
        { ...QUESTION, betas: ['context-1m-2025-08-07', 'files-api-2025-04-14'] },
        { query: { beta: 'true' } },
      );
      expect(message.content).toEqual([{ type: 'text', text: ANSWER }]);
      expect(stage.upstream.requests[0]).toMatchObject({
        path: '/v1/messages?beta=true',
        headers: { 'anthropic-beta': 'context-1m-2025-08-07,files-api-2025-04-14' },
      });
    });
  });

  describe('other calls', () => {
    it('lists models', async () => {
      const ids: string[] = [];
      for await (const model of client.models.list({ limit: 1000 })) ids.push(model.id);
      expect(ids).toContain('claude-opus-5-5');
      expect(await client.models.retrieve('claude-opus-5-5')).toMatchObject({ type: 'model' });
    });

    it('makes, finds and deletes a batch', async () => {
      const { id } = await client.messages.batches.create({
        requests: [{ custom_id: 'one', params: QUESTION }],
      });
      expect(await client.messages.batches.retrieve(id)).toMatchObject({ processing_status: 'ended' });
      expect(await client.messages.batches.cancel(id)).toMatchObject({ id });
      const results = await client.get<Response>(`/v1/messages/batches/${id}/results`, {
        __binaryResponse: true,
      });
      expect(JSON.parse(await results.text())).toMatchObject({
        custom_id: 'one',
        result: { type: 'succeeded' },
      });
      expect(await client.messages.batches.delete(id)).toMatchObject({ type: 'message_batch_deleted' });
    });

    it('uploads a file and downloads the same bytes', async () => {
      const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 7) & 255));
      const file = await client.files.upload({ file: await toFile(bytes, '鹈鹕.bin') });
      expect(file.size_bytes).toBe(bytes.length);
      const answer = await client.files.download(file.id);
      expect(bytes.equals(Buffer.from(await answer.arrayBuffer()))).toBe(true);
      expect(await client.files.delete(file.id)).toMatchObject({ type: 'file_deleted' });
    });
  });

  describe('errors', () => {
    it.each([
      [400, Anthropic.BadRequestError],
      [401, Anthropic.AuthenticationError],
      [403, Anthropic.PermissionDeniedError],
      [404, Anthropic.NotFoundError],
      [429, Anthropic.RateLimitError],
      [500, Anthropic.InternalServerError],
      [529, OverloadedError],
    ])('%i is the class that the SDK has for it', async (status, ErrorClass) => {
      stage.upstream.reply({ kind: 'status', status, message: '没有', times: 2 });
      for (const stream of [false, true]) {
        const error: unknown = await client.messages
          .create({ ...QUESTION, stream })
          .catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(ErrorClass);
        expect(error).toMatchObject({
          status,
          apiMessage: '没有',
          requestID: expect.stringMatching(/^req_/) as string,
        });
      }
    });

    it('429: tries again when it is told to', async () => {
      stage.upstream.reply({ kind: 'status', status: 429, retryAfterMs: '1', times: 2 });
      expect((await clientOf(stage, 2).messages.create(QUESTION)).content).toHaveLength(1);
      expect(stage.upstream.requests.map((one) => one.headers['x-stainless-retry-count'])).toEqual([
        '0',
        '1',
        '2',
      ]);
    });

    it('429: is told when to try again', async () => {
      stage.upstream.reply({ kind: 'status', status: 429, retryAfter: '17' });
      const error: unknown = await client.messages.create(QUESTION).catch((thrown: unknown) => thrown);
      expect((error as InstanceType<typeof Anthropic.RateLimitError>).headers.get('retry-after')).toBe('17');
    });

    it('an upstream that hangs up is a server’s error', async () => {
      // Twice: on a connection that was kept alive, the first may have come of its age and is not held against it.
      stage.upstream.reply({ kind: 'close-before-headers', times: 2 });
      await expect(client.messages.create(QUESTION)).rejects.toMatchObject({
        status: 502,
        type: 'api_error',
      });
    });

    it('an error event inside a stream is an error', async () => {
      stage.upstream.reply({ kind: 'error-event', afterEvents: 4 }, { kind: 'error-event', afterEvents: 0 });
      for (let n = 0; n < 2; n++) {
        const events = await client.messages.create({ ...QUESTION, stream: true });
        await expect(textOf(events)).rejects.toMatchObject({ type: 'overloaded_error' });
      }
    });
  });

  describe('a client that leaves', () => {
    it('in the middle of a stream closes the upstream at once', async () => {
      const delay = await abortDelay(async () => {
        stage.upstream.reply({ kind: 'stall', afterEvents: 4 });
        const asked = stage.upstream.request();
        const events = await client.messages.create({ ...QUESTION, stream: true });
        await events[Symbol.asyncIterator]().next();
        const request = await asked;
        return {
          leave: () => events.controller.abort(),
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
        const answer = client.messages.create(QUESTION, { signal: controller.signal });
        const thrown = thrownBy(answer);
        const request = await asked;
        const seen = Promise.all([thrown, request.closed]);
        return { leave: () => controller.abort(), seen };
      });
      expect(delay).toBeLessThan(ABORT_MS);
    });

    it('by breaking out of its loop closes the upstream', async () => {
      stage.upstream.reply({ kind: 'stall', afterEvents: 4 });
      for await (const event of await client.messages.create({ ...QUESTION, stream: true })) {
        if (event.type === 'content_block_delta') break;
      }
      expect(await stage.upstream.requests[0]?.closed).toBe('aborted');
    });
  });

  describe.each(CUTS)('an answer that breaks off: $kind $ending', (cut) => {
    it('is an error to who reads events', async () => {
      stage.upstream.reply(cut);
      const events = await client.messages.create({ ...QUESTION, stream: true });
      await expect(textOf(events)).rejects.toMatchObject({ type: 'api_error' });
    });

    it('is an error to who waits for the message', async () => {
      stage.upstream.reply(cut);
      await expect(client.messages.stream(QUESTION).finalMessage()).rejects.toThrow(Anthropic.APIError);
    });

    it('is an error to who does not stream', async () => {
      stage.upstream.reply(cut);
      await expect(client.messages.create(QUESTION)).rejects.toThrow();
    });
  });

  it('a long think with pings ends in an answer', async () => {
    stage.upstream.reply({ kind: 'pings-only', afterEvents: 1, count: 50, intervalMs: 2 });
    expect(await textOf(await client.messages.create({ ...QUESTION, stream: true }))).toBe(ANSWER);
  });
});

describe.each(MOUNTS)('the Anthropic SDK and plugins through $name', (mount) => {
  it.each(['content_blocked', 'quota_exceeded', 'forbidden', 'unauthenticated'] as const)(
    'does not try again what was refused as %s',
    async (code) => {
      const { plugin, asked } = refuser(code);
      await using stage = await stageFor(mount, { pipeline: { plugins: [plugin] } });
      await expect(clientOf(stage, 2).messages.create(QUESTION)).rejects.toBeInstanceOf(Anthropic.APIError);
      await expect(clientOf(stage, 2).messages.stream(QUESTION).finalMessage()).rejects.toBeInstanceOf(
        Anthropic.APIError,
      );
      expect(asked()).toBe(2);
    },
  );

  it('does not multiply the attempts of retry', async () => {
    const plugins = [retry({ baseDelayMs: 0, throttledDelayMs: 0 })];
    await using stage = await stageFor(mount, { pipeline: { plugins } });
    stage.upstream.script(() => ({ kind: 'status', status: 529 }));
    await expect(clientOf(stage, 2).messages.create(QUESTION)).rejects.toBeInstanceOf(OverloadedError);
    expect(stage.upstream.requests).toHaveLength(3);
  });

  it('sees pings while retry would still hold the stream back', async () => {
    const plugins = [retry({ commitHoldMs: 20 })];
    await using stage = await stageFor(mount, { pipeline: { plugins } });
    stage.upstream.reply({ kind: 'pings-only', afterEvents: 1, intervalMs: 5 });
    const events = await clientOf(stage).messages.create({ ...QUESTION, stream: true });
    const first = await events[Symbol.asyncIterator]().next();
    expect(first.value).toMatchObject({ type: 'message_start' });
    expect(stage.upstream.openStreams).toBe(1);
    events.controller.abort();
  });
});

it('with pipeline.fetch the Anthropic SDK needs no base URL, and follows none', async () => {
  await using upstream = await fakeUpstream();
  await using pipeline = createPipeline({ upstream: upstream.url });
  const client = new Anthropic({ apiKey: 'sk-ant-caller', fetch: pipeline.fetch });
  expect((await client.messages.create(QUESTION)).content).toEqual([{ type: 'text', text: ANSWER }]);

  const { id } = await client.messages.batches.create({ requests: [{ custom_id: 'one', params: QUESTION }] });
  const results: unknown[] = [];
  // Its URL is absolute, and the provider's own.
  for await (const result of await client.messages.batches.results(id)) results.push(result);
  expect(results).toMatchObject([{ custom_id: 'one', result: { type: 'succeeded' } }]);
});
