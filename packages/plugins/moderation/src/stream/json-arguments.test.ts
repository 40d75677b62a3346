import { anthropicMessages, type PipelineError, SseEvent } from '@sluice/core';
import { anthropicStream, streamAnswer, testPipeline } from '@sluice/core/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CombinedFinder } from '../combined-finder.ts';
import { DetectorFinder } from '../detect/detector-finder.ts';
import { type Finder, WHOLE } from '../finder.ts';
import { moderation, type ModerationOptions } from '../index.ts';
import { PatternFinder } from '../patterns/pattern-finder.ts';
import { compileWords } from '../words/compile.ts';
import { WordFinder } from '../words/word-finder.ts';
import { JsonPlace } from './json-place.ts';
import { ModeratedStream } from './moderated-stream.ts';

const inArguments = new CombinedFinder([
  new WordFinder(compileWords([{ text: 'grumblewort' }, { text: '炸弹' }])),
  new PatternFinder([{ name: 'p', pattern: 'q[ ,:{]*z' }]),
]);

/** The arguments of a streamed tool call, each find replaced by one letter. */
function streamed(pieces: readonly string[], finder: Finder = inArguments): string {
  let out = '';
  const stream = new ModeratedStream({
    format: anthropicMessages,
    finder,
    decide: (_, { editable }) => (editable ? { kind: 'replace', text: 'X' } : { kind: 'pass' }),
    ending: undefined,
    refuse: () => [],
  });
  const controller = {
    enqueue: (event: SseEvent) => {
      anthropicMessages.mapEvent(event, ({ text }) => (out += text));
    },
    terminate: (reason: PipelineError) => {
      throw reason;
    },
  };
  const events = [
    ...pieces.map((partial_json) => ({
      type: 'content_block_delta',
      index: 0,
      delta: { type: 'input_json_delta', partial_json },
    })),
    { type: 'content_block_stop', index: 0 },
  ];
  for (const event of events) stream.transform(SseEvent.of(event.type, JSON.stringify(event)), controller);
  stream.flush(controller);
  return out;
}

/** The same of a whole answer. */
function whole(input: unknown): unknown {
  const body = anthropicMessages.mapOutput(
    { content: [{ type: 'tool_use', input }] },
    ({ text, editable }) => {
      if (!editable) return text;
      const finds = inArguments.find(text, WHOLE).finds.toSorted((a, b) => b.start - a.start);
      return finds.reduce((rest, { start, end }) => `${rest.slice(0, start)}X${rest.slice(end)}`, text);
    },
  ) as { content: { input: unknown }[] };
  return body.content[0]?.input;
}

// A line break within a word is no subject here: raw JSON is read more strictly than what it says. Nor is a quote in a
// pattern, which does not know escapes.
const string = fc
  .array(
    fc.constantFrom(
      ...'grumble wort grumblewort 炸弹 炸 弹 q z " \\ { ] : ,'.split(' '),
      '\ngrumblewort',
      ' ',
    ),
    { maxLength: 6 },
  )
  .map((parts) => parts.join(''));
// Without quotes: Node 24's JSON.parse may take an escaped quote at the end of a name for a backslash.
const name = string.map((one) => one.replaceAll('"', ''));
const { value: json } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    string,
    fc.constantFrom(12, true, null),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(name, tie('value'), { maxKeys: 4 }),
  ),
}));

test('arguments in a stream are redacted as in a whole answer, wherever they are cut', () => {
  const cuts = fc.array(fc.nat(), { maxLength: 8 });
  fc.assert(
    fc.property(
      fc.dictionary(name, json, { minKeys: 1, maxKeys: 4 }),
      cuts,
      fc.boolean(),
      (input, places, spaced) => {
        const raw = spaced ? JSON.stringify(input, null, 1) : JSON.stringify(input);
        const at = [0, ...places.map((place) => place % raw.length).toSorted((a, b) => a - b), raw.length];
        const pieces = at
          .slice(1)
          .map((end, i) => raw.slice(at[i], end))
          .filter((piece) => piece !== '');
        expect(JSON.parse(streamed(pieces))).toEqual(whole(input));
      },
    ),
    { numRuns: 1_000 },
  );
});

