import { get, isObject, show, showAll, tooDeep, under } from './spot.ts';
import type { JsonObject, Spot } from './spot.ts';
import { mapFields, mapList, on, text } from './walk.ts';
import type { Walk } from './walk.ts';

/** How a walk over JSON of unknown shape treats what it meets. */
interface TreeRules {
  /** Fields to leave out, with all below them. */
  readonly skip: (name: string, holder: JsonObject) => boolean;
  /** Whether the names of fields are text too. */
  readonly names: boolean;
  /** Fields whose strings may be changed. */
  readonly editable: (name: string) => boolean;
}

function walkTree(value: unknown, at: Spot, rules: TreeRules, name: string): unknown {
  if (typeof value === 'string') return show(value, at, at.channel, rules.editable(name));
  if (tooDeep(at)) return showAll(value, at);
  if (!isObject(value)) {
    return mapList(value, at, (element, i) => walkTree(element, under(at, i), rules, name));
  }
  return mapFields(value, (field, before) => {
    if (rules.skip(field, value)) return before;
    const spot = under(at, field);
    if (rules.names) show(field, { ...spot, key: `${spot.key}#` }, at.channel, false);
    return walkTree(before, spot, rules, field);
  });
}

function tree(rules: TreeRules): Walk {
  return (value, at) => walkTree(value, at, rules, '');
}

const never = (): boolean => false;
const always = (): boolean => true;

const OPAQUE: ReadonlySet<string> = new Set(
  `cache_control caller created_by error_code file_data file_type id logprobs media_type model object obfuscation
  page_age retrieved_at role server_label signature status stop_reason type url usage`.split(/\s+/),
);
const OPAQUE_END = /(?:_id|_ids|_url|_b64)$/;

/** Fields that hold identifiers, enumerations, locations or encoded bytes. */
function isOpaque(name: string, holder: JsonObject): boolean {
  if (name === 'data') return get(holder, 'type') !== 'text';
  return OPAQUE.has(name) || name.startsWith('encrypted_') || OPAQUE_END.test(name);
}

/**
 * A value whose shape is not known here, such as the result of a server's own tool or a kind of block that is newer
 * than this code: every string that is not evidently machinery. Leaving the unknown out would let text slip by.
 */
export const leaves: Walk = tree({ skip: isOpaque, names: false, editable: (name) => name !== 'name' });

/** What a text refers to: the words of others, next to those of the model, and not to be taken for its last ones. */
export const cited: Walk = on('tool-result', leaves);

/** {@link leaves} for fields that are not evidently machinery. */
export function otherText(name: string, holder: JsonObject): Walk | undefined {
  return isOpaque(name, holder) ? undefined : leaves;
}

/** Free JSON, such as the arguments of a tool: every string, and every name, which cannot be changed. */
export const freeJson: Walk = tree({ skip: never, names: true, editable: always });

const PROSE: ReadonlySet<string> = new Set(['description', 'title', '$comment']);

/** A JSON schema: all of it is shown to the model, and only its prose can be changed without breaking it. */
export const schema: Walk = tree({ skip: never, names: true, editable: (name) => PROSE.has(name) });

const rawArguments = text('tool-arguments');

/**
 * The arguments of a tool: an object, or a string that holds one. A whole string is taken apart, because `\u`
 * escapes would hide text in it and a change could end its JSON early. A piece of one is shown as it is.
 */
export const toolArguments: Walk = (value, at) => {
  const spot: Spot = { ...at, channel: 'tool-arguments' };
  if (typeof value !== 'string') return freeJson(value, spot);
  if (at.partial) return show(value, at, 'tool-arguments', true, true);
  const json = parse(value);
  if (json === undefined) return rawArguments(value, at);
  const after = freeJson(json, spot);
  return Object.is(after, json) ? value : (stringify(after) ?? rawArguments(value, at));
};

function parse(value: string): unknown {
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return undefined;
  }
}

/** Undefined when it nests too deeply: parsing does not recurse, this does. */
function stringify(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}
