import { anthropicMessages, type Format, openaiResponses, type PipelineError, SseEvent } from '@sluice/core';
import { describe, expect, test } from 'vitest';
import { compileWords } from '../words/compile.ts';
import { WordFinder } from '../words/word-finder.ts';
import { ModeratedStream } from './moderated-stream.ts';
import type { Decision } from './text-channel.ts';

const BANNED = ['炸弹', 'grumblewort', '敏感词语', 'new york', 'b8g', 'café'];
const finder = new WordFinder(compileWords(BANNED.map((text) => ({ text }))));

function json(type: string, fields: object): SseEvent {
  return SseEvent.of(type, JSON.stringify({ type, ...fields }));
}

/** Dialects whose answers have several blocks, and how they say one. */
const DIALECTS: readonly (readonly [
  Format,
  (index: number, texts: readonly string[]) => SseEvent[],
  SseEvent,
])[] = [
  [
    anthropicMessages,
    (index, texts) => [
      json('content_block_start', { index, content_block: { type: 'text', text: '' } }),
      ...texts.map((text) => json('content_block_delta', { index, delta: { type: 'text_delta', text } })),
      json('content_block_stop', { index }),
    ],
    json('message_stop', {}),
  ],
  [
    openaiResponses,
    (content_index, texts) => [
      json('response.content_part.added', {
        output_index: 0,
        content_index,
        part: { type: 'output_text', text: '' },
      }),
      ...texts.map((delta) => json('response.output_text.delta', { output_index: 0, content_index, delta })),
      json('response.output_text.done', { output_index: 0, content_index, text: texts.join('') }),
      json('response.content_part.done', {
        output_index: 0,
        content_index,
        part: { type: 'output_text', text: texts.join('') },
      }),
    ],
    json('response.completed', { response: { output: [] } }),
  ],
];

interface Ran {
  readonly out: readonly SseEvent[];
  readonly blocked: boolean;
  /** Events that waited, at most. */
  readonly waited: number;
}

function run(format: Format, events: readonly SseEvent[], decision: Decision = { kind: 'block' }): Ran {
  const out: SseEvent[] = [];
  let blocked = false;
  let waited = 0;
  const stream = new ModeratedStream({
    format,
    finder,
    decide: () => decision,
    ending: undefined,
    refuse: () => [],
  });
  const controller = {
    enqueue: (event: SseEvent) => void out.push(event),
    terminate: (reason: PipelineError) => (blocked = reason.code === 'content_blocked'),
  };
  for (const [i, event] of events.entries()) {
    if (blocked) break;
    stream.transform(event, controller);
    if (!blocked) waited = Math.max(waited, i + 1 - out.length);
  }
  if (!blocked) stream.flush(controller);
  return { out, blocked, waited };
}

function textOf(format: Format, events: readonly SseEvent[]): string {
  let text = '';
  for (const event of events) {
    format.mapEvent(event, (part) => {
      if (part.partial) text += part.text;
      return part.text;
    });
  }
  return text;
}

describe.each(DIALECTS.map(([format, block, end]) => ({ name: format.name, format, block, end })))(
  'blocks in $name',
  ({ format, block, end }) => {
    const inBlocks = (pieces: readonly string[]): SseEvent[] => [
      ...pieces.flatMap((piece, i) => block(i, piece === '' ? [] : [piece])),
      end,
    ];

    test('let no part of a word out that is cut by them, wherever the one or two cuts are', () => {
      let runs = 0;
      for (const word of BANNED) {
        for (const [lead, tail] of [
          ['', ''],
          ['好的，', ' 好'],
          ['It is a ', '. Fine'],
          ['x '.repeat(200), '，ok'],
        ] as const) {
          for (let first = 1; first < word.length; first++) {
            for (let second = first; second < word.length; second++) {
              const pieces = [
                lead + word.slice(0, first),
                word.slice(first, second),
                word.slice(second) + tail,
              ];
              const { out, blocked } = run(format, inBlocks(pieces));
              const said = textOf(format, out);

              if (!blocked || said !== lead) expect.fail(JSON.stringify({ pieces, said, blocked }));
              const wire = Buffer.concat(out.map(({ raw }) => raw)).toString();
              expect(wire).not.toContain(`${word.slice(0, first)}"`);
              runs++;
            }
          }
        }
      }
      expect(runs).toBe(396);
    });

    test('come as they are when nothing is found, and wait for the next text at most', () => {
      const pieces = ['It is a gr', 'een field. 炸', '鸡 new', ' day', '', 'gru', '。'];
      const events = inBlocks(pieces);
      const { out, blocked, waited } = run(format, events);
      expect(blocked).toBe(false);
      expect(out).toEqual(events);
      // The end of one block, the beginning of the next: and once more for the empty one.
      expect(waited).toBeLessThanOrEqual(8);
    });

    test('are masked together', () => {
      const { out } = run(format, inBlocks(['a gru', 'mble', 'wort here']), { kind: 'replace', text: '***' });
      expect(textOf(format, out)).toBe('a *** here');
    });

    test('of which nothing may go on wait for no other', () => {
      const { out } = run(format, block(0, ['All is well. ']));
      expect(out).toHaveLength(block(0, ['']).length);
    });
  },
);

test('a word masked over two blocks is masked wherever they are repeated as a whole', () => {
  const [, block] = DIALECTS[1] as (typeof DIALECTS)[number];
  const pieces = ['gru is a gru', 'mblewort, a grumble', 'wort here'];
  const content = pieces.map((text) => ({ type: 'output_text', text }));
  const item = { type: 'message', role: 'assistant', content };
  const { out } = run(
    openaiResponses,
    [
      ...pieces.flatMap((piece, i) => block(i, [piece.slice(0, 3), piece.slice(3)])),
      json('response.output_item.done', { output_index: 0, item }),
      json('response.completed', { response: { output: [item] } }),
    ],
    { kind: 'replace', text: '***' },
  );
  const told = new Map<string, string>();
  for (const event of out) {
    openaiResponses.mapEvent(event, (part) => {
      if (part.partial !== true) told.set(event.type, (told.get(event.type) ?? '') + part.text);
      return part.text;
    });
  }
  expect([...told]).toEqual(
    [
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ].map((type) => [type, 'gru is a ***, a *** here']),
  );
});

test('what waits at the end of a text goes out when another kind of text follows', () => {
  const events = [
    ...(DIALECTS[0]?.[1](0, ['a gru']) ?? []),
    json('content_block_start', {
      index: 1,
      content_block: { type: 'tool_use', id: 't', name: 'f', input: {} },
    }),
    json('content_block_delta', { index: 1, delta: { type: 'input_json_delta', partial_json: '{"a":' } }),
  ];
  expect(run(anthropicMessages, events).out).toHaveLength(events.length);
});

test('what has gone out before another kind of text still belongs to the word that goes on behind it', () => {
  const [, block, end] = DIALECTS[0] as (typeof DIALECTS)[number];
  const tool = [
    json('content_block_start', {
      index: 1,
      content_block: { type: 'tool_use', id: 't', name: 'f', input: {} },
    }),
    json('content_block_delta', { index: 1, delta: { type: 'input_json_delta', partial_json: '{}' } }),
    json('content_block_stop', { index: 1 }),
  ];
  const { out, blocked } = run(anthropicMessages, [
    ...block(0, ['a grumble']),
    ...tool,
    ...block(2, ['wort']),
    end,
  ]);
  expect(blocked).toBe(true);
  expect(textOf(anthropicMessages, out)).toBe('a grumble{}');
});
