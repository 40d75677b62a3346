import Anthropic, { toFile } from '@anthropic-ai/sdk';
import { createPipeline } from '@sluice/core';
import { fakeUpstream } from '@sluice/core/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MOUNTS } from '../support/mounts.ts';
import { type Stage, stageFor } from '../support/stage.ts';
import { ANSWER, clientOf, QUESTION, textOf } from './anthropic-client.ts';

const TOOLS = [
  {
    name: 'get_weather',
    description: 'The weather in a city.',
    input_schema: { type: 'object' as const, properties: { 城市: { type: 'string' } } },
  },
];
const SIGNATURE = 'EqoBCkgIARABGAIiQGZha2Ugc2lnbmF0dXJlIG9mIGEgZmFrZSB0aG91Z2h0Eg==';

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

  it('a long think with pings ends in an answer', async () => {
    stage.upstream.reply({ kind: 'pings-only', afterEvents: 1, count: 50, intervalMs: 2 });
    expect(await textOf(await client.messages.create({ ...QUESTION, stream: true }))).toBe(ANSWER);
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
