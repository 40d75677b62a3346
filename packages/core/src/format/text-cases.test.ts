import { describe, expect, it } from 'vitest';
import { SseEvent } from '../stream/sse-event.ts';
import { anthropicMessages } from './anthropic-messages.ts';
import type { Format, TextPart } from './format.ts';
import { openaiChat } from './openai-chat.ts';
import { openaiResponses } from './openai-responses.ts';

/** An event's data. */
type Json = Readonly<Record<string, unknown>> & { readonly type?: string };

function shownIn(format: Format, json: Json): TextPart[] {
  const parts: TextPart[] = [];
  const event = SseEvent.of(json.type ?? 'message', JSON.stringify(json));
  format.mapEvent(event, (part) => {
    parts.push(part);
    return part.text;
  });
  return parts;
}

function outputOf(format: Format, body: unknown): TextPart[] {
  const parts: TextPart[] = [];
  format.mapOutput(body, (part) => {
    parts.push(part);
    return part.text;
  });
  return parts;
}

function changed(format: Format, json: Json): unknown {
  const event = SseEvent.of(json.type ?? 'message', JSON.stringify(json));
  return format.mapEvent(event, () => 'X').json;
}

describe('text of Anthropic', () => {
  const delta = (delta: object, index = 2): Json => ({
    type: 'content_block_delta',
    index,
    delta,
  });

  it('of a block continues from its start through its deltas', () => {
    const start = { type: 'content_block_start', index: 2, content_block: { type: 'text', text: 'He' } };
    const at = { channel: 'text', key: 'content.2.text', editable: true, partial: true };
    expect(shownIn(anthropicMessages, start)).toEqual([{ ...at, text: 'He' }]);
    expect(shownIn(anthropicMessages, delta({ type: 'text_delta', text: 'llo' }))).toEqual([
      { ...at, text: 'llo' },
    ]);
    expect(changed(anthropicMessages, delta({ type: 'text_delta', text: 'llo' }))).toEqual(
      delta({ type: 'text_delta', text: 'X' }),
    );
  });

  it('that is thinking is shown, but stays byte for byte', () => {
    const event = delta({ type: 'thinking_delta', thinking: 'hm' });
    expect(shownIn(anthropicMessages, event)).toMatchObject([{ channel: 'thinking', editable: false }]);
    expect(changed(anthropicMessages, event)).toEqual(event);
    const signature = delta({ type: 'signature_delta', signature: 'c2ln' });
    expect(shownIn(anthropicMessages, signature)).toEqual([]);
  });

  it('that is a piece of arguments is shown as it is', () => {
    const event = delta({ type: 'input_json_delta', partial_json: '"a": "b' });
    expect(shownIn(anthropicMessages, event)).toEqual([
      {
        channel: 'tool-arguments',
        key: 'content.2.input',
        editable: true,
        partial: true,
        json: true,
        text: '"a": "b',
      },
    ]);
    expect(shownIn(anthropicMessages, delta({ type: 'input_json_delta', partial_json: '12' }))).toMatchObject(
      [{ text: '12' }],
    );
  });

  it('that is cited comes whole, and is not what the model says itself', () => {
    const citation = { type: 'char_location', cited_text: 'q' };
    const cited = { channel: 'tool-result', editable: true, text: 'q' };
    expect(shownIn(anthropicMessages, delta({ type: 'citations_delta', citation }))).toEqual([
      { ...cited, key: 'content.2.citation.cited_text' },
    ]);
    const content_block = { type: 'text', text: '', citations: [citation] };
    expect(
      shownIn(anthropicMessages, { type: 'content_block_start', index: 2, content_block }),
    ).toMatchObject([cited]);
    expect(
      outputOf(anthropicMessages, { content: [{ type: 'text', text: 'a', citations: [citation] }] }),
    ).toEqual([
      { channel: 'text', key: 'content.0.text', editable: true, text: 'a' },
      { ...cited, key: 'content.0.citations.0.cited_text' },
    ]);
  });

  it('from a server tool is a tool result, also in an answer', () => {
    const content = { type: 'advisor_result', text: '4.', stop_reason: 'end_turn' };
    const start = {
      type: 'content_block_start',
      index: 3,
      content_block: { type: 'advisor_tool_result', content },
    };
    expect(shownIn(anthropicMessages, start)).toMatchObject([{ channel: 'tool-result', text: '4.' }]);
  });

  it('that explains a refusal is shown', () => {
    const event = { type: 'message_delta', delta: { stop_details: { type: 'refusal', explanation: 'no' } } };
    expect(shownIn(anthropicMessages, event)).toMatchObject([{ channel: 'refusal', text: 'no' }]);
  });

  it('in an event or delta newer than this code is shown', () => {
    expect(shownIn(anthropicMessages, { type: 'future_event', note: 'n' })).toMatchObject([{ text: 'n' }]);
    expect(shownIn(anthropicMessages, delta({ type: 'future_delta', note: 'n' }))).toMatchObject([
      { text: 'n', partial: true },
    ]);
  });

  it('of a request is told with channel and place', () => {
    const parts: TextPart[] = [];
    const body = {
      system: 's',
      messages: [
        { role: 'user', content: 'u' },
        { role: 'assistant', content: [{ type: 'text', text: 'a' }] },
        { role: 'user', content: [{ type: 'tool_result', content: 'r' }] },
        { role: 'system', content: 'y' },
      ],
    };
    anthropicMessages.mapInput(body, (part) => {
      parts.push(part);
      return part.text;
    });
    expect(parts).toEqual([
      { channel: 'system', key: 'system', editable: true, text: 's' },
      { channel: 'message', key: 'messages.0.content', message: 0, editable: true, text: 'u' },
      { channel: 'text', key: 'messages.1.content.0.text', message: 1, editable: true, text: 'a' },
      { channel: 'tool-result', key: 'messages.2.content.0.content', message: 2, editable: true, text: 'r' },
      { channel: 'system', key: 'messages.3.content', message: 3, editable: true, text: 'y' },
    ]);
  });
});

