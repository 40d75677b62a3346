import { CONTENT_LABEL, type ContentLabel, createPipeline, definePlugin, PRINCIPAL } from '@sluice/core';
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
import { labels, type LabelsOptions } from './index.ts';

type Dialect = NonNullable<TestPipelineOptions['dialect']>;
const call = { name: 'look', input: { at: 'x' }, arguments: { at: 'x' } };
const text = ['Good ', 'morn', 'ing.'];
const STREAMS: Readonly<Record<Dialect, (tools?: boolean) => string[]>> = {
  'anthropic-messages': (tools) =>
    anthropicStream({
      content: [{ type: 'text', text }, ...(tools ? [{ type: 'tool_use' as const, ...call }] : [])],
    }),
  'openai-chat': (tools) => openaiChatStream({ text, ...(tools ? { toolCalls: [call] } : {}) }),
  'openai-responses': (tools) => openaiResponsesStream({ text, ...(tools ? { toolCalls: [call] } : {}) }),
};
const BODIES: Readonly<Record<Dialect, string>> = {
  'anthropic-messages': anthropicMessage({ text }),
  'openai-chat': openaiChat({ text, n: 2 }),
  'openai-responses': openaiResponses({ text }),
};
const STRUCTURED: Readonly<Record<Dialect, object>> = {
  'anthropic-messages': { output_config: { format: { type: 'json_schema', schema: {} } } },
  'openai-chat': { response_format: { type: 'json_object' } },
  'openai-responses': { text: { format: { type: 'json_schema', name: 'x', schema: {} } } },
};
const PRODUCER = { contentProducer: 'example-service' };

function labelling(
  dialect: Dialect,
  options: LabelsOptions,
): TestPipeline & { readonly notes: (ContentLabel | undefined)[] } {
  const notes: (ContentLabel | undefined)[] = [];
  const recorder = definePlugin({
    name: 'recorder',
    create: () => ({
      handle: (request, next, ctx) => {
        ctx.state.set(PRINCIPAL, { id: 'ann' });
        ctx.onComplete(() => void notes.push(ctx.state.get(CONTENT_LABEL)));
        return next(request);
      },
    }),
  });
  const json = { 'content-type': 'application/json' };
  const answers = [false, true].flatMap((tools) => [
    streamAnswer(STREAMS[dialect](tools)),
    new Response(BODIES[dialect], { headers: json }),
  ]);
  return Object.assign(testPipeline({ dialect, plugins: [recorder(), labels(options)], answers }), { notes });
}

describe.each(Object.keys(STREAMS) as Dialect[])('in %s', (dialect) => {
  test.each(['prefix', 'suffix'] as const)(
    'a %s stands once in a stream and once in each choice',
    async (position) => {
      const en = '(AI generated)';
      await using pipe = labelling(dialect, { explicit: { position, en } });
      const streamed = await (await pipe.post({ stream: true })).text();
      const whole = await (await pipe.post()).text();
      const withTools = await (await pipe.post({ stream: true })).text();
      const piece = position === 'prefix' ? `${en}Good ` : `ing.${en}`;
      const all = position === 'prefix' ? `${en}Good morning.` : `Good morning.${en}`;
      expect(whole.split(all)).toHaveLength(dialect === 'openai-chat' ? 3 : 2);
      for (const wire of [streamed, withTools]) {
        const deltas = wire.split('\n\n').filter((event) => event.includes(piece) && !event.includes(all));
        expect(deltas).toHaveLength(1);
        // The Responses API says the text once more, as a whole: three events of the item, and the end.
        expect(wire.split(all)).toHaveLength(dialect === 'openai-responses' ? 5 : 1);
        expect(wire).not.toMatch(/arguments[^}]*AI generated/);
      }
      expect(pipe.outcomes.map(({ kind }) => kind)).toEqual(['completed', 'completed', 'completed']);
    },
  );

  test('output for programs, and answers to exempt callers, are left alone', async () => {
    await using pipe = labelling(dialect, {});
    expect(await (await pipe.post({ stream: true, ...STRUCTURED[dialect] })).text()).toBe(
      STREAMS[dialect]().join(''),
    );
    expect(await (await pipe.post(STRUCTURED[dialect] as Record<string, unknown>)).text()).toBe(
      BODIES[dialect],
    );
    await using other = labelling(dialect, {
      exempt: (principal) => (principal?.id === 'ann' ? 'agreement 7' : undefined),
    });
    expect(await (await other.post({ stream: true })).text()).toBe(STREAMS[dialect]().join(''));
    expect(other.notes).toEqual([{ produceId: expect.any(String) as string, exemption: 'agreement 7' }]);
  });

  test('machines find the label in the header, in the body and in the stream', async () => {
    await using pipe = labelling(dialect, { explicit: false, implicit: { ...PRODUCER, inBody: true } });
    const streamed = await pipe.post({ stream: true });
    const label = JSON.parse(streamed.headers.get('x-aigc') ?? '') as Record<string, string>;
    expect(Object.keys(label)).toEqual([
      'Label',
      'ContentProducer',
      'ProduceID',
      'ReservedCode1',
      'ContentPropagator',
      'PropagateID',
      'ReservedCode2',
    ]);
    const wire = await streamed.text();
    expect(wire).toBe(`: AIGC ${JSON.stringify(label)}\n\n${STREAMS[dialect]().join('')}`);
    const whole = await pipe.post();
    expect(await whole.json()).toMatchObject({ AIGC: { Label: '1', ContentProducer: 'example-service' } });
    expect(pipe.notes[0]?.produceId).toBe(label['ProduceID']);
  });
});

