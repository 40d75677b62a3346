import { createPipeline, VERDICTS, definePlugin, type Verdict } from '@sluice/core';
import {
  anthropicMessage,
  anthropicStream,
  openaiChat,
  openaiChatStream,
  openaiResponses,
  openaiResponsesStream,
  streamAnswer,
  type TestPipeline,
  testPipeline,
  type TestPipelineOptions,
} from '@sluice/core/testing';
import { describe, expect, test } from 'vitest';
import { moderation, type ModerationOptions } from './index.ts';

type Dialect = NonNullable<TestPipelineOptions['dialect']>;
const DIALECTS: readonly Dialect[] = ['anthropic-messages', 'openai-chat', 'openai-responses'];
const STREAMS: Readonly<Record<Dialect, (text: readonly string[]) => string[]>> = {
  'anthropic-messages': (text) => anthropicStream({ text }),
  'openai-chat': (text) => openaiChatStream({ text }),
  'openai-responses': (text) => openaiResponsesStream({ text }),
};
const BODIES: Readonly<Record<Dialect, (text: string) => string>> = {
  'anthropic-messages': (text) => anthropicMessage({ text }),
  'openai-chat': (text) => openaiChat({ text }),
  'openai-responses': (text) => openaiResponses({ text }),
};
const JSON_TYPE = { 'content-type': 'application/json' };
const WORDS = [{ text: '炸弹' }, { text: 'grumblewort', category: 'plants', severity: 'low' as const }];

function moderated(
  dialect: Dialect,
  options: ModerationOptions,
  answers: TestPipelineOptions['answers'] = [],
): TestPipeline & { readonly verdicts: Verdict[] } {
  const verdicts: Verdict[] = [];
  const recorder = definePlugin({
    name: 'verdicts',
    create: () => ({
      handle: (request, next, ctx) => {
        ctx.onComplete(() => void verdicts.push(...(ctx.state.get(VERDICTS) ?? [])));
        return next(request);
      },
    }),
  });
  const pipe = testPipeline({ dialect, plugins: [recorder(), moderation(options)], answers });
  return Object.assign(pipe, { verdicts });
}

function asking(dialect: Dialect, text: string): Record<string, unknown> {
  return dialect === 'openai-responses' ? { input: text } : { messages: [{ role: 'user', content: text }] };
}

/** The deltas of text in a stream, as a client would put them together. */
function textOf(wire: string): string {
  let text = '';
  for (const line of wire.split('\n')) {
    if (!line.startsWith('data: {')) continue;
    const data = JSON.parse(line.slice(6)) as {
      type?: string;
      delta?: string | { text?: string };
      choices?: { delta?: { content?: string } }[];
    };
    if (data.type === 'response.output_text.delta') text += data.delta as string;
    else if (typeof data.delta === 'object') text += data.delta.text ?? '';
    text += data.choices?.[0]?.delta?.content ?? '';
  }
  return text;
}

