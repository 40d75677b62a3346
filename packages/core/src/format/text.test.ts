import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anthropicMessages } from './anthropic-messages.ts';
import type { TextMapper, TextPart } from './format.ts';
import { openaiChat } from './openai-chat.ts';
import { openaiResponses } from './openai-responses.ts';

// In these bodies text that may change begins with §, text that may not with ¤; all else is no text.
const word = fc.string({ unit: fc.constantFrom('a', 'b', 'é', 'ß', '中', '"', '\\', ' '), maxLength: 4 });
const t = word.map((text) => `§${text}`);
const f = word.map((text) => `¤${text}`);
// No backslash in names: V8 then reads names of other bodies wrongly (nodejs/node#63785).
const key = f.map((name) => name.replaceAll('\\', '/'));
const arrays = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(one, { maxLength: 3 });
const parts = (one: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> => fc.oneof(t, arrays(one));
const one = (...shapes: Record<string, unknown>[]): fc.Arbitrary<unknown> =>
  fc.oneof(...shapes.map((shape) => fc.record(arbitraries(shape))));

/** Turns plain values of a shape into constants, so that a shape reads like the JSON it makes. */
function arbitraries(shape: Record<string, unknown>): Record<string, fc.Arbitrary<unknown>> {
  return Object.fromEntries(
    Object.entries(shape).map(([name, value]) => [
      name,
      typeof value === 'object' && value !== null && 'generate' in value
        ? (value as unknown as fc.Arbitrary<unknown>)
        : typeof value === 'object' && value !== null && !Array.isArray(value)
          ? fc.record(arbitraries(value as Record<string, unknown>))
          : fc.constant(value),
    ]),
  );
}

const { json } = fc.letrec<{ json: unknown }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 3 },
    t,
    fc.constantFrom(1, null, true),
    arrays(tie('json')),
    fc.dictionary(key, tie('json'), { maxKeys: 3 }),
  ),
}));
const object = fc.dictionary(key, json, { maxKeys: 3 });
const schema = one({ description: t, '¤properties': { '¤p': { description: t, '¤enum': arrays(f) } } });
const { block } = fc.letrec<{ block: unknown }>((tie) => ({
  block: fc.oneof(
    { maxDepth: 2 },
    one({
      type: 'text',
      text: t,
      cache_control: { type: 'ephemeral' },
      citations: arrays(one({ type: 'char_location', cited_text: t, document_title: t, file_id: 'file' })),
    }),
    one({ type: 'thinking', thinking: f, signature: 'c2ln' }),
    one({ type: 'redacted_thinking', data: 'ZGF0YQ' }),
    one({ type: 'tool_use', id: 'toolu', name: f, input: object }),
    one({ type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'aW1n' } }),
    one({ type: 'tool_result', tool_use_id: 'toolu', content: parts(tie('block')) }),
    one({
      type: 'document',
      title: t,
      context: t,
      source: { type: 'text', media_type: 'text/plain', data: t },
    }),
    one({ type: 'document', source: { type: 'content', content: parts(tie('block')) } }),
    one({ type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'cGRm' } }),
    one({ type: 'search_result', title: t, source: t, content: arrays(tie('block')) }),
    one({
      type: 'web_search_tool_result',
      tool_use_id: 'srvtoolu',
      content: arrays(
        one({ type: 'web_search_result', title: t, url: 'https://h', encrypted_content: 'ZW5j' }),
      ),
    }),
    one({
      type: 'bash_code_execution_tool_result',
      tool_use_id: 'srvtoolu',
      content: { type: 'bash_code_execution_result', stdout: t, stderr: t, return_code: 0 },
    }),
    one({
      type: 'web_fetch_tool_result',
      content: { url: 'https://h', content: { title: t, source: { type: 'text', data: t } } },
    }),
    one({ type: 'mcp_tool_result', tool_use_id: 'm', content: arrays(one({ type: 'text', text: t })) }),
    one({ type: 'compaction', content: f, encrypted_content: 'ZW5j' }),
    one({ type: 'newer_than_this_code', note: t, novel_id: 'id', inner: { lines: arrays(t) } }),
  ),
}));

const anthropicInput = one({
  model: 'claude',
  max_tokens: 1,
  system: parts(block),
  messages: arrays(one({ role: 'user', content: parts(block) }, { role: 'system', content: t })),
  tools: arrays(one({ name: f, description: t, input_schema: schema })),
  metadata: { user_id: 'u' },
});
const anthropicOutput = one({
  id: 'msg',
  type: 'message',
  content: arrays(block),
  stop_reason: 'end_turn',
  stop_details: { type: 'refusal', explanation: t },
});

const args = object.map((value) => JSON.stringify(value));
const chatCall = one(
  { id: 'call', type: 'function', function: { name: f, arguments: args } },
  { id: 'call', type: 'custom', custom: { name: f, input: t } },
);
const chatMessage = one(
  { role: 'system', content: t },
  {
    role: 'user',
    name: f,
    content: arrays(one({ type: 'text', text: t }, { type: 'image_url', image_url: { url: 'u' } })),
  },
  { role: 'assistant', content: null, refusal: t, reasoning_content: t, tool_calls: arrays(chatCall) },
  {
    role: 'assistant',
    content: t,
    function_call: { name: f, arguments: args },
    audio: { id: 'a', data: 'QQ', transcript: t },
  },
  { role: 'assistant', content: arrays(one({ type: 'refusal', refusal: t })), reasoning_by_another_name: t },
  { role: 'tool', tool_call_id: 'call', content: parts(one({ type: 'text', text: t })) },
);
const chatInput = one({
  model: 'gpt',
  messages: arrays(chatMessage),
  tools: arrays(one({ type: 'function', function: { name: f, description: t, parameters: schema } })),
  functions: arrays(one({ name: f, description: t, parameters: schema })),
  response_format: { type: 'json_schema', json_schema: { name: f, schema: schema } },
});
const choice = fc.record({
  index: fc.nat(3),
  message: chatMessage,
  finish_reason: fc.constant('stop'),
});
const chatOutput = one({
  id: 'c',
  choices: fc.uniqueArray(choice, { selector: (one) => one.index, maxLength: 3 }),
});

