import { get } from './spot.ts';
import { cited, leaves, schema, toolArguments } from './tree.ts';
import { byType, content, each, emptying, fields, fixed, nothing, on, text } from './walk.ts';
import type { Walk } from './walk.ts';

// The tokens of `logprobs` spell the text again.
const outputText = emptying('logprobs', [], fields({ text: text(), annotations: cited }));
const thought = fields({ text: text('thinking') });

/** One part of a message's content. */
export const part: Walk = byType(
  {
    input_text: fields({ text: text() }),
    output_text: outputText,
    text: fields({ text: text() }),
    refusal: fields({ refusal: text('refusal') }),
    summary_text: thought,
    reasoning_text: thought,
    input_image: nothing,
    input_audio: nothing,
    input_file: fields({ filename: text() }),
    computer_screenshot: nothing,
  },
  leaves,
);

/** A tool that is offered to the model. */
export const definition: Walk = on(
  'tool-definition',
  fields({
    name: fixed(),
    description: text(),
    server_description: text(),
    parameters: schema,
    output_schema: schema,
    input_schema: schema,
    format: schema,
    tools: each((value, at) => definition(value, at)),
  }),
);
const definitions = fields({ tools: each(definition) });

const message = fields({ content: content(part) });
const call = fields({
  name: fixed('tool-arguments'),
  arguments: toolArguments,
  // A custom tool takes plain text.
  input: text('tool-arguments'),
  // A server's MCP call holds its result too.
  output: text('tool-result'),
  error: on('tool-result', leaves),
});
const result = on('tool-result', fields({ output: content(part) }));
const action = on('tool-arguments', fields({ action: leaves, operation: leaves }));

/** One item of the input or the output. */
export const item: Walk = byType(
  {
    message,
    reasoning: fields({ summary: each(part), content: each(part) }),
    function_call: call,
    function_call_output: result,
    custom_tool_call: call,
    custom_tool_call_output: result,
    mcp_call: call,
    mcp_approval_request: call,
    mcp_list_tools: definitions,
    tool_search_call: call,
    tool_search_output: definitions,
    additional_tools: definitions,
    web_search_call: action,
    computer_call: action,
    computer_call_output: nothing,
    local_shell_call: action,
    local_shell_call_output: result,
    shell_call: action,
    shell_call_output: result,
    apply_patch_call: action,
    apply_patch_call_output: result,
    file_search_call: fields({
      queries: each(text('tool-arguments')),
      results: on('tool-result', leaves),
    }),
    code_interpreter_call: fields({ code: text('tool-arguments'), outputs: on('tool-result', leaves) }),
    image_generation_call: fields({ revised_prompt: text('tool-arguments') }),
    item_reference: nothing,
    compaction: nothing,
  },
  // A message may come without a type.
  (value, at) => (get(value, 'type') === undefined ? message : leaves)(value, at),
);

/** A response. What it repeats of the request is not walked. */
export const response: Walk = fields({ output: each(item) });
