import { describe, expect, it } from 'vitest';
import { SseEvent } from '../stream/sse-event.ts';
import { anthropicMessages } from './anthropic-messages.ts';
import { FORMATS } from './formats.ts';
import { openaiChat } from './openai-chat.ts';
import { openaiResponses } from './openai-responses.ts';

const named = (type: string, rest: object = {}): SseEvent =>
  SseEvent.of(type, JSON.stringify({ type, ...rest }));
const chunk = (json: unknown): SseEvent => SseEvent.of('message', JSON.stringify(json));
const block = (text: string): SseEvent => new SseEvent(Buffer.from(text));
const delta = (delta: unknown, rest: object = {}): SseEvent =>
  chunk({ choices: [{ index: 0, delta, ...rest }] });

describe('kind', () => {
  it.each([
    ['message_start', 'preamble'],
    ['ping', 'ping'],
    ['content_block_start', 'content'],
    ['content_block_delta', 'content'],
    ['content_block_stop', 'content'],
    ['message_delta', 'content'],
    ['some_future_event', 'content'],
    ['message_stop', 'terminal'],
    ['error', 'error'],
  ])('of Anthropic: %s is %s', (type, kind) => {
    expect(anthropicMessages.kind(named(type))).toBe(kind);
    expect(anthropicMessages.kind(chunk({ type })), 'without an event line').toBe(kind);
  });

  it.each([
    ['response.created', 'preamble'],
    ['response.queued', 'preamble'],
    ['response.in_progress', 'preamble'],
    ['response.output_item.added', 'content'],
    ['response.output_text.delta', 'content'],
    ['response.some_future_event', 'content'],
    ['response.completed', 'terminal'],
    ['response.incomplete', 'terminal'],
    ['response.failed', 'error'],
    ['error', 'error'],
  ])('of responses: %s is %s', (type, kind) => {
    expect(openaiResponses.kind(named(type))).toBe(kind);
    expect(openaiResponses.kind(chunk({ type })), 'without an event line').toBe(kind);
  });

  it.each([
    ['[DONE]', block('data: [DONE]\n\n'), 'terminal'],
    ['no choices, as Azure begins', chunk({ choices: [], prompt_filter_results: [{}] }), 'preamble'],
    ['no choices but usage', chunk({ choices: [], usage: { prompt_tokens: 1 } }), 'preamble'],
    ['a role alone', delta({ role: 'assistant', content: '', refusal: null }), 'preamble'],
    ['an empty delta', delta({}), 'preamble'],
    ['no delta', chunk({ choices: [{ index: 0, content_filter_results: {} }] }), 'preamble'],
    ['text', delta({ content: 'Hi' }), 'content'],
    ['text in other spelling', block('data: {"choices": [{"delta": {"content": "x"}}]}\n\n'), 'content'],
    ['text that speaks of errors', delta({ content: '"error": {"delta":{"content":""' }), 'content'],
    ['refusal', delta({ refusal: 'No' }), 'content'],
    ['reasoning', delta({ reasoning_content: 'Hm' }), 'content'],
    ['a tool call', delta({ tool_calls: [{ index: 0 }] }), 'content'],
    ['a finish', delta({}, { finish_reason: 'stop' }), 'content'],
    ['the second choice', chunk({ choices: [{ delta: {} }, { delta: { content: 'x' } }] }), 'content'],
    ['an error', chunk({ error: { message: 'no' } }), 'error'],
    ['an error as a string', chunk({ error: 'no' }), 'error'],
    [
      'an error beside choices',
      chunk({ choices: [{ delta: { content: 'x' } }], error: { code: 502 } }),
      'error',
    ],
    ['an error by its name', block('event: error\ndata: {"message":"no"}\n\n'), 'error'],
    ['no error', chunk({ choices: [], error: null }), 'preamble'],
    ['something else', chunk({ hello: 1 }), 'content'],
  ])('of chat: %s is %s', (_, event, kind) => {
    expect(openaiChat.kind(event)).toBe(kind);
  });

  it.each(FORMATS)('of $name: a comment shows life but no progress', (format) => {
    expect(format.kind(block(': keep-alive\n\n'))).toBe('ping');
    expect(format.kind(block('event: message_stop\n\n'))).toBe('ping');
  });

  it.each(FORMATS)('of $name: data that is not JSON is content', (format) => {
    expect(format.kind(block('data: {"choices"\n\n'))).toBe('content');
    expect(format.kind(block('data\n\n'))).toBe('content');
  });
});
