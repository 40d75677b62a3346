import {
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  skipSpace,
  stringEnd,
} from './scan.ts';

/** How much of the end is looked through first: what is looked for mostly stands there. */
const TAIL_BYTES = 512;
const NOT_ASCII = /[\u0080-\u00ff]/;

/**
 * One member of the object that a JSON text is, found from the end and parsed alone: what follows a long answer costs no
 * more than what follows a short one. A text in which it cannot be told that simply is parsed whole.
 *
 * @returns Undefined when there is no such member, or the text is no JSON.
 */
export function lastMember(text: Buffer, key: string): unknown {
  const name = `"${key}"`;
  let from = Math.max(0, text.length - TAIL_BYTES);
  let part = text.toString('latin1', from);
  // Not inside a string: a quote in there has a backslash before it.
  let at = part.lastIndexOf(name);
  if (at < 0 && from > 0) {
    from = 0;
    part = text.toString('latin1');
    at = part.lastIndexOf(name);
  }
  const span = at < 0 ? undefined : spanOf(part, at + name.length);
  try {
    if (span === undefined) return (JSON.parse(text.toString()) as Record<string, unknown> | null)?.[key];
    const value = part.slice(span.from, span.to);
    return JSON.parse(
      NOT_ASCII.test(value) ? text.toString('utf8', from + span.from, from + span.to) : value,
    );
  } catch {
    return undefined;
  }
}

/** Where the value of a key stands, if the key belongs to the outermost object. */
function spanOf(text: string, afterKey: number): { readonly from: number; readonly to: number } | undefined {
  const colon = skipSpace(text, afterKey);
  // A string that stands for itself.
  if (text.charCodeAt(colon) !== COLON) return undefined;
  const from = colon + 1;
  let to: number | undefined;
  let depth = 1;
  for (let i = from; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case QUOTE:
        i = stringEnd(text, i + 1);
        break;
      case OPEN_BRACE:
      case OPEN_BRACKET:
        depth++;
        break;
      case COMMA:
        if (depth === 1) to ??= i;
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        if (--depth > 0) break;
        // What it closes is the object of the key: it is the outermost one if nothing follows.
        return skipSpace(text, i + 1) === text.length ? { from, to: to ?? i } : undefined;
      default:
    }
  }
  return undefined;
}