const data = (json: { readonly type?: string; readonly [field: string]: unknown }): string =>
  `${json.type === undefined ? '' : `event: ${json.type}\n`}data: ${JSON.stringify(json)}\n\n`;
const source = { title: 'A page', cited_text: 'It rains.' };
const chunk = (delta: object, finish_reason: string | null = null): string =>
  data({ object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason }] });
const where = { output_index: 0, content_index: 0, item_id: 'i' };
/** Answers that cite something before and behind the text; whole ones in the order of their fields. */
const CITING: Readonly<Record<Dialect, { whole: (said: object) => object; stream: string[] }>> = {
  'anthropic-messages': {
    whole: (said) => ({ type: 'message', content: [said] }),
    stream: [
      data({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }),
      data({ type: 'content_block_delta', index: 0, delta: { type: 'citations_delta', citation: source } }),
      data({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Rain.' } }),
      data({ type: 'content_block_delta', index: 0, delta: { type: 'citations_delta', citation: source } }),
      data({ type: 'content_block_stop', index: 0 }),
      data({ type: 'message_stop' }),
    ],
  },
  'openai-chat': {
    whole: (said) => ({ choices: [{ index: 0, message: said }] }),
    stream: [
      chunk({ annotations: [{ url_citation: source }] }),
      chunk({ content: 'Rain.' }),
      chunk({ annotations: [{ url_citation: source }] }),
      chunk({}, 'stop'),
      'data: [DONE]\n\n',
    ],
  },
  'openai-responses': {
    whole: (said) => ({ status: 'completed', output: [{ type: 'message', content: [said] }] }),
    stream: [
      data({ type: 'response.output_text.annotation.added', annotation: source, ...where }),
      data({ type: 'response.output_text.delta', delta: 'Rain.', ...where }),
      data({ type: 'response.output_text.annotation.added', annotation: source, ...where }),
      data({ type: 'response.completed', response: { output: [] } }),
    ],
  },
};

const SAID: Readonly<Record<Dialect, readonly [text: object, cited: object]>> = {
  'anthropic-messages': [{ type: 'text', text: 'Rain.' }, { citations: [source] }],
  'openai-chat': [{ content: 'Rain.' }, { annotations: [{ url_citation: source }] }],
  'openai-responses': [{ type: 'output_text', text: 'Rain.' }, { annotations: [source] }],
};

test.each(
  (Object.keys(CITING) as Dialect[]).flatMap((dialect) => [
    [dialect, 'prefix'] as const,
    [dialect, 'suffix'] as const,
  ]),
)('in %s a %s stands in the text and never in what it cites', async (dialect, position) => {
  const en = '(AI generated)';
  const { whole: answering, stream } = CITING[dialect];
  const [said, cited] = SAID[dialect];
  const whole = answering(position === 'prefix' ? { ...cited, ...said } : { ...said, ...cited });
  const answers = [
    new Response(JSON.stringify(whole), { headers: { 'content-type': 'application/json' } }),
    streamAnswer(stream),
  ];
  await using pipe = testPipeline({ dialect, plugins: [labels({ explicit: { position, en } })], answers });
  const labelled = (text: string): string =>
    text.replaceAll('"Rain."', position === 'prefix' ? `"${en}Rain."` : `"Rain.${en}"`);
  expect(await (await pipe.post()).json()).toEqual(JSON.parse(labelled(JSON.stringify(whole))));
  const parsed = (wire: string): unknown[] =>
    [...wire.matchAll(/^data: (\{.*)$/gm)].map(([, json]) => JSON.parse(json ?? '') as unknown);
  expect(parsed(await (await pipe.post({ stream: true })).text())).toEqual(parsed(labelled(stream.join(''))));
});

test('pings pass a text that waits for the next one', async () => {
  const events = anthropicStream({ text });
  const last = events.findLastIndex((event) => event.includes('text_delta'));
  const ping = data({ type: 'ping' });
  const rest = Promise.withResolvers<string>();
  const answers = [streamAnswer([...events.slice(0, last + 1), ping, ping, rest.promise])];
  await using pipe = testPipeline({ plugins: [labels({ explicit: { position: 'suffix' } })], answers });
  const reader = (await pipe.post({ stream: true })).body?.getReader();
  const pings = (): number => wire.split('event: ping').length - 1;
  let wire = '';
  const read = async (): Promise<boolean> => {
    const { done = true, value } = (await reader?.read()) ?? {};
    wire += Buffer.from(value ?? []).toString();
    return !done;
  };
  const before = events.join('').split('event: ping').length - 1;
  while (pings() < before + 2) await read();
  expect(wire).toContain('morn');
  expect(wire).not.toContain('ing.');
  rest.resolve(events.slice(last + 1).join(''));
  while (await read());
  expect(wire).toContain('ing.\\n\\n[AI-generated content]');
});

test('a count of tokens is no generated text: its body carries no label', async () => {
  const answers = [new Response('{"input_tokens":3}', { headers: { 'content-type': 'application/json' } })];
  await using pipe = testPipeline({
    plugins: [labels({ implicit: { ...PRODUCER, inBody: true } })],
    answers,
  });
  const response = await pipe.pipeline.fetch('https://caller.test/v1/messages/count_tokens', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'hi' }] }),
  });
  expect(await response.text()).toBe('{"input_tokens":3}');
});

