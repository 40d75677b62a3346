import { expect, test } from 'vitest';
import { SseEvent } from '../stream/sse-event.ts';
import { anthropicMessages } from './anthropic-messages.ts';
import type { Format } from './format.ts';
import { openaiChat } from './openai-chat.ts';
import { openaiResponses } from './openai-responses.ts';

const ofEvent = (format: Format, json: { readonly type: string }): readonly string[] | undefined =>
  format.eventSignatures?.(SseEvent.of(json.type, JSON.stringify(json)));

test('signed and encrypted thinking is found in the history of a conversation and in an answer', () => {
  const content = [
    { type: 'thinking', thinking: 'Hm.', signature: 'sig-1' },
    { type: 'redacted_thinking', data: 'enc-1' },
    { type: 'thinking', thinking: 'Unsigned.', signature: '' },
    { type: 'text', text: 'signature' },
  ];
  const messages = [
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content },
  ];
  expect(anthropicMessages.signatures?.({ model: 'm', messages })).toEqual(['sig-1', 'enc-1']);
  expect(anthropicMessages.signatures?.({ type: 'message', content })).toEqual(['sig-1', 'enc-1']);
});

test('and in the events of a stream', () => {
  const type = 'content_block_delta';
  const delta = { type: 'signature_delta', signature: 'sig-1' };
  expect(ofEvent(anthropicMessages, { type, delta } as never)).toEqual(['sig-1']);
  const text = { type: 'text_delta', text: 'signature_delta' };
  expect(ofEvent(anthropicMessages, { type, delta: text } as never)).toEqual([]);
  const block = { type: 'redacted_thinking', data: 'enc-1' };
  expect(ofEvent(anthropicMessages, { type: 'content_block_start', content_block: block } as never)).toEqual([
    'enc-1',
  ]);
  expect(ofEvent(anthropicMessages, { type: 'message_stop' })).toEqual([]);
});

test('encrypted reasoning is found in items that go in and come out', () => {
  const item = { type: 'reasoning', encrypted_content: 'enc-1' };
  expect(openaiResponses.signatures?.({ input: ['x', item, { type: 'message' }] })).toEqual(['enc-1']);
  expect(openaiResponses.signatures?.({ output: [item] })).toEqual(['enc-1']);
  expect(ofEvent(openaiResponses, { type: 'response.output_item.done', item } as never)).toEqual(['enc-1']);
  expect(ofEvent(openaiResponses, { type: 'response.completed' })).toEqual([]);
});

test.each([
  undefined,
  null,
  7,
  'text',
  [],
  {},
  { messages: [null, 7] },
  { content: [null] },
  { input: 'Hi' },
])('nothing is found in %j', (body) => {
  expect(anthropicMessages.signatures?.(body)).toEqual([]);
  expect(openaiResponses.signatures?.(body)).toEqual([]);
  expect(openaiChat.signatures).toBeUndefined();
});
