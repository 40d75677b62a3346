import { describe, expect, test } from 'vitest';
import { DEFAULT_SSE_LIMITS, SseDecoder } from '../stream/sse-decoder.ts';
import { SseEvent } from '../stream/sse-event.ts';
import { anthropicStream } from '../testing/anthropic-wire.ts';
import { openaiChatStream } from '../testing/openai-chat-wire.ts';
import { openaiResponsesStream } from '../testing/openai-responses-wire.ts';
import { FORMATS } from './formats.ts';
import type { Format } from './format.ts';

const call = { name: 'look', input: { at: 'x' }, arguments: { at: 'x' } };
const STREAMS: Readonly<Record<string, readonly string[]>> = {
  'anthropic-messages': anthropicStream({
    content: [
      { type: 'text', text: ['One ', 'two'] },
      { type: 'tool_use', ...call },
    ],
  }),
  'openai-chat': openaiChatStream({ text: ['One ', 'two'], toolCalls: [call], n: 1 }),
  'openai-responses': openaiResponsesStream({ text: ['One ', 'two'], toolCalls: [call] }),
};

function eventsOf(format: Format): readonly SseEvent[] {
  const bytes = Buffer.from((STREAMS[format.name] ?? []).join(''));
  return new SseDecoder(DEFAULT_SSE_LIMITS).push(bytes)?.events ?? [];
}

describe.each(FORMATS)('$name', (format) => {
  const events = eventsOf(format);

  test('can be ended after any of its events, with what was said before', () => {
    for (let after = 0; after < events.length; after++) {
      const ending = format.streamEnding('call', 'model');
      let text = '';
      const collect = (event: SseEvent): void => {
        format.mapEvent(event, (part) => {
          if (part.channel === 'text' && part.partial) text += part.text;
          return part.text;
        });
      };
      for (const event of events.slice(0, after)) {
        ending.note(event);
        collect(event);
      }
      const before = text;
      const end = ending.refuse('No. 不行。');
      for (const event of end) collect(event);
      // All choices of this chat may have ended before its usage.
      if (format.name !== 'openai-chat' || after < events.length - 1)
        expect(text).toBe(`${before}No. 不行。`);
      const kinds = end.map((event) => format.kind(event));
      expect(kinds.indexOf('terminal')).toBe(kinds.length - 1);
      expect(kinds).not.toContain('error');
    }
  });

  test('says when a text has ended', () => {
    const ended = events.flatMap((event) => format.endedTexts(event));
    const keys = new Set<string>();
    for (const event of events) {
      format.mapEvent(event, ({ key, text, partial }) => {
        if (partial) keys.add(key);
        return text;
      });
    }
    expect(keys.size).toBeGreaterThan(1);
    for (const key of keys)
      expect(
        ended.some((path) => key === path || key.startsWith(`${path}.`)),
        key,
      ).toBe(true);
  });

  test('refuses in a whole answer', () => {
    const body: unknown = JSON.parse(format.refusalBody('No.', 'call', undefined));
    const texts: string[] = [];
    format.mapOutput(body, ({ channel, text }) => {
      texts.push(`${channel} ${text}`);
      return text;
    });
    expect(texts).toEqual(['text No.']);
  });
});

describe('an ending stays in proportion to what the upstream said', () => {
  const named = (name: string): Format => FORMATS.find((format) => format.name === name) as Format;
  const length = (events: readonly SseEvent[]): number =>
    events.reduce((sum, event) => sum + event.raw.length, 0);

  test('wherever in a response it puts an item', () => {
    const item = (index: unknown): SseEvent => {
      const data = { type: 'response.output_item.done', output_index: index, item: { type: 'message' } };
      return SseEvent.of(data.type, JSON.stringify(data));
    };
    const ended = (...indexes: unknown[]): readonly SseEvent[] => {
      const ending = named('openai-responses').streamEnding('call', 'model');
      for (const index of indexes) ending.note(item(index));
      return ending.refuse('No.');
    };
    const ordinary = ended(0);
    for (const index of [20_000, 4_294_967_294, 1e300, -1, 0.5, 'length', {}, null]) {
      const events = ended(index);
      expect(length(events), JSON.stringify(index)).toBe(length(ordinary));
      expect(JSON.parse(events.at(-1)?.data ?? '')).toMatchObject({
        response: { output: [{ type: 'message' }, { type: 'message', status: 'completed' }] },
      });
    }
  });

  test('however many choices it begins with however much beside them', () => {
    const choices = Array.from({ length: 100 }, (_, index) => ({ index }));
    const chunk = SseEvent.of('', JSON.stringify({ id: 'x'.repeat(10_000), choices }));
    const ending = named('openai-chat').streamEnding('call', 'model');
    ending.note(chunk);
    expect(length(ending.refuse('No.'))).toBeLessThan(10 * chunk.raw.length);
  });
});

test.each([
  [
    'anthropic-messages',
    { output_config: { format: { type: 'json_schema' } } },
    { output_config: { effort: 'low' } },
  ],
  ['openai-chat', { response_format: { type: 'json_object' } }, { response_format: { type: 'text' } }],
  ['openai-responses', { text: { format: { type: 'json_schema' } } }, { text: { format: { type: 'text' } } }],
])('%s tells output for programs from output for people', (name, structured, plain) => {
  const format = FORMATS.find((one) => one.name === name);
  expect(format?.structured(structured)).toBe(true);
  expect(format?.structured(plain)).toBe(false);
  expect(format?.structured({})).toBe(false);
});
