import Anthropic from '@anthropic-ai/sdk';
import { labels } from '@sluice/labels';
import { moderation, type ModerationOptions } from '@sluice/moderation';
import type { Plugin } from '@sluice/core';
import OpenAI from 'openai';
import { describe, expect, test } from 'vitest';
import { FETCH, type Mount, MOUNTS } from '../support/mounts.ts';
import { type Stage, stageFor } from '../support/stage.ts';
import { thrownBy } from '../support/thrown-by.ts';

const SAID = 'Stir the grumblewort, then mail ann@example.org.';
const REFUSAL = 'Not here.';
const WORDS: ModerationOptions = { words: [{ text: 'grumblewort' }], refusal: { en: REFUSAL } };
const AS_MESSAGE: ModerationOptions = { ...WORDS, refusal: { en: REFUSAL, as: 'message' } };
const REDACTING: ModerationOptions = { ...WORDS, detectors: ['email'], rules: [{ action: 'redact' }] };
const REDACTED = 'Stir the ***********, then mail [EMAIL].';
const LABEL = '[AI-generated content]';

async function staged(plugins: Plugin[], mount: Mount = FETCH): Promise<Stage> {
  const stage = await stageFor(mount, { pipeline: { plugins } });
  stage.upstream.script(() => ({ kind: 'answer', text: SAID, thinking: 'I think.' }));
  return stage;
}

/** What a client makes of an answer: its text, and why it ended. */
type Answer = { readonly text: string; readonly why: unknown };
interface Client {
  readonly name: string;
  ask(stage: Stage, said: string, stream: boolean): Promise<Answer>;
  /** What a client takes a refusal for. */
  readonly refused: unknown;
  readonly error: abstract new (...args: never[]) => Error;
}

const CLIENTS: readonly Client[] = [
  {
    name: 'Anthropic messages',
    async ask({ baseUrl, fetch }, content, stream) {
      const client = new Anthropic({ apiKey: 'k', baseURL: baseUrl, fetch, maxRetries: 0, logLevel: 'off' });
      const question = {
        model: 'claude-opus-5-5',
        max_tokens: 512,
        messages: [{ role: 'user' as const, content }],
      };
      const message = stream
        ? await client.messages.stream(question).finalMessage()
        : await client.messages.create(question);
      const text = message.content.map((block) => (block.type === 'text' ? block.text : '')).join('');
      return { text, why: message.stop_reason };
    },
    refused: 'refusal',
    error: Anthropic.APIError,
  },
  {
    name: 'OpenAI chat',
    async ask({ baseUrl, fetch }, content, stream) {
      const client = new OpenAI({
        apiKey: 'k',
        baseURL: `${baseUrl}/v1`,
        fetch,
        maxRetries: 0,
        logLevel: 'off',
      });
      const question = { model: 'gpt-5.4', messages: [{ role: 'user' as const, content }] };
      const completion = stream
        ? await client.chat.completions.stream(question).finalChatCompletion()
        : await client.chat.completions.create(question);
      const [choice] = completion.choices;
      return { text: choice?.message.content ?? '', why: choice?.finish_reason };
    },
    refused: 'content_filter',
    error: OpenAI.APIError,
  },
  {
    name: 'OpenAI responses',
    async ask({ baseUrl, fetch }, input, stream) {
      const client = new OpenAI({
        apiKey: 'k',
        baseURL: `${baseUrl}/v1`,
        fetch,
        maxRetries: 0,
        logLevel: 'off',
      });
      const question = { model: 'gpt-5.4', input };
      if (!stream) {
        const response = await client.responses.create(question);
        return { text: response.output_text, why: response.incomplete_details?.reason ?? response.status };
      }
      let text = '';
      let why: unknown;
      for await (const event of client.responses.stream(question)) {
        if (event.type === 'response.output_text.delta') text += event.delta;
        if (event.type === 'response.incomplete') why = event.response.incomplete_details?.reason;
        if (event.type === 'response.completed') why = event.response.status;
      }
      return { text, why };
    },
    refused: 'content_filter',
    error: OpenAI.APIError,
  },
];

