import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SseEvent } from '../stream/sse-event.ts';
import { mapTextDelta } from './anthropic-delta.ts';
import { anthropicMessages } from './anthropic-messages.ts';
import { mapAnthropicEvent } from './anthropic-text.ts';
import { mapEventJson } from './bodies.ts';
import type { TextPart } from './format.ts';

type Mapped = { readonly parts: TextPart[]; readonly out: SseEvent | undefined };

function mapped(event: SseEvent, map: typeof anthropicMessages.mapEvent | typeof mapTextDelta): Mapped {
  const parts: TextPart[] = [];
  const out = map(event, (part) => {
    parts.push(part);
    return part.text.replaceAll('a', '"*');
  });
  return { parts, out };
}

const parsed = (event: SseEvent): Mapped =>
  mapped(event, (one, map) => mapEventJson(one, map, mapAnthropicEvent));
const delta = (json: string): SseEvent => SseEvent.of('content_block_delta', json);

test('a delta of text reads as it does when it is parsed, whatever it says', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', 'b', '"', '\\', '\n', '\u2028', '}', '好', '🙂', '\ud83d', ' '),
  });
  const pad = fc.nat({ max: 3 }).map((length) => ' '.repeat(length));
  fc.assert(
    fc.property(text, fc.nat({ max: 12 }), pad, pad, (said, index, inner, outer) => {
      const json = JSON.stringify({
        type: 'content_block_delta',
        index,
        delta: { type: 'text_delta', text: said },
      });
      const event = delta(`${json.slice(0, -1)}${inner}}${outer}`);
      const quick = mapped(event, mapTextDelta);
      const slow = parsed(event);
      expect(quick.parts).toEqual(slow.parts);
      expect(quick.out?.raw).toEqual(slow.out?.raw);
      if (!said.includes('a')) expect(quick.out).toBe(event);
    }),
  );
});

test.each([
  '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"},"more":"a"}',
  '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a","citation":"a"}}',
  '{"type":"content_block_delta","index":,"delta":{"type":"text_delta","text":"a"}}',
  '{"type":"content_block_delta","index":-1,"delta":{"type":"text_delta","text":"a"}}',
  '{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"a"}}',
  '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a\\"}}',
  '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a\\x"}}',
  '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a\u0001"}}',
  '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}',
  '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}}',
  '{ "type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}',
])('what is spelled otherwise is left to the parser: %s', (json) => {
  const event = delta(json);
  expect(mapped(event, mapTextDelta)).toEqual({ parts: [], out: undefined });
  const { parts, out } = mapped(event, anthropicMessages.mapEvent);
  expect(parts).toEqual(parsed(event).parts);
  expect(out?.raw).toEqual(parsed(event).out?.raw);
});
