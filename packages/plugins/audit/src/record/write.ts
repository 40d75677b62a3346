import { maskCut, maskSecrets } from '../content/secrets.ts';

/** Longest text of a stranger's choosing in a record. */
const MAX_CHARS = 256;

/** Models, paths and endpoints come again and again. */
const MAX_KNOWN = 512;
const known = new Map<string, string>();

/** A name that a stranger may have chosen, as JSON: bounded, without secrets, and safe in any log viewer. */
export function quoted(text: string): string {
  const found = known.get(text);
  if (found !== undefined) return found;
  const short = text.length > MAX_CHARS ? `${maskCut(text.slice(0, MAX_CHARS))}…` : maskSecrets(text);
  const written = JSON.stringify(short).replace(UNSAFE, escaped);
  if (text.length <= MAX_CHARS) {
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(text, written);
  }
  return written;
}

/** Line ends to some readers, and what turns the direction of writing, are escaped: a record is one visible line. */
const UNSAFE = /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

function escaped(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
