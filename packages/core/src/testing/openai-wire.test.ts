import { describe, expect, it } from 'vitest';
import { errorBody, errorEvent } from './error-body.ts';
import { openaiChat, openaiChatStream } from './openai-chat-wire.ts';
import { openaiResponses, openaiResponsesStream } from './openai-responses-wire.ts';

interface Chunk {
  readonly choices: readonly {
    index: number;
    delta: Record<string, unknown>;
    finish_reason: string | null;
  }[];
  readonly usage?: unknown;
}

function chunksOf(events: readonly string[]): Chunk[] {
  expect(events.at(-1)).toBe('data: [DONE]\n\n');
  return events.slice(0, -1).map((event) => JSON.parse(event.slice('data: '.length)) as Chunk);
}

describe('openaiChatStream', () => {
  it('streams n choices, their deltas interleaved', () => {
    const chunks = chunksOf(
      openaiChatStream({ choices: [{ text: ['a', 'b'] }, { text: ['c'], finishReason: 'length' }] }),
    );
    const seen = chunks.map(({ choices: [choice] }) => [
      choice?.index,
      choice?.delta['content'],
      choice?.finish_reason,
    ]);
    expect(seen).toEqual([
      [0, '', null],
      [1, '', null],
      [0, 'a', null],
      [1, 'c', null],
      [0, 'b', null],
      [0, undefined, 'stop'],
      [1, undefined, 'length'],
    ]);
    for (const chunk of chunks) expect(chunk).not.toHaveProperty('usage');
  });

  it('tells the usage in a chunk of its own when asked to', () => {
    const chunks = chunksOf(
      openaiChatStream({ text: 'hi', includeUsage: true, usage: { prompt_tokens: 5 } }),
    );
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 5, completion_tokens: 1, total_tokens: 6 },
    });
    for (const chunk of chunks.slice(0, -1)) expect(chunk.usage).toBeNull();
  });

  it('streams tool calls by index, arguments in pieces', () => {
    const chunks = chunksOf(
      openaiChatStream({
        toolCalls: [{ name: 'search', arguments: { query: 'pelican names' } }, { name: 'now' }],
      }),
    );
    const calls = chunks.flatMap(
      ({ choices: [choice] }) =>
        (choice?.delta['tool_calls'] as { index: number; function: { arguments: string } }[] | undefined) ??
        [],
    );
    const argumentsOf = (index: number): string =>
      calls
        .filter((call) => call.index === index)
        .map((call) => call.function.arguments)
        .join('');
    expect(JSON.parse(argumentsOf(0))).toEqual({ query: 'pelican names' });
    expect(argumentsOf(1)).toBe('{}');
    expect(calls[0]).toMatchObject({ type: 'function', function: { name: 'search', arguments: '' } });
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe('tool_calls');
  });
});

describe('openaiChat', () => {
  it('is a whole completion', () => {
    expect(JSON.parse(openaiChat({ text: 'hi', n: 2 }))).toMatchObject({
      object: 'chat.completion',
      choices: [
        { index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' },
        { index: 1, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' },
      ],
      usage: { prompt_tokens: 12, completion_tokens: 1, total_tokens: 13 },
    });
  });
});

describe('openaiResponsesStream', () => {
  it('numbers its named events, and ends with the whole response', () => {
    const answer = { text: ['Hel', 'lo'], toolCalls: [{ name: 'now' }] };
    const events = openaiResponsesStream(answer).map((event) => {
      const [, name, json = ''] = /^event: (\S+)\ndata: (.*)\n\n$/.exec(event) ?? [];
      const payload = JSON.parse(json) as { type: string; sequence_number: number; response?: unknown };
      expect(payload.type).toBe(name);
      return payload;
    });
    expect(events.map((event) => event.sequence_number)).toEqual([...events.keys()]);
    expect(events.map(({ type }) => type)).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.output_item.added',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.done',
      'response.output_item.done',
      'response.completed',
    ]);
    expect(events.at(-1)?.response).toEqual(JSON.parse(openaiResponses(answer)));
    expect(events.at(-1)?.response).toMatchObject({ status: 'completed', usage: { input_tokens: 12 } });
  });

  it.each(['incomplete', 'failed'] as const)('can end %s', (status) => {
    expect(openaiResponsesStream({ status }).at(-1)).toContain(`event: response.${status}\n`);
  });
});

describe('errorBody', () => {
  it('speaks each dialect', () => {
    expect(JSON.parse(errorBody('anthropic-messages', 529, { requestId: 'req_1' }))).toEqual({
      type: 'error',
      error: { type: 'overloaded_error', message: 'Overloaded' },
      request_id: 'req_1',
    });
    expect(JSON.parse(errorBody('openai-chat', 429, { code: 'insufficient_quota' }))).toMatchObject({
      error: { type: 'requests', code: 'insufficient_quota', param: null },
    });
    expect(JSON.parse(errorBody('anthropic-messages', 418))).toMatchObject({
      error: { type: 'invalid_request_error' },
    });
    expect(JSON.parse(errorBody('openai-responses', 599))).toMatchObject({ error: { type: 'server_error' } });
  });

  it('has an event for each dialect', () => {
    expect(errorEvent('anthropic-messages', 500)).toMatch(
      /^event: error\ndata: \{"type":"error","error":\{"type":"api_error"/,
    );
    expect(errorEvent('openai-chat', 500)).toMatch(/^data: \{"error":\{"message":/);
    expect(errorEvent('openai-responses', 500)).toMatch(
      /^event: error\ndata: \{"type":"error","sequence_number":0,"error":/,
    );
  });
});
