import type { TextMapper } from './format.ts';
import { startAt } from './spot.ts';
import { cited, leaves, otherText, schema, toolArguments } from './tree.ts';
import { byType, content, conversation, each, emptying, fields, fixed, nothing, on, text } from './walk.ts';
import type { Walk } from './walk.ts';

const part: Walk = byType(
  {
    text: fields({ text: text() }),
    refusal: fields({ refusal: text('refusal') }),
    image_url: nothing,
    input_audio: nothing,
    file: fields({ file: fields({ filename: text() }) }),
  },
  leaves,
);

const call = fields({
  name: fixed('tool-arguments'),
  arguments: toolArguments,
  // A custom tool takes plain text.
  input: text('tool-arguments'),
});

const thinking = on('thinking', leaves);

/** A message of a request or an answer, or a delta of one. Other servers put reasoning into fields of their own. */
const message: Walk = fields(
  {
    name: fixed(),
    content: content(part),
    refusal: text('refusal'),
    reasoning: thinking,
    reasoning_content: thinking,
    // May be signed.
    reasoning_details: on('thinking', each(fields({ text: fixed(), summary: fixed() }))),
    tool_calls: each(fields({ function: call, custom: call }), 'index'),
    function_call: call,
    audio: fields({ transcript: text() }),
    annotations: cited,
  },
  otherText,
);

const definition = fields({ name: fixed(), description: text(), parameters: schema, format: schema });

const input = fields({
  messages: conversation(message),
  tools: on('tool-definition', each(fields({ function: definition, custom: definition }))),
  functions: on('tool-definition', each(definition)),
  response_format: on(
    'tool-definition',
    fields({ json_schema: fields({ name: fixed(), description: text(), schema }) }),
  ),
  prediction: fields({ content: content(part) }),
});

// The tokens of `logprobs` spell the text again.
const choice = emptying('logprobs', null, fields({ message, delta: message }));
const output = fields({ choices: each(choice, 'index') });

/** Walks the text of a request body. */
export function mapChatInput(body: unknown, map: TextMapper): unknown {
  return input(body, startAt(map, 'message'));
}

/** Walks the text of an answer, in every choice. */
export function mapChatOutput(body: unknown, map: TextMapper): unknown {
  return output(body, startAt(map, 'text'));
}

/** Walks the text of one chunk. */
export function mapChatEvent(json: unknown, map: TextMapper): unknown {
  return output(json, startAt(map, 'text', '', true));
}
