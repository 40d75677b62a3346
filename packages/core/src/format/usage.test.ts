import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SseEvent } from '../stream/sse-event.ts';
import { anthropicMessages } from './anthropic-messages.ts';
import type { Usage } from './format.ts';
import { FORMATS } from './formats.ts';
import { openaiChat } from './openai-chat.ts';
import { openaiResponses } from './openai-responses.ts';

const bytesOf = (json: unknown): Buffer => Buffer.from(JSON.stringify(json));
const start = (usage: unknown): SseEvent =>
  SseEvent.of('message_start', JSON.stringify({ type: 'message_start', message: { usage } }));
const delta = (usage: unknown): SseEvent =>
  SseEvent.of('message_delta', JSON.stringify({ type: 'message_delta', delta: {}, usage }));
const chunk = (json: unknown): SseEvent => SseEvent.of('message', JSON.stringify(json));
const fold = (events: readonly SseEvent[]): Usage | undefined =>
  events.reduce<Usage | undefined>((usage, event) => anthropicMessages.eventUsage(event, usage), undefined);

describe('usage of Anthropic', () => {
  const whole = {
    input_tokens: 3,
    cache_read_input_tokens: 100,
    cache_creation_input_tokens: 20,
    output_tokens: 7,
    output_tokens_details: { thinking_tokens: 4 },
  };
  const canonical = {
    inputTokens: 123,
    outputTokens: 7,
    cacheReadTokens: 100,
    cacheWriteTokens: 20,
    reasoningTokens: 4,
  };

  it('adds what was read from and written to the cache', () => {
    expect(anthropicMessages.usage(bytesOf({ usage: whole }))).toEqual(canonical);
    expect(fold([start(whole)])).toEqual(canonical);
  });

  it('overwrites output and never adds', () => {
    expect(fold([start({ input_tokens: 3, output_tokens: 1 }), delta({ output_tokens: 9 })])).toEqual({
      inputTokens: 3,
      outputTokens: 9,
    });
  });

  it('keeps the sum right when one part of the input is told later', () => {
    const first = { input_tokens: 3, cache_read_input_tokens: 100, output_tokens: 1 };
    expect(fold([start(first), delta({ input_tokens: 5 })])?.inputTokens).toBe(105);
    expect(fold([start(first), delta({ cache_read_input_tokens: 0 })])?.inputTokens).toBe(3);
    expect(fold([start(first), delta({ cache_creation_input_tokens: 7 })])?.inputTokens).toBe(110);
    expect(fold([delta({ cache_read_input_tokens: 4 }), delta({ input_tokens: 1 })])?.inputTokens).toBe(5);
  });

  it('ends with the sum of the latest parts, whatever was told when', () => {
    const field = fc.option(fc.nat(1_000), { nil: null });
    const usage = fc.record(
      {
        input_tokens: field,
        cache_read_input_tokens: field,
        cache_creation_input_tokens: field,
        output_tokens: field,
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.array(usage, { maxLength: 6 }), (told) => {
        const latest = (name: keyof (typeof told)[number]): number | undefined =>
          told.findLast((one) => typeof one[name] === 'number')?.[name] ?? undefined;
        const [plain, read, write] = [
          latest('input_tokens'),
          latest('cache_read_input_tokens'),
          latest('cache_creation_input_tokens'),
        ];
        const usage = fold(told.map((one) => delta(one)));
        expect(usage?.inputTokens).toBe(plain === undefined ? undefined : plain + (read ?? 0) + (write ?? 0));
        expect(usage?.cacheReadTokens).toBe(read);
        expect(usage?.cacheWriteTokens).toBe(write);
        expect(usage?.outputTokens).toBe(latest('output_tokens'));
      }),
    );
  });

  it('counts nothing for a count', () => {
    expect(anthropicMessages.usage(bytesOf({ input_tokens: 42 }))).toBeUndefined();
  });
});

describe('usage of OpenAI', () => {
  const details = { cached_tokens: 8, cache_write_tokens: 2 };
  const canonical = {
    inputTokens: 10,
    outputTokens: 6,
    cacheReadTokens: 8,
    cacheWriteTokens: 2,
    reasoningTokens: 4,
  };
  const chat = {
    prompt_tokens: 10,
    completion_tokens: 6,
    prompt_tokens_details: details,
    completion_tokens_details: { reasoning_tokens: 4 },
  };
  const response = {
    usage: {
      input_tokens: 10,
      output_tokens: 6,
      input_tokens_details: details,
      output_tokens_details: { reasoning_tokens: 4 },
    },
  };

  it('has cached tokens in the input and reasoning in the output already', () => {
    expect(openaiChat.usage(bytesOf({ usage: chat }))).toEqual(canonical);
    expect(openaiResponses.usage(bytesOf(response))).toEqual(canonical);
  });

  it('comes with the chunk that has no choices, and with every last event of responses', () => {
    expect(openaiChat.eventUsage(chunk({ choices: [], usage: chat }), undefined)).toEqual(canonical);
    for (const type of ['response.completed', 'response.incomplete', 'response.failed']) {
      const event = SseEvent.of(type, JSON.stringify({ type, response }));
      expect(openaiResponses.eventUsage(event, undefined)).toEqual(canonical);
    }
  });

  it('is found whatever the spacing', () => {
    const event = new SseEvent(
      Buffer.from('data: {"usage" : null, "x": {"usage": {}}, "usage" :\t{"prompt_tokens": 5}}\n\n'),
    );
    expect(openaiChat.eventUsage(event, undefined)).toEqual({ inputTokens: 5 });
  });

  it('is not looked for in chunks that say null', () => {
    const event = chunk({ choices: [{ delta: { content: '"usage":{' } }], usage: null });
    const before = { inputTokens: 1 };
    expect(openaiChat.eventUsage(event, before)).toBe(before);
  });
});

it.each(FORMATS)('$name keeps what was known when an event tells nothing, or nonsense', (format) => {
  const before = { inputTokens: 1 };
  const nonsense = { input_tokens: '3', prompt_tokens: -1, output_tokens: null, completion_tokens: [] };
  for (const json of [{}, { usage: null }, { usage: nonsense }, { usage: [] }, 'x', null]) {
    for (const type of ['message_delta', 'message', 'response.completed']) {
      const event = SseEvent.of(type, JSON.stringify(json));
      expect(format.eventUsage(event, before)).toBe(before);
    }
    expect(format.usage(bytesOf(json))).toBeUndefined();
  }
});