const responsePart = one(
  { type: 'input_text', text: t },
  { type: 'output_text', text: t, annotations: arrays(one({ type: 'url_citation', title: t, url: 'u' })) },
  { type: 'refusal', refusal: t },
  { type: 'input_image', image_url: 'data:', file_id: 'f' },
  { type: 'newer_than_this_code', transcript: t },
);
const responseItem = one(
  { role: 'user', content: parts(responsePart) },
  { type: 'message', id: 'msg', role: 'assistant', status: 'completed', content: arrays(responsePart) },
  {
    type: 'reasoning',
    id: 'r',
    summary: arrays(one({ type: 'summary_text', text: t })),
    encrypted_content: 'ZW5j',
  },
  { type: 'function_call', call_id: 'c', name: f, arguments: args },
  { type: 'function_call_output', call_id: 'c', output: parts(responsePart) },
  { type: 'custom_tool_call', call_id: 'c', name: f, input: t },
  { type: 'mcp_call', id: 'm', name: f, arguments: args, output: t, server_label: 'l' },
  { type: 'web_search_call', id: 'w', action: { type: 'search', query: t, queries: arrays(t) } },
  {
    type: 'file_search_call',
    queries: arrays(t),
    results: arrays(one({ file_id: 'f', filename: t, text: t })),
  },
  {
    type: 'shell_call_output',
    call_id: 'c',
    output: arrays(one({ stdout: t, stderr: t, outcome: { type: 'exit' } })),
  },
  { type: 'code_interpreter_call', code: t, outputs: arrays(one({ type: 'logs', logs: t })) },
  { type: 'image_generation_call', revised_prompt: t, result: 'aW1n' },
  { type: 'item_reference', id: 'x' },
  { type: 'newer_than_this_code', id: 'n', status: 'completed', detail: t },
);
const responsesInput = one({
  model: 'gpt',
  instructions: t,
  input: fc.oneof(t, arrays(responseItem)),
  tools: arrays(one({ type: 'function', name: f, description: t, parameters: schema })),
  prompt: { id: 'p', variables: { url: t, type: responsePart } },
});
const responsesOutput = one({
  id: 'resp',
  object: 'response',
  instructions: 'not walked',
  output: arrays(responseItem),
});

const shout: TextMapper = (part) => part.text.toUpperCase();

/** What {@link shout} should make of a body, by the marks alone. Strings of arguments are taken apart. */
function shouted(value: unknown): unknown {
  if (typeof value === 'string') {
    if (value.startsWith('{')) return JSON.stringify(shouted(JSON.parse(value)));
    return value.startsWith('§') ? value.toUpperCase() : value;
  }
  if (Array.isArray(value)) return value.map(shouted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, shouted(inner)]));
}

/** All marked strings and names. */
function marked(value: unknown): string[] {
  if (typeof value === 'string') {
    if (value.startsWith('{')) return marked(JSON.parse(value));
    return /^[§¤]/.test(value) ? [value] : [];
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => [
    ...(name.startsWith('¤') ? [name] : []),
    ...marked(inner),
  ]);
}

function shownBy(walk: (map: TextMapper) => unknown): TextPart[] {
  const parts: TextPart[] = [];
  walk((part) => {
    parts.push(part);
    return part.text;
  });
  return parts;
}

function freeze(value: unknown): unknown {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(freeze);
  return value;
}

describe.each([
  ['anthropic-messages', anthropicMessages, anthropicInput, anthropicOutput],
  ['openai-chat', openaiChat, chatInput, chatOutput],
  ['openai-responses', openaiResponses, responsesInput, responsesOutput],
])('text of %s', (_, format, input, output) => {
  const walks = [
    [input, (body: unknown, map: TextMapper) => format.mapInput(body, map)],
    [output, (body: unknown, map: TextMapper) => format.mapOutput(body, map)],
  ] as const;

  it('is shown, all of it and nothing else', () => {
    for (const [bodies, walk] of walks) {
      fc.assert(
        fc.property(bodies, (body) => {
          const shown = shownBy((map) => walk(body, map)).map((part) => part.text);
          // The one name in these schemas that carries no mark.
          expect(shown.filter((text) => text !== 'description').toSorted()).toEqual(marked(body).toSorted());
        }),
      );
    }
  });

  it('is changed and nothing else, on a copy', () => {
    for (const [bodies, walk] of walks) {
      fc.assert(
        fc.property(bodies, (body) => {
          freeze(body);
          expect(walk(body, shout)).toEqual(shouted(body));
        }),
      );
    }
  });

  it('left alone leaves the very same body', () => {
    for (const [bodies, walk] of walks) {
      fc.assert(
        fc.property(bodies, (body) => {
          expect(walk(body, (part) => part.text)).toBe(body);
        }),
      );
    }
  });

  it('has a key of its own at each place', () => {
    for (const [bodies, walk] of walks) {
      fc.assert(
        fc.property(bodies, (body) => {
          const keys = shownBy((map) => walk(body, map)).map((part) => `${part.channel} ${part.key}`);
          expect(new Set(keys).size).toBe(keys.length);
        }),
      );
    }
  });
});
