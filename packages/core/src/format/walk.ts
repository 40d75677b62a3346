import { get, isObject, setField, show, showAll, tooDeep, under, withField } from './spot.ts';
import type { Channel, JsonObject, Spot } from './spot.ts';

/**
 * Shows the text of one value to the mapper. Gives back the same value when all text stays as it is, else a copy
 * that differs along the changed paths only. Values of an unexpected type are left alone.
 */
export type Walk = (value: unknown, at: Spot) => unknown;

/** A string of text. */
export function text(channel?: Channel): Walk {
  return (value, at) => (typeof value === 'string' ? show(value, at, channel ?? at.channel, true) : value);
}

/** A string of text that must stay as it is. */
export function fixed(channel?: Channel): Walk {
  return (value, at) => (typeof value === 'string' ? show(value, at, channel ?? at.channel, false) : value);
}

/** Holds no text. */
export const nothing: Walk = (value) => value;

/** Visits the elements of a list. */
export function mapList(
  value: unknown,
  at: Spot,
  visit: (element: unknown, index: number) => unknown,
): unknown {
  if (!Array.isArray(value)) return value;
  if (tooDeep(at)) return showAll(value, at);
  let copy: unknown[] | undefined;
  for (let i = 0; i < value.length; i++) {
    const before: unknown = value[i];
    const after = visit(before, i);
    if (Object.is(after, before)) continue;
    copy ??= [...(value as unknown[])];
    copy[i] = after;
  }
  return copy ?? value;
}

/** Visits the fields of an object. One copy, however many change: a caller chooses how many there are. */
export function mapFields(object: JsonObject, visit: (name: string, value: unknown) => unknown): unknown {
  let copy: object | undefined;
  for (const name of Object.keys(object)) {
    const before = object[name];
    const after = visit(name, before);
    if (Object.is(after, before)) continue;
    copy ??= { ...object };
    setField(copy, name, after);
  }
  return copy ?? object;
}

/** Each element of a list. With `index`, elements that carry their own number in that field are named by it. */
export function each(walk: Walk, index?: string): Walk {
  return (value, at) =>
    mapList(value, at, (element, i) => {
      const number = index === undefined ? i : get(element, index);
      return walk(element, under(at, typeof number === 'number' ? number : i));
    });
}

/** The named fields of an object. `others` finds a walk for the fields that are not named. */
export function fields(
  table: Readonly<Record<string, Walk>>,
  others?: (name: string, holder: JsonObject) => Walk | undefined,
): Walk {
  const walks = new Map(Object.entries(table));
  return (value, at) => {
    if (!isObject(value)) return value;
    if (tooDeep(at)) return showAll(value, at);
    return mapFields(value, (name, before) => {
      const walk = walks.get(name) ?? others?.(name, value);
      return walk === undefined ? before : walk(before, under(at, name));
    });
  };
}

/** One field, without its name in the key; or with another name there. */
export function inside(name: string, walk: Walk, as?: string): Walk {
  return (value, at) => {
    const before = get(value, name);
    if (before === undefined) return value;
    const after = walk(before, as === undefined ? at : under(at, as));
    return Object.is(after, before) ? value : withField(value as JsonObject, name, after);
  };
}

/** Objects by their `type`. */
export function byType(table: Readonly<Record<string, Walk>>, others: Walk): Walk {
  const walks = new Map(Object.entries(table));
  return (value, at) => (walks.get(get(value, 'type') as string) ?? others)(value, at);
}

/** A string, one part, or a list of parts. */
export function content(part: Walk): Walk {
  const string = text();
  const list = each(part);
  return (value, at) => (typeof value === 'string' ? string : Array.isArray(value) ? list : part)(value, at);
}

/** The same walk with another channel for text that has none of its own. */
export function on(channel: Channel, walk: Walk): Walk {
  return (value, at) => walk(value, { ...at, channel });
}

/** The same walk over pieces that later events may continue. */
export function pieces(walk: Walk): Walk {
  return (value, at) => walk(value, { ...at, partial: true });
}

/** Empties a field that repeats the text next to it in another form, once that text was changed. */
export function emptying(name: string, empty: unknown, walk: Walk): Walk {
  return (value, at) => {
    const after = walk(value, at);
    if (Object.is(after, value) || get(after, name) === undefined) return after;
    return withField(after as JsonObject, name, empty);
  };
}

const ROLES: ReadonlyMap<unknown, Channel> = new Map<unknown, Channel>([
  ['system', 'system'],
  ['developer', 'system'],
  ['assistant', 'text'],
  ['tool', 'tool-result'],
  ['function', 'tool-result'],
]);

/** A list of messages: the role decides the channel, and the place is told. */
export function conversation(message: Walk): Walk {
  return (value, at) =>
    mapList(value, at, (element, i) => {
      const channel = ROLES.get(get(element, 'role')) ?? 'message';
      return message(element, { ...under(at, i), channel, message: i });
    });
}