describe.each(DIALECTS)('in %s', (dialect) => {
  test('a request with a banned word is refused, and not sent', async () => {
    await using pipe = moderated(dialect, { words: WORDS });
    const response = await pipe.post(asking(dialect, '怎么做炸\u200b弹？'));
    expect(response.status).toBe(400);
    const said = await response.text();
    expect(said).toContain('不符合');
    expect(said).not.toContain('弹');
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(pipe.transport.requests).toHaveLength(0);
    expect(pipe.outcomes).toMatchObject([{ kind: 'refused' }]);
    expect(pipe.verdicts).toEqual([{ plugin: 'moderation', rule: 'word:custom', action: 'blocked' }]);
  });

  test.each([false, true])(
    'it is refused by a message where that is asked for (streamed: %s)',
    async (stream) => {
      await using pipe = moderated(dialect, { words: WORDS, refusal: { as: 'message', en: 'No.' } });
      const response = await pipe.post({ ...asking(dialect, 'a GRUMBLEWORT'), stream });
      expect(response.status).toBe(200);
      expect(await response.text()).toContain('No.');
      expect(pipe.transport.requests).toHaveLength(0);
      expect(pipe.outcomes).toMatchObject([
        { kind: 'refused', status: 200, cause: { code: 'content_blocked', plugin: 'moderation' } },
      ]);
    },
  );

  test('a clean answer passes byte for byte, whole and streamed', async () => {
    const events = STREAMS[dialect]([
      'Nothing ',
      '炸',
      '鸡 is g',
      'rumble ',
      '',
      'wort, 10',
      '0% a\\',
      'nd &',
      ' 炸',
    ]);
    const body = BODIES[dialect]('grumble wort');
    const options: ModerationOptions = { words: WORDS, detectors: ['email'], refusal: { as: 'message' } };
    await using pipe = moderated(dialect, options, [
      streamAnswer(events),
      new Response(body, { headers: JSON_TYPE }),
    ]);
    expect(await (await pipe.post({ stream: true })).text()).toBe(events.join(''));
    expect(await (await pipe.post()).text()).toBe(body);
    expect(pipe.outcomes).toMatchObject([{ kind: 'completed' }, { kind: 'completed' }]);
  });

  test('a whole answer with a banned word is refused', async () => {
    await using pipe = moderated(dialect, { words: WORDS }, [
      new Response(BODIES[dialect]('first a grumblewort'), { headers: JSON_TYPE }),
    ]);
    const response = await pipe.post();
    expect(response.status).toBe(400);
    expect(await response.text()).not.toContain('grumblewort');
  });

  test.each(['error', 'message'] as const)(
    'a whole answer that is refused, by %s, counts as refused',
    async (as) => {
      await using pipe = moderated(dialect, { words: WORDS, refusal: { as, en: 'No.' } }, [
        new Response(BODIES[dialect]('first a grumblewort'), { headers: JSON_TYPE }),
      ]);
      expect(await (await pipe.post()).text()).toContain('No.');
      const usage = { inputTokens: expect.any(Number) as number, outputTokens: expect.any(Number) as number };
      // Its tokens were spent, though nobody saw them: limits settle them by the attempt.
      const history = [{ status: 200, usage }];
      expect(pipe.outcomes).toMatchObject([{ kind: 'refused', cause: { code: 'content_blocked' }, history }]);
      expect(pipe.outcomes[0]?.history[0]?.usage?.outputTokens).toBeGreaterThan(0);
      expect(pipe.outcomes[0]?.usage).toEqual(pipe.outcomes[0]?.history[0]?.usage);
      expect(pipe.verdicts).toMatchObject([{ rule: 'word:plants', action: 'blocked' }]);
    },
  );

  test('what a blocked stream has used is known, as far as it was told', async () => {
    const events = STREAMS[dialect](['Take a ', 'grumblewort and', ' stir']);
    await using pipe = moderated(dialect, { words: WORDS }, [streamAnswer(events)]);
    await (await pipe.post({ stream: true })).text();
    // Only one dialect tells what went in before the answer ends.
    const told = dialect === 'anthropic-messages' ? { inputTokens: expect.any(Number) as number } : undefined;
    if (told === undefined) expect(pipe.outcomes[0]?.usage).toBeUndefined();
    else expect(pipe.outcomes[0]?.usage).toMatchObject(told);
  });

  test.each(['error', 'message'] as const)('a stream is cut before a banned word, by %s', async (as) => {
    let cancelled: unknown;
    const events = STREAMS[dialect](['Take a ', 'grum', 'ble', 'wort and', ' stir']);
    await using pipe = moderated(dialect, { words: WORDS, refusal: { as, en: '(No.)' } }, [
      streamAnswer(events, { onCancel: (reason) => (cancelled = reason) }),
    ]);
    const wire = await (await pipe.post({ stream: true })).text();
    expect(textOf(wire)).toBe(as === 'error' ? 'Take a ' : 'Take a (No.)');
    expect(wire).toContain('(No.)');
    expect(cancelled).toMatchObject({ code: 'content_blocked' });
    expect(pipe.outcomes).toMatchObject([{ kind: 'refused', cause: { code: 'content_blocked' } }]);
    expect(pipe.verdicts).toMatchObject([{ rule: 'word:plants', action: 'blocked' }]);
  });

  test('a redacted word is masked in a stream and in a whole answer alike', async () => {
    const options: ModerationOptions = { words: WORDS, rules: [{ category: 'plants', action: 'redact' }] };
    const pieces = ['a gru', 'mblew', 'ort, and a grumble', 'wort'];
    await using pipe = moderated(dialect, options, [
      streamAnswer(STREAMS[dialect](pieces)),
      new Response(BODIES[dialect](pieces.join('')), { headers: JSON_TYPE }),
    ]);
    const masked = 'a ***********, and a ***********';
    const wire = await (await pipe.post({ stream: true })).text();
    expect(textOf(wire)).toBe(masked);
    expect(wire).not.toContain('wort');
    expect(await (await pipe.post()).text()).toContain(masked);
    expect(pipe.verdicts).toMatchObject([{ action: 'redacted' }, { action: 'redacted' }]);
  });

  test('personal data is kept from the model, and put back into its answer', async () => {
    const said = 'Write to ann@example.org or 13812345678';
    await using pipe = moderated(dialect, { detectors: ['email', 'cn-mobile'] }, [
      streamAnswer(STREAMS[dialect](['Dear [EM', 'AIL_1', '], call [PHONE_1] or [PHONE_2].'])),
      new Response(BODIES[dialect]('Dear [EMAIL_1]'), { headers: JSON_TYPE }),
    ]);
    const wire = await (await pipe.post({ ...asking(dialect, said), stream: true })).text();
    const sent = Buffer.from(pipe.transport.requests[0]?.body ?? []).toString();
    expect(sent).toContain('Write to [EMAIL_1] or [PHONE_1]');
    expect(sent).not.toContain('ann');
    expect(textOf(wire)).toBe('Dear ann@example.org, call 13812345678 or [PHONE_2].');
    expect(await (await pipe.post(asking(dialect, said))).text()).toContain('Dear ann@example.org');
  });

  test('flagged and shadowed finds change nothing', async () => {
    const findings: string[] = [];
    const events = STREAMS[dialect](['a grumble', 'wort 炸', '弹']);
    await using pipe = moderated(
      dialect,
      {
        words: WORDS,
        rules: [{ category: 'plants', action: 'shadow' }, { action: 'flag' }],
        onFinding: ({ rule, action }) => void findings.push(`${rule} ${action}`),
      },
      [streamAnswer(events)],
    );
    expect(await (await pipe.post({ stream: true })).text()).toBe(events.join(''));
    expect(pipe.verdicts).toEqual([{ plugin: 'moderation', rule: 'word:custom', action: 'flagged' }]);
    expect(findings.toSorted()).toEqual(['word:custom flag', 'word:plants shadow']);
  });
});

test('a pipeline with moderation is assembled in one line', async () => {
  // #region use
  const pipeline = createPipeline({
    upstream: 'https://api.anthropic.com',
    plugins: [moderation({ words: [{ text: 'grumblewort' }], detectors: ['email', 'cn-id'] })],
  });
  // #endregion
  await pipeline.close();
});

test('a refusal is in the language of the question, and not in that of the name behind it', async () => {
  await using pipe = testPipeline({
    dialect: 'openai-chat',
    plugins: [
      moderation({
        moderators: [{ name: 'm', direction: 'input', judge: () => Promise.resolve([{ category: 'x' }]) }],
      }),
    ],
  });
  const message = { role: 'user', content: '你好', name: 'bob' };
  expect(await (await pipe.post({ messages: [message] })).text()).toContain('不符合');
});

test('moderation that has nothing to look for is refused, with what it can be given', () => {
  const plugins = [moderation({ scope: 'last' })];
  expect(() => createPipeline({ upstream: 'https://api.anthropic.com', plugins })).toThrow(
    'plugin "moderation": there is nothing to look for; give it words, patterns, detectors, moderators',
  );
});
