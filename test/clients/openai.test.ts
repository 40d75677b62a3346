import { createPipeline } from '@sluice/core';
import { fakeUpstream } from '@sluice/core/testing';
import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MOUNTS } from '../support/mounts.ts';
import { type Stage, stageFor } from '../support/stage.ts';
import { ANSWER, chatText, clientOf, INPUT, QUESTION, responseText, WORDS } from './openai-client.ts';

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

  it('a long think with comments ends in an answer', async () => {
    stage.upstream.reply({ kind: 'pings-only', afterEvents: 1, count: 50, intervalMs: 2 });
    expect(await chatText(await client.chat.completions.create({ ...QUESTION, stream: true }))).toBe(ANSWER);
  });
});

it('with pipeline.fetch the OpenAI SDK needs no base URL', async () => {
  await using upstream = await fakeUpstream();
  await using pipeline = createPipeline({ upstream: upstream.url });
  const client = new OpenAI({ apiKey: 'sk-caller', fetch: pipeline.fetch });
  expect((await client.responses.create(INPUT)).output_text).toBe(ANSWER);
});