describe.each(CLIENTS)('$name', ({ ask, refused, error }) => {
  test.each([false, true])('gets an error for blocked input and output (streamed: %s)', async (stream) => {
    await using stage = await staged([moderation(WORDS)]);
    for (const said of ['grumblewort?', 'Hello']) {
      const thrown = await thrownBy(ask(stage, said, stream));
      expect(thrown).toBeInstanceOf(error);
      expect(String(thrown)).toContain(REFUSAL);
      expect(String(thrown)).not.toContain('grumblewort');
    }
  });

  test.each([false, true])('gets a refusal for blocked input (streamed: %s)', async (stream) => {
    await using stage = await staged([moderation(AS_MESSAGE)]);
    expect(await ask(stage, 'grumblewort?', stream)).toEqual({ text: REFUSAL, why: refused });
  });

  test('gets a refusal in place of a blocked answer, and behind what was safe of a stream', async () => {
    await using stage = await staged([moderation(AS_MESSAGE)]);
    expect(await ask(stage, 'Hello', false)).toEqual({ text: REFUSAL, why: refused });
    expect(await ask(stage, 'Hello', true)).toEqual({ text: `Stir the ${REFUSAL}`, why: refused });
  });

  test.each([false, true])('gets redacted and labelled answers (streamed: %s)', async (stream) => {
    await using stage = await staged([
      labels({ implicit: { contentProducer: 'test', inBody: true } }),
      moderation(REDACTING),
    ]);
    const { text } = await ask(stage, 'Hello', stream);
    expect(text).toBe(`${LABEL}\n\n${REDACTED}`);
    expect((await stage.outcome(1)).kind).toBe('completed');
  });

  test('gets a streamed answer that arrives byte by byte redacted all the same', async () => {
    // Upstream echoes what it is asked: it has to get the word.
    const rules = [{ direction: 'input', action: 'pass' }, { action: 'redact' }] as const;
    await using stage = await staged([moderation({ ...WORDS, rules })]);
    stage.upstream.script(() => ({ kind: 'drip', what: 'body', intervalMs: 0 }));
    const { text } = await ask(stage, 'say grumblewort', true);
    expect(text).not.toContain('grumblewort');
    expect(text).toContain('***********');
  });
});

describe.each(MOUNTS)('through $name', (mount) => {
  describe.each(CLIENTS)('$name', ({ ask, refused, error }) => {
    test.each([false, true])('gets what is blocked, refused and redacted (streamed: %s)', async (stream) => {
      {
        await using stage = await staged([moderation(WORDS)], mount);
        for (const said of ['grumblewort?', 'Hello']) {
          const thrown = await thrownBy(ask(stage, said, stream));
          expect(thrown).toBeInstanceOf(error);
          expect(String(thrown)).toContain(REFUSAL);
        }
        expect(await stage.outcome(1)).toMatchObject({ kind: 'refused', attempts: 0 });
        expect(await stage.outcome(2)).toMatchObject({ kind: 'refused', attempts: 1 });
      }
      {
        await using stage = await staged([moderation(AS_MESSAGE)], mount);
        expect(await ask(stage, 'grumblewort?', stream)).toEqual({ text: REFUSAL, why: refused });
        const text = stream ? `Stir the ${REFUSAL}` : REFUSAL;
        expect(await ask(stage, 'Hello', stream)).toEqual({ text, why: refused });
        expect((await stage.outcome(1)).kind).toBe('refused');
        expect((await stage.outcome(2)).kind).toBe('refused');
      }
      await using stage = await staged([labels({}), moderation(REDACTING)], mount);
      const { text } = await ask(stage, 'Hello', stream);
      expect(text).toBe(`${LABEL}\n\n${REDACTED}`);
      expect((await stage.outcome(1)).kind).toBe('completed');
    });
  });
});
