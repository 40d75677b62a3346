import {
  anthropicMessages,
  type Format,
  openaiChat,
  openaiResponses,
  PipelineError,
  type SseEvent,
  SseEvent as Event,
} from '@sluice/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileWords } from '../words/compile.ts';
import { WordFinder } from '../words/word-finder.ts';
import { ModeratedStream } from './moderated-stream.ts';

const BANNED = ['炸弹', 'grumblewort', '敏感词语', 'new york', 'b8g', 'café'];
const finder = new WordFinder(compileWords(BANNED.map((text) => ({ text }))));

/** How each dialect says a piece of text, and that it is over. */
const DIALECTS: readonly (readonly [Format, (text: string) => SseEvent, readonly SseEvent[]])[] = [
  [
    anthropicMessages,
    (text) => json('content_block_delta', { index: 0, delta: { type: 'text_delta', text } }),
    [json('content_block_stop', { index: 0 }), json('message_stop', {})],
  ],
  [
    openaiChat,
    (content) => json('', { choices: [{ index: 0, delta: { content }, finish_reason: null }] }),
    [json('', { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }), Event.of('', '[DONE]')],
  ],
  [
    openaiResponses,
    (delta) => json('response.output_text.delta', { output_index: 0, content_index: 0, delta }),
    [
      json('response.output_text.done', { output_index: 0, content_index: 0, text: '' }),
      json('response.completed', { response: { output: [] } }),
    ],
  ],
];

function json(type: string, fields: object): SseEvent {
  return Event.of(type, JSON.stringify({ ...(type === '' ? {} : { type }), ...fields }));
}

/** Runs a stream, and tells what came out: after each event, and at the end. */
function run(
  format: Format,
  events: readonly SseEvent[],
): { out: SseEvent[]; delay: number; blocked: boolean } {
  const out: SseEvent[] = [];
  let blocked = false;
  const stream = new ModeratedStream({
    format,
    finder,
    decide: () => ({ kind: 'block' }),
    ending: undefined,
    refuse: () => [],
  });
  const controller = {
    enqueue: (event: SseEvent) => void out.push(event),
    terminate: (reason: PipelineError) => (blocked = reason.code === 'content_blocked'),
  };
  let delay = 0;
  for (const [i, event] of events.entries()) {
    if (blocked) break;
    stream.transform(event, controller);
    if (!blocked) delay = Math.max(delay, i + 1 - out.length);
  }
  if (!blocked) stream.flush(controller);
  return { out, delay, blocked };
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

/** 200 texts with a banned word in some disguise; the word's place is told. */
function bannedTexts(): { text: string; start: number }[] {
  const before = ['', 'a ', '好的，', 'gr', '炸', 'x. ', '他说', 'New ', '敏感 '];
  const disguises = [
    (word: string) => word,
    (word: string) => word.toUpperCase(),
    (word: string) => Array.from(word).join('\u200b'),
    (word: string) => Array.from(word).join('\u0301'),
    (word: string) => word.replace(/[a-z]/, (one) => String.fromCharCode(one.charCodeAt(0) + 0xfee0)),
    (word: string) => Array.from(word).join('-'),
  ];
  const texts: { text: string; start: number }[] = [];
  for (let i = 0; texts.length < 200; i++) {
    const word = BANNED[i % BANNED.length] as string;
    const lead = before[i % before.length] as string;
    const disguise = disguises[(i >> 2) % disguises.length] as (word: string) => string;
    // Letters right before a Latin word make another word of it.
    const gap = /[a-z]$/i.test(lead) && /^[a-z]/.test(word) ? ' ' : '';
    const text = lead + gap + disguise(word).slice(0, 40) + (i % 3 === 0 ? '' : i % 3 === 1 ? ' 好' : '，ok');
    if (finder.find(text, { final: true, json: false }).finds.length > 0) {
      const [first] = finder
        .find(text, { final: true, json: false })
        .finds.map(({ start }) => start)
        .sort((a, b) => a - b);
      texts.push({ text, start: first as number });
    }
  }
  return texts;
}

describe.each(DIALECTS.map(([format, say, end]) => ({ name: format.name, format, say, end })))(
  'in $name',
  ({ format, say, end }) => {
    test('no cut or two cuts of a banned stream let any of the word out, and all before it comes', () => {
      let runs = 0;
      for (const { text, start } of bannedTexts()) {
        for (let first = 0; first < text.length; first++) {
          for (let second = first; second < text.length; second++) {
            const pieces = [text.slice(0, first), text.slice(first, second), text.slice(second)];
            const { out, blocked } = run(format, [
              ...pieces.filter((piece) => piece !== '').map(say),
              ...end,
            ]);
            if (!blocked || textOf(format, out) !== text.slice(0, start)) {
              expect.fail(JSON.stringify({ pieces, out: textOf(format, out), blocked }));
            }
            runs++;
          }
        }
      }
      expect(runs).toBeGreaterThan(10_000);
    });

    test('clean streams come as they are, and an event is late only while it ends in a beginning', () => {
      const piece = fc.oneof(
        fc.constantFrom(
          '炸',
          ' 鸡',
          'gr',
          'umble',
          '好',
          '。',
          'new',
          ' ',
          'yo',
          '%',
          '\\u',
          '&#',
          '敏感',
          '1',
          '🙂',
        ),
        fc.string({ maxLength: 6 }),
      );
      fc.assert(
        fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
          fc.pre(finder.find(pieces.join(''), { final: true, json: false }).finds.length === 0);
          const events = [...pieces.map(say), ...end];
          const { out, blocked } = run(format, events);
          expect(blocked).toBe(false);
          expect(out).toHaveLength(events.length);
          for (const [i, event] of out.entries()) expect(event).toBe(events[i]);
        }),
        { numRuns: 200 },
      );
      const prose = 'The bomb disposal of new words: 我们今天讨论天气，炸鸡很好吃。 Grumbling is fine.';
      const tokens = prose.match(/\p{Script=Han}{1,2}|\s?[^\s\p{Script=Han}]{1,8}|\s+/gu) ?? [];
      expect(run(format, [...tokens.map(say), ...end]).delay).toBeLessThanOrEqual(1);
    });
  },
);
