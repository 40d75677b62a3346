import type { TextMapper, TextPart } from './format.ts';

/** A parsed JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** What a piece of text is. */
export type Channel = TextPart['channel'];

/** Where a walk stands in a body, and who is shown the text there. */
export interface Spot {
  /** Is shown every text, and says what shall stand in its place. */
  readonly map: TextMapper;
  /** The channel of text that has none of its own. */
  readonly channel: Channel;
  /** Path from the start of the walk. */
  readonly key: string;
  /** Position in the conversation. */
  readonly message: number | undefined;
  /** Whether later events may continue the text here. */
  readonly partial: boolean;
  /** How deep the walk is. */
  readonly depth: number;
}

/** Bodies nest no deeper than 64; what an upstream sends, or a string of arguments holds, may. */
const MAX_DEPTH = 100;

/** The spot that a walk starts from. */
export function startAt(map: TextMapper, channel: Channel, key = '', partial = false): Spot {
  return { map, channel, key, message: undefined, partial, depth: 0 };
}

/** The spot of a field or element. */
export function under(at: Spot, name: string | number): Spot {
  return { ...at, key: at.key === '' ? String(name) : `${at.key}.${name}`, depth: at.depth + 1 };
}

/** Whether a walk must not go deeper. */
export function tooDeep(at: Spot): boolean {
  return at.depth >= MAX_DEPTH;
}

/** Tells objects from everything else that JSON can hold. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The field of an object; undefined when there is none or the value is no object. */
export function get(value: unknown, name: string): unknown {
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

/** Sets a field of a copy. Defined, not assigned: the name may be `__proto__`. */
export function setField(copy: object, name: string, value: unknown): void {
  Object.defineProperty(copy, name, { value, enumerable: true, configurable: true, writable: true });
}

/** The same object with another value in one field. */
export function withField(object: JsonObject, name: string, value: unknown): JsonObject {
  const copy = { ...object };
  setField(copy, name, value);
  return copy;
}

/** Shows one text, unless it is empty. The answer counts only where text may be changed. */
export function show(text: string, at: Spot, channel: Channel, editable: boolean, json = false): string {
  if (text === '') return text;
  const part: { -readonly [Name in keyof TextPart]: TextPart[Name] } = {
    channel,
    key: at.key,
    text,
    editable,
  };
  if (at.message !== undefined) part.message = at.message;
  if (at.partial) part.partial = true;
  if (json) part.json = true;
  const after = at.map(part);
  return editable ? after : text;
}

/**
 * Below the depth cap nothing is changed any more, but no text hides there: every string is shown. A loop, since
 * recursion is what the cap is there to stop.
 */
export function showAll(value: unknown, at: Spot): unknown {
  const stack: unknown[] = [value];
  while (stack.length > 0) {
    const next = stack.pop();
    if (typeof next === 'string') show(next, at, at.channel, false);
    if (typeof next !== 'object' || next === null) continue;
    for (const [name, inner] of Object.entries(next)) {
      if (!Array.isArray(next)) stack.push(name);
      stack.push(inner);
    }
  }
  return value;
}