test('an answer that only calls a tool carries the label for machines', async () => {
  const answer = anthropicMessage({ content: [{ type: 'tool_use', ...call }] });
  const answers = [new Response(answer, { headers: { 'content-type': 'application/json' } })];
  await using pipe = testPipeline({
    plugins: [labels({ implicit: { ...PRODUCER, inBody: true } })],
    answers,
  });
  expect(await (await pipe.post()).json()).toEqual({
    ...(JSON.parse(answer) as object),
    AIGC: expect.objectContaining({ Label: '1' }) as object,
  });
});

test('the label is in the language of the question', async () => {
  await using pipe = labelling('anthropic-messages', {});
  expect(await (await pipe.post({ messages: [{ role: 'user', content: '早上好' }] })).text()).toContain(
    '人工智能生成',
  );
});

test('an error carries no label', async () => {
  const answers = [
    new Response('{"type":"error"}', { status: 400, headers: { 'content-type': 'application/json' } }),
  ];
  await using pipe = testPipeline({ plugins: [labels({ implicit: PRODUCER })], answers });
  const response = await pipe.post();
  expect(response.headers.has('x-aigc')).toBe(false);
});

test.each([
  [{ explicit: { zh: '机器写的' } }, '人工智能'],
  [{ explicit: { en: 'by a machine' } }, 'generated'],
  [{ implicit: { contentProducer: '名字' } }, 'ASCII'],
])('%j is refused', (options, message) => {
  expect(() => createPipeline({ upstream: 'https://x.test', plugins: [labels(options)] })).toThrow(message);
});

test('a pipeline with labels is assembled in one line', async () => {
  // #region use
  const pipeline = createPipeline({
    upstream: 'https://api.anthropic.com',
    plugins: [labels({ explicit: { position: 'suffix' }, implicit: { contentProducer: 'example-service' } })],
  });
  // #endregion
  await pipeline.close();
});
