import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SseEvent } from '../stream/sse-event.ts';
import type { TextMapper } from './format.ts';
import { FORMATS } from './formats.ts';

const shout: TextMapper = (part) => part.text.toUpperCase();

describe.each(FORMATS)('$name and garbage', (format) => {
  const garbage = fc.oneof(
    fc.jsonValue({ maxDepth: 6 }),
    fc.constant(undefined),
    fc.anything({ maxDepth: 2 }),
  );
  const names = fc.constantFrom(
    ...`type role index content delta text choices messages item part response output input source content_block
    error usage message tool_calls function arguments data citations __proto__ constructor`.split(/\s+/),
  );
  const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 5 },
      fc.constantFrom('text', 'message', 'error', 'content_block_delta', 'text_delta', 'response.completed'),
      fc.constantFrom('tool_use', 'constructor', '__proto__', 'response.output_text.delta', '{"a":"x"}', '['),
      garbage,
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(names, tie('tree'), { maxKeys: 5 }),
    ),
  }));

  it('never throws at a body of any shape, nor changes it unasked', () => {
    fc.assert(
      fc.property(tree, (body) => {
        for (const walk of [format.mapInput, format.mapOutput]) {
          walk(body, shout);
          expect(walk(body, (part) => part.text)).toBe(body);
        }
        format.usage(Buffer.from(JSON.stringify(body) ?? ''));
      }),
      { numRuns: 500 },
    );
  });

  it('never throws at an event of any shape, nor changes it unasked', () => {
    const types = fc.constantFrom(
      'message',
      'error',
      'content_block_start',
      'message_delta',
      'response.completed',
    );
    fc.assert(
      fc.property(types, fc.oneof(tree, fc.string()), (type, data) => {
        const event = SseEvent.of(type, JSON.stringify(data) ?? 'undefined');
        format.kind(event);
        format.eventUsage(event, undefined);
        format.errorEventStatus(event);
        JSON.parse(format.errorEventBody(event));
        format.mapEvent(event, shout);
        expect(format.mapEvent(event, (part) => part.text)).toBe(event);
      }),
      { numRuns: 500 },
    );
  });
});