describe('text of chat', () => {
  it('has a key for each choice and each tool of it', () => {
    const choices = [
      { index: 1, delta: { content: 'b' } },
      { index: 0, delta: { tool_calls: [{ index: 4, function: { arguments: '{' } }] } },
    ];
    expect(shownIn(openaiChat, { choices })).toEqual([
      { channel: 'text', key: 'choices.1.delta.content', editable: true, partial: true, text: 'b' },
      {
        channel: 'tool-arguments',
        key: 'choices.0.delta.tool_calls.4.function.arguments',
        editable: true,
        partial: true,
        json: true,
        text: '{',
      },
    ]);
  });

  it('does not stay behind in logprobs when it is changed', () => {
    const logprobs = { content: [{ token: 'secret', bytes: [115] }] };
    const choices = [
      { index: 0, delta: { content: 'secret' }, logprobs },
      { index: 1, delta: {}, logprobs },
    ];
    expect(changed(openaiChat, { choices })).toEqual({
      choices: [
        { index: 0, delta: { content: 'X' }, logprobs: null },
        { index: 1, delta: {}, logprobs },
      ],
    });
  });

  it('is read through the escapes of a string of arguments, which stays JSON', () => {
    const body = {
      messages: [{ role: 'assistant', tool_calls: [{ function: { arguments: '{"q":"\\u62a5"}' } }] }],
    };
    const after = openaiChat.mapInput(body, (part) => (part.text === '报' ? '"' : part.text));
    expect(after).toEqual({
      messages: [{ role: 'assistant', tool_calls: [{ function: { arguments: '{"q":"\\""}' } }] }],
    });
  });

  it('in arguments that are not JSON is shown as it is', () => {
    const body = { messages: [{ role: 'assistant', function_call: { arguments: '{"q' } }] };
    expect(openaiChat.mapInput(body, () => 'X')).toEqual({
      messages: [{ role: 'assistant', function_call: { arguments: 'X' } }],
    });
  });

  it('that is cited is not what the model says itself', () => {
    const annotations = [{ type: 'url_citation', url_citation: { url: 'https://h', title: 'Weather' } }];
    const cited = { channel: 'tool-result', editable: true, text: 'Weather' };
    expect(shownIn(openaiChat, { choices: [{ index: 0, delta: { annotations } }] })).toMatchObject([cited]);
    expect(
      outputOf(openaiChat, { choices: [{ index: 0, message: { content: 'a', annotations } }] }),
    ).toMatchObject([{ channel: 'text', text: 'a' }, cited]);
  });

  it('cannot hide by depth', () => {
    const deep = `${'['.repeat(20_000)}"deep"${']'.repeat(20_000)}`;
    const body = { messages: [{ role: 'assistant', function_call: { arguments: deep } }] };
    const texts: string[] = [];
    const after = openaiChat.mapInput(body, (part) => {
      texts.push(part.text);
      return 'X';
    });
    expect(texts).toContain('deep');
    expect(after).toBe(body);
  });
});