describe('of raw JSON', () => {
  const fit = (before: string, text: string, start: number, end: number): unknown => {
    const place = new JsonPlace();
    place.read(before);
    return place.look(text).fit(start, end);
  };
  test.each<[string, string, string, number, number, unknown]>([
    ['a value', '{"a":"', 'word"', 0, 4, { start: 0, end: 4, editable: true }],
    ['a name', '{"', 'word"', 0, 4, { start: 0, end: 4, editable: false }],
    ['a name behind a value', '{"a":[{"b":1},"c"],"', 'word"', 0, 4, { start: 0, end: 4, editable: false }],
    ['an element', '{"a":["b","', 'word"', 0, 4, { start: 0, end: 4, editable: true }],
    ['a number', '{"a":', '1234}', 0, 4, { start: 0, end: 4, editable: false }],
    ['two strings', '{"a":["', 'wo","rd"', 0, 7, undefined],
    ['a quote that is escaped', '{"a":"', 'wo\\"rd"', 0, 6, { start: 0, end: 6, editable: true }],
    ['what follows half an escape', '{"a":"\\', 'nword', 0, 5, { start: 1, end: 5, editable: true }],
    ['what goes before half an escape', '{"a":"', 'word\\u00', 0, 8, { start: 0, end: 4, editable: true }],
    ['half an escape', '{"a":"\\u', '0041', 0, 2, undefined],
    [
      'what lies deeper than is followed',
      `${'['.repeat(1_001)}"`,
      'word',
      0,
      4,
      { start: 0, end: 4, editable: false },
    ],
    [
      'what lies behind that',
      `[${'['.repeat(1_001)}${']'.repeat(1_001)},"`,
      'word',
      0,
      4,
      { start: 0, end: 4, editable: true },
    ],
  ])('%s is told from what is around it', (_, before, text, start, end, expected) => {
    expect(fit(before, text, start, end)).toEqual(expected);
  });
});

describe('a tool call', () => {
  const answers = (args: string): Parameters<typeof streamAnswer>[0] =>
    anthropicStream({
      content: [{ type: 'tool_use', name: 'f', input: JSON.parse(args) as Record<string, unknown> }],
    });
  const sent = async (
    options: ModerationOptions,
    args: string,
  ): Promise<{ wire: string; findings: string[] }> => {
    const findings: string[] = [];
    const plugins = [
      moderation({ ...options, onFinding: ({ rule, action }) => void findings.push(`${rule} ${action}`) }),
    ];
    await using pipe = testPipeline({ plugins, answers: [streamAnswer(answers(args))] });
    const wire = await (await pipe.post({ stream: true })).text();
    const pieces = [...wire.matchAll(/"partial_json":("(?:[^"\\]|\\.)*")/g)];
    return { wire: pieces.map(([, piece]) => JSON.parse(piece as string) as string).join(''), findings };
  };

  test('keeps its names, of which is told that something was in them', async () => {
    const words = [{ text: 'grumblewort' }];
    expect(await sent({ words, rules: [{ action: 'redact' }] }, '{"grumblewort":"a grumblewort"}')).toEqual({
      wire: '{"grumblewort":"a ***********"}',
      findings: ['word:custom flag', 'word:custom redact'],
    });
  });

  test('keeps its numbers', async () => {
    const { wire } = await sent({ detectors: ['cn-mobile'] }, '{"phone":13812345678,"also":"13812345678"}');
    expect(JSON.parse(wire)).toEqual({ phone: 13812345678, also: '[PHONE]' });
  });

  test('is given labels that JSON can hold', async () => {
    const patterns = [{ name: 'p', pattern: 'wort', label: 'a "\\ b' }];
    const { wire } = await sent({ patterns, rules: [{ action: 'redact' }] }, '{"a":"wort"}');
    expect(JSON.parse(wire)).toEqual({ a: 'a "\\ b' });
  });

  test('is searched behind the line breaks of its values, wherever it is cut', () => {
    for (const text of ['grumblewort', '13812345678']) {
      const found = new CombinedFinder([inArguments, new DetectorFinder(['cn-mobile'])]);
      for (const [raw, expected] of [
        [`{"a":"one\\n${text} two"}`, '{"a":"one\\nX two"}'],
        [`{"a":"C:\\\\n${text} two"}`, `{"a":"C:\\\\n${text} two"}`],
      ] as const) {
        for (let cut = 1; cut < raw.length; cut++) {
          expect(streamed([raw.slice(0, cut), raw.slice(cut)], found), `${cut}`).toBe(expected);
        }
      }
    }
  });

  test('in which a word is a value is blocked', async () => {
    const words = [{ text: 'grumblewort' }];
    const { wire, findings } = await sent({ words }, '{"a":"grumblewort"}');
    expect(wire).not.toContain('grumblewort');
    expect(findings).toEqual(['word:custom block']);
  });
});
