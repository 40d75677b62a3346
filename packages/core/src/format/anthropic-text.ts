import type { TextMapper } from './format.ts';
import type { Spot } from './spot.ts';
import { get, startAt } from './spot.ts';
import { cited, freeJson, leaves, schema, toolArguments } from './tree.ts';
import {
  byType,
  content,
  conversation,
  each,
  fields,
  fixed,
  inside,
  nothing,
  on,
  pieces,
  text,
} from './walk.ts';
import type { Walk } from './walk.ts';

const serverResult = on('tool-result', leaves);

/** A block of a kind that is not listed here. What a server's tool gave is told by its name. */
const otherBlock: Walk = (value, at) => {
  const type = get(value, 'type');
  const isResult = typeof type === 'string' && type.endsWith('_tool_result');
  return (isResult ? serverResult : leaves)(value, at);
};

// The blocks nest: the table needs this before it is there.
const blocks: Walk = content((value, at) => block(value, at));

const definition: Walk = on(
  'tool-definition',
  fields({
    name: fixed(),
    description: text(),
    input_schema: schema,
    input_examples: freeJson,
    tools: each((value, at) => definition(value, at)),
  }),
);

const toolUse = fields({ name: fixed('tool-arguments'), input: toolArguments });

const block: Walk = byType(
  {
    text: fields({ text: text(), citations: each(cited) }),
    // Signed, like a compaction: a change makes the provider reject the conversation.
    thinking: fields({ thinking: fixed('thinking') }),
    redacted_thinking: nothing,
    compaction: fields({ content: fixed() }),
    tool_use: toolUse,
    server_tool_use: toolUse,
    mcp_tool_use: toolUse,
    tool_result: on('tool-result', fields({ content: blocks })),
    document: fields({
      title: text(),
      context: text(),
      source: byType({ text: fields({ data: text() }), content: fields({ content: blocks }) }, nothing),
    }),
    search_result: fields({ title: text(), source: text(), content: blocks }),
    image: nothing,
    container_upload: nothing,
    fallback: nothing,
    mcp_tool_listing: fields({ tools: each(definition) }),
    tool_addition: fields({ tool: definition }),
    tool_removal: nothing,
  },
  otherBlock,
);

const outputFormat = on('tool-definition', fields({ schema }));
const instructions = fields({ instructions: text('system') });

const outputConfig = fields({ format: outputFormat });
const input = fields({
  system: on('system', blocks),
  messages: conversation(fields({ content: blocks })),
  tools: each(definition),
  output_config: outputConfig,
  fallbacks: each(fields({ output_config: outputConfig })),
  output_format: outputFormat,
  compaction: instructions,
  context_management: fields({ edits: each(instructions) }),
});

const stopDetails = fields({ explanation: text('refusal') });
const output = fields({ content: blocks, stop_details: stopDetails });

const CONTINUED: ReadonlySet<unknown> = new Set(['text', 'thinking', 'compaction']);
const startedBlock: Walk = (value, at) =>
  (CONTINUED.has(get(value, 'type')) ? pieces(block) : block)(value, at);

const delta: Walk = byType(
  {
    text_delta: pieces(fields({ text: text() })),
    thinking_delta: pieces(fields({ thinking: fixed('thinking') })),
    input_json_delta: pieces(inside('partial_json', toolArguments, 'input')),
    compaction_delta: pieces(fields({ content: fixed() })),
    citations_delta: fields({ citation: cited }),
    signature_delta: nothing,
  },
  pieces(leaves),
);

const event: Walk = byType(
  {
    message_start: fields({ message: output }),
    content_block_start: inside('content_block', startedBlock),
    content_block_delta: inside('delta', delta),
    content_block_stop: nothing,
    message_delta: inside('delta', fields({ stop_details: stopDetails })),
    message_stop: nothing,
    ping: nothing,
    error: nothing,
  },
  leaves,
);

/** Walks the text of a request body. */
export function mapAnthropicInput(body: unknown, map: TextMapper): unknown {
  return input(body, startAt(map, 'message'));
}

/** Walks the text of an answer. */
export function mapAnthropicOutput(body: unknown, map: TextMapper): unknown {
  return output(body, startAt(map, 'text'));
}

/** Walks the text of one event's data. Blocks have the same key as in {@link mapAnthropicOutput}. */
export function mapAnthropicEvent(json: unknown, map: TextMapper): unknown {
  const index = get(json, 'index');
  const at: Spot = startAt(map, 'text', typeof index === 'number' ? `content.${index}` : '');
  return event(json, at);
}