describe('text of responses', () => {
  const where = { output_index: 1, content_index: 0, item_id: 'msg' };
  const key = 'output.1.content.0.text';

  it('continues through its deltas and is whole, under other keys, in every event that repeats it', () => {
    const part = { type: 'output_text', text: 'Hi' };
    const item = { type: 'message', role: 'assistant', content: [part] };
    const response = { instructions: 'not this', output: [item] };
    const whole = { channel: 'text', editable: true, text: 'Hi' };
    expect(shownIn(openaiResponses, { type: 'response.output_text.delta', delta: 'Hi', ...where })).toEqual([
      { ...whole, key, partial: true },
    ]);
    const repeats = [
      { type: 'response.output_text.done', text: 'Hi', ...where },
      { type: 'response.content_part.done', part, ...where },
      { type: 'response.output_item.done', item, output_index: 1 },
      { type: 'response.completed', response },
    ];
    const shown = repeats.map((event) => shownIn(openaiResponses, event));
    expect(shown).toMatchObject(repeats.map(() => [whole]));
    expect(shown.flat().filter((text) => text.partial)).toEqual([]);
    expect(new Set([key, ...shown.flat().map((text) => text.key)]).size).toBe(repeats.length + 1);
    for (const event of repeats) expect(JSON.stringify(changed(openaiResponses, event))).not.toContain('Hi');
  });

  it('does not stay behind in logprobs when it is changed', () => {
    const logprobs = [{ token: 'secret' }];
    const part = { type: 'output_text', text: 'secret', logprobs };
    const events = [
      { type: 'response.output_text.delta', delta: 'secret', logprobs, ...where },
      { type: 'response.output_text.done', text: 'secret', logprobs, ...where },
      { type: 'response.content_part.done', part, ...where },
    ];
    for (const event of events)
      expect(JSON.stringify(changed(openaiResponses, event))).not.toContain('secret');
  });

  it.each([
    ['response.refusal', 'refusal', 'refusal', 'x'],
    ['response.reasoning_summary_text', 'thinking', 'text', 'x'],
    ['response.reasoning_text', 'thinking', 'text', 'x'],
    ['response.function_call_arguments', 'tool-arguments', 'arguments', '["x"]'],
    ['response.custom_tool_call_input', 'tool-arguments', 'input', 'x'],
    ['response.code_interpreter_call_code', 'tool-arguments', 'code', 'x'],
  ])('%s is shown in pieces and as a whole', (base, channel, field, value) => {
    expect(shownIn(openaiResponses, { type: `${base}.delta`, delta: value, ...where })).toMatchObject([
      { channel, text: value, partial: true },
    ]);
    expect(shownIn(openaiResponses, { type: `${base}.done`, [field]: value, ...where })).toMatchObject([
      { channel, text: 'x' },
    ]);
  });

  it('that is cited is not what the model says itself', () => {
    const annotation = { type: 'url_citation', url: 'https://h', title: 'Weather' };
    const cited = { channel: 'tool-result', editable: true, text: 'Weather' };
    const added = {
      type: 'response.output_text.annotation.added',
      annotation,
      annotation_index: 0,
      ...where,
    };
    expect(shownIn(openaiResponses, added)).toMatchObject([cited]);
    expect(shownIn(openaiResponses, added).some(({ partial }) => partial)).toBe(false);
    const part = { type: 'output_text', text: 'a', annotations: [annotation] };
    const shown = [{ channel: 'text', text: 'a' }, cited];
    expect(shownIn(openaiResponses, { type: 'response.content_part.done', part, ...where })).toMatchObject(
      shown,
    );
    expect(outputOf(openaiResponses, { output: [{ type: 'message', content: [part] }] })).toMatchObject(
      shown,
    );
  });

  it('is told to be raw JSON where it is a piece of it', () => {
    const isJson = (type: string): unknown =>
      shownIn(openaiResponses, {
        type: `response.${type}`,
        delta: '{"a',
        arguments: '{"a":"b"}',
        ...where,
      }).map(({ json }) => json);
    expect(isJson('function_call_arguments.delta')).toEqual([true]);
    expect(isJson('function_call_arguments.done')).toEqual([undefined, undefined]);
    expect(isJson('custom_tool_call_input.delta')).toEqual([undefined]);
  });

  it('in an event newer than this code is shown', () => {
    expect(
      shownIn(openaiResponses, { type: 'response.future.delta', delta: 'x', item_id: 'i' }),
    ).toMatchObject([{ text: 'x', partial: true }]);
  });

  it('that is sound or an image is not text', () => {
    expect(shownIn(openaiResponses, { type: 'response.audio.delta', delta: 'QUJD' })).toEqual([]);
    const image = { type: 'response.image_generation_call.partial_image', partial_image_b64: 'QUJD' };
    expect(shownIn(openaiResponses, image)).toEqual([]);
  });
});
