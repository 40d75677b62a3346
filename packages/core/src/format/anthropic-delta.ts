import { SseEvent } from '../stream/sse-event.ts';
import type { TextMapper } from './format.ts';

const HEAD = '{"type":"content_block_delta","index":';
const MIDDLE = ',"delta":{"type":"text_delta","text":"';
const KEYS = Array.from({ length: 10 }, (_, index) => `content.${index}.text`);

const ZERO = 48;
const NINE = 57;
const SPACE = 32;
const BACKSLASH = 92;
const CLOSE_BRACE = 125;

/**
 * Walks the text of a delta that is spelled as the provider spells it, without parsing the rest: nearly all events of a
 * stream are of this form, and parsing one costs more than most plugins do with it. Undefined: it is of another form.
 */
export function mapTextDelta(event: SseEvent, map: TextMapper): SseEvent | undefined {
  const { data } = event;
  if (!data.startsWith(HEAD)) return undefined;
  let at = HEAD.length;
  while (isDigit(data.charCodeAt(at))) at++;
  const index = data.slice(HEAD.length, at);
  if (index === '' || !data.startsWith(MIDDLE, at)) return undefined;
  const start = at + MIDDLE.length;
  const end = stringEnd(data, start);
  if (end < 0 || !closes(data, end + 1)) return undefined;
  const text = stringOf(data, start, end);
  if (text === undefined) return undefined;
  if (text === '') return event;
  const key = KEYS[Number(index)] ?? `content.${Number(index)}.text`;
  const after = map({ channel: 'text', key, text, editable: true, partial: true });
  if (after === text) return event;
  const delta = { type: 'text_delta', text: after };
  return SseEvent.of(
    event.type,
    JSON.stringify({ type: 'content_block_delta', index: Number(index), delta }),
  );
}

function isDigit(unit: number): boolean {
  return unit >= ZERO && unit <= NINE;
}

/** Where the quote stands that ends a string; -1 if none does. */
function stringEnd(data: string, start: number): number {
  for (let quote = data.indexOf('"', start); quote >= 0; quote = data.indexOf('"', quote + 1)) {
    let before = quote;
    while (before > start && data.charCodeAt(before - 1) === BACKSLASH) before--;
    if ((quote - before) % 2 === 0) return quote;
  }
  return -1;
}

/** Whether nothing follows but the two braces; the provider pads with spaces. */
function closes(data: string, from: number): boolean {
  if (data.charCodeAt(from) !== CLOSE_BRACE) return false;
  let at = from + 1;
  while (data.charCodeAt(at) === SPACE) at++;
  if (data.charCodeAt(at) !== CLOSE_BRACE) return false;
  do at++;
  while (data.charCodeAt(at) === SPACE);
  return at === data.length;
}

/** The text of a string with its escapes undone; undefined when it is no proper string. */
function stringOf(data: string, start: number, end: number): string | undefined {
  const text = data.slice(start, end);
  // Control characters make it invalid: that is for the parser to see.
  if (!/[\\\u0000-\u001f]/.test(text)) return text;
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch {
    return undefined;
  }
}
