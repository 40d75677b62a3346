import { anthropicMessage, openaiResponses, testPipeline } from '@sluice/core/testing';
import { describe, expect, test } from 'vitest';
import { moderation, type ModerationOptions } from './index.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const WORDS = [{ text: 'grumblewort' }, { text: '敏感词语' }];
const REDACTING: ModerationOptions = { words: WORDS, rules: [{ action: 'redact' }] };
const TOOL = { type: 'tool_use', name: 'look_up' } as const;

const blocks = (...texts: string[]): { readonly type: 'text'; readonly text: string }[] =>
  texts.map((text) => ({ type: 'text', text }));
const answering = (content: Parameters<typeof anthropicMessage>[0]): Response =>
  new Response(anthropicMessage(content), { headers: JSON_TYPE });

/** The texts of an answer's blocks. */
async function textsOf(response: Response): Promise<string[]> {
  const { content } = (await response.json()) as { content: { text?: string }[] };
  return content.flatMap(({ text }) => text ?? []);
}

describe('a word that is spread over the blocks of a whole answer', () => {
  test.each([
    ['two', blocks('Take a grum', 'blewort.')],
    ['three', blocks('敏', '感词', '语')],
    ['two with a tool between them', [...blocks('a grumble'), TOOL, ...blocks('wort')]],
  ])('is blocked: over %s', async (_, content) => {
    await using pipe = testPipeline({
      plugins: [moderation({ words: WORDS })],
      answers: [answering({ content })],
    });
    expect((await pipe.post()).status).toBe(400);
    expect(pipe.outcomes).toMatchObject([{ kind: 'refused', cause: { code: 'content_blocked' } }]);
  });

  test('is masked in each of them, and nothing else is', async () => {
    await using pipe = testPipeline({
      plugins: [moderation(REDACTING)],
      answers: [answering({ content: blocks('A grumblewort. One gru', 'mble', 'wort, 敏感', '词语。') })],
    });
    expect(await textsOf(await pipe.post())).toEqual(['A ***********. One ***********', '', ', ****', '。']);
  });

  test('leaves an answer as it came when there is none', async () => {
    const body = anthropicMessage({ content: blocks('A grumble', ' wort', 'hog') });
    await using pipe = testPipeline({
      plugins: [moderation(REDACTING)],
      answers: [new Response(body, { headers: JSON_TYPE })],
    });
    expect(await (await pipe.post()).text()).toBe(body);
  });
});

describe('a word that is spread over the blocks of a message', () => {
  const asking = (...texts: string[]): Record<string, unknown> => ({
    messages: [{ role: 'user', content: blocks(...texts) }],
  });

  test('is refused', async () => {
    await using pipe = testPipeline({ plugins: [moderation({ words: WORDS })] });
    expect((await pipe.post(asking('how to grow grum', 'blewort'))).status).toBe(400);
    expect(pipe.transport.requests).toHaveLength(0);
  });

  test('is no word when it is spread over two messages', async () => {
    await using pipe = testPipeline({ plugins: [moderation({ words: WORDS })], answers: [answering({})] });
    const messages = [
      { role: 'user', content: blocks('grumble') },
      { role: 'assistant', content: 'Yes?' },
      { role: 'user', content: blocks('wort') },
    ];
    expect((await pipe.post({ messages })).status).toBe(200);
  });

  test('has one placeholder when it is personal data, and comes back as a whole', async () => {
    await using pipe = testPipeline({
      plugins: [moderation({ detectors: ['email'] })],
      answers: [answering({ text: 'Mail [EMAIL_1].' })],
    });
    expect(await textsOf(await pipe.post(asking('Write to ann@exam', 'ple.org now')))).toEqual([
      'Mail ann@example.org.',
    ]);
    const sent = JSON.parse(Buffer.from(pipe.transport.requests[0]?.body ?? []).toString()) as object;
    expect(sent).toMatchObject(asking('Write to [EMAIL_1]', ' now'));
  });
});

test('another dialect is read the same way', async () => {
  const whole = JSON.parse(openaiResponses({ text: 'a grumble' })) as {
    output: { content: { text: string }[] }[];
  };
  const parts = whole.output.at(-1)?.content ?? [];
  parts.push({ ...(parts[0] as { text: string }), text: 'wort' });
  const body = JSON.stringify(whole);
  await using pipe = testPipeline({
    dialect: 'openai-responses',
    plugins: [moderation({ words: WORDS })],
    answers: [new Response(body, { headers: JSON_TYPE })],
  });
  expect((await pipe.post()).status).toBe(400);
});
