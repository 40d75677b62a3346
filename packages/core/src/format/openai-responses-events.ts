import type { TextMapper } from './format.ts';
import { item, part, response } from './openai-responses-items.ts';
import { get, startAt } from './spot.ts';
import type { Channel } from './spot.ts';
import { cited, leaves, toolArguments } from './tree.ts';
import { byType, emptying, fields, inside, nothing, on, pieces, text } from './walk.ts';
import type { Walk } from './walk.ts';

/** Texts that come in pieces (`….delta`) and then once more as a whole (`….done`), there in the field named last. */
const TEXTS: readonly (readonly [base: string, channel: Channel, field: string])[] = [
  ['output_text', 'text', 'text'],
  ['refusal', 'refusal', 'refusal'],
  ['function_call_arguments', 'tool-arguments', 'arguments'],
  ['mcp_call_arguments', 'tool-arguments', 'arguments'],
  ['custom_tool_call_input', 'tool-arguments', 'input'],
  ['code_interpreter_call_code', 'tool-arguments', 'code'],
  ['shell_call_command', 'tool-arguments', 'command'],
  ['reasoning_summary_text', 'thinking', 'text'],
  ['reasoning_text', 'thinking', 'text'],
  ['audio.transcript', 'text', 'transcript'],
];

function textEvents(): Record<string, Walk> {
  const walks: Record<string, Walk> = {};
  for (const [base, channel, field] of TEXTS) {
    const leaf = field === 'arguments' ? toolArguments : text(channel);
    walks[`response.${base}.delta`] = pieces(emptying('logprobs', [], inside('delta', leaf, field)));
    walks[`response.${base}.done`] = emptying('logprobs', [], fields({ [field]: leaf }));
  }
  return walks;
}

// These carry the whole response again, or what there is of it.
const lifecycle = inside('response', response);

const event: Walk = byType(
  {
    ...textEvents(),
    'response.created': lifecycle,
    'response.queued': lifecycle,
    'response.in_progress': lifecycle,
    'response.completed': lifecycle,
    'response.incomplete': lifecycle,
    'response.failed': lifecycle,
    'response.content_part.added': pieces(inside('part', part)),
    'response.content_part.done': inside('part', part),
    'response.reasoning_summary_part.added': pieces(inside('part', part)),
    'response.reasoning_summary_part.done': inside('part', part),
    'response.output_item.added': pieces(inside('item', item)),
    'response.output_item.done': inside('item', item),
    'response.shell_call_output_content.delta': pieces(on('tool-result', leaves)),
    'response.shell_call_output_content.done': on('tool-result', leaves),
    'response.output_text.annotation.added': fields({ annotation: cited }),
    // Sound, in base64.
    'response.audio.delta': nothing,
    error: nothing,
  },
  (json, at) => {
    const type = get(json, 'type');
    return (typeof type === 'string' && type.endsWith('.delta') ? pieces(leaves) : leaves)(json, at);
  },
);

const POSITIONS = [
  ['output_index', 'output'],
  ['content_index', 'content'],
  ['summary_index', 'summary'],
  ['command_index', 'command'],
] as const;

/** Walks the text of one event's data. */
export function mapResponsesEvent(json: unknown, map: TextMapper): unknown {
  const type = get(json, 'type');
  // What repeats a text as a whole does not continue its pieces: it gets keys of its own.
  const continues = typeof type === 'string' && (type.endsWith('.delta') || type.endsWith('.added'));
  const path = continues || typeof type !== 'string' ? [] : [type];
  for (const [field, name] of POSITIONS) {
    const index = get(json, field);
    if (typeof index === 'number') path.push(`${name}.${index}`);
  }
  return event(json, startAt(map, 'text', path.join('.')));
}
