import type { TextMapper } from './format.ts';
import { definition, item, part, response } from './openai-responses-items.ts';
import { startAt } from './spot.ts';
import { schema } from './tree.ts';
import { content, conversation, each, fields, fixed, on, text } from './walk.ts';

const plainInput = text();
const items = conversation(item);

const input = fields({
  instructions: text('system'),
  // A plain string is the only message there is.
  input: (value, at) =>
    typeof value === 'string' ? plainInput(value, { ...at, message: 0 }) : items(value, at),
  tools: each(definition),
  text: on('tool-definition', fields({ format: fields({ name: fixed(), description: text(), schema }) })),
  prompt: fields({ variables: fields({}, () => content(part)) }),
});

/** Walks the text of a request body. */
export function mapResponsesInput(body: unknown, map: TextMapper): unknown {
  return input(body, startAt(map, 'message'));
}

/** Walks the text of an answer. */
export function mapResponsesOutput(body: unknown, map: TextMapper): unknown {
  return response(body, startAt(map, 'text'));
}
