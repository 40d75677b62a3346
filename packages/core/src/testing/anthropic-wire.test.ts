import { describe, expect, it } from 'vitest';
import { anthropicMessage, anthropicStream } from './anthropic-wire.ts';

/** The JSON of each event, and a check that its name is its type. */
function payloads(events: readonly string[]): { type: string; [field: string]: unknown }[] {
  return events.map((event) => {
    const [, name, json = ''] = /^event: (\w+)\ndata: (.*)\n\n$/.exec(event) ?? [];
    const payload = JSON.parse(json) as { type: string };
    expect(payload.type).toBe(name);
    return payload;
  });
}

describe('anthropicStream', () => {
  it('streams a text as the provider does', () => {
    const events = payloads(
      anthropicStream({ text: ['你', '好'], usage: { input_tokens: 3 }, stopReason: 'max_tokens' }),
    );
    expect(events.map(({ type }) => type)).toEqual([
      'message_start',
      'content_block_start',
      'ping',
      'content_block_delta',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
    expect(events[0]).toMatchObject({
      message: { content: [], stop_reason: null, usage: { input_tokens: 3 } },
    });
    expect(events[3]).toEqual({
      type: 'content_block_delta',
      index: 0,
      delta: { type: 'text_delta', text: '你' },
    });
    expect(events[6]).toMatchObject({
      delta: { stop_reason: 'max_tokens' },
      usage: { input_tokens: 3, output_tokens: 2 },
    });
  });

  it('streams thinking with its signature last, and a tool call by pieces of JSON', () => {
    const input = { query: 'pelican names', limit: 2 };
    const events = payloads(
      anthropicStream({
        content: [
          { type: 'thinking', thinking: 'The user wants names.', signature: 'c2ln' },
          { type: 'redacted_thinking', data: 'eHg=' },
          { type: 'tool_use', name: 'search', input },
          { type: 'tool_use', name: 'no_arguments' },
        ],
      }),
    );
    const deltas = (index: number): Record<string, string>[] =>
      events
        .filter((event) => event.type === 'content_block_delta' && event['index'] === index)
        .map((event) => event['delta'] as Record<string, string>);
    expect(deltas(0).at(-1)).toEqual({ type: 'signature_delta', signature: 'c2ln' });
    expect(
      deltas(0)
        .map((delta) => delta['thinking'] ?? '')
        .join(''),
    ).toBe('The user wants names.');
    expect(deltas(1)).toEqual([]);
    expect(deltas(2)[0]).toEqual({ type: 'input_json_delta', partial_json: '' });
    expect(
      JSON.parse(
        deltas(2)
          .map((delta) => delta['partial_json'])
          .join(''),
      ),
    ).toEqual(input);
    expect(deltas(3)).toEqual([{ type: 'input_json_delta', partial_json: '' }]);
    expect(events.at(-2)).toMatchObject({ delta: { stop_reason: 'tool_use' } });
  });

  it('pads its JSON with spaces before the last brace', () => {
    const padded = anthropicStream({ text: 'Two names for a pet pelican' }).filter((event) =>
      / +\}\n\n$/.test(event),
    );
    expect(padded.length).toBeGreaterThan(3);
  });
});

describe('anthropicMessage', () => {
  it('says the same as the stream', () => {
    const message: unknown = JSON.parse(anthropicMessage({ text: ['a', 'b'], model: 'm', id: 'msg_1' }));
    expect(message).toMatchObject({
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'm',
      content: [{ type: 'text', text: 'ab' }],
      stop_reason: 'end_turn',
      usage: { input_tokens: 12, output_tokens: 1, cache_read_input_tokens: 0 },
    });
  });
});
