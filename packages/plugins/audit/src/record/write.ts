import { hash } from 'node:crypto';
import { maskCut, maskSecrets } from '../content/secrets.ts';

/** Longest text of a stranger's choosing in a record. */
const MAX_CHARS = 256;
/** What keeps names apart of which not all is written: 48 bits, too few to tell anything else. */
const HASH_CHARS = 12;

/** Models, paths and endpoints come again and again. */
const MAX_KNOWN = 512;
const known = new Map<string, string>();
const knownNames = new Map<string, string>();

/** A text that a stranger may have chosen, as JSON: bounded, without secrets, and safe in any log viewer. */
export function quoted(text: string): string {
  const found = known.get(text);
  if (found !== undefined) return found;
  const written = jsonOf(shown(text, MAX_CHARS));
  remember(known, text, written);
  return written;
}

/** The name of a caller, as JSON: the same, but that names which differ stay different. What is erased hangs on that. */
export function quotedName(name: string): string {
  const found = knownNames.get(name);
  if (found !== undefined) return found;
  const whole = shown(name, MAX_CHARS);
  const written = jsonOf(
    whole === name ? name : `${shown(name, MAX_CHARS - HASH_CHARS - 2)}#${hashOf(name)}`,
  );
  remember(knownNames, name, written);
  return written;
}

function shown(text: string, maxChars: number): string {
  return text.length > maxChars ? `${maskCut(text.slice(0, maxChars))}…` : maskSecrets(text);
}

function hashOf(name: string): string {
  return hash('sha256', name, 'hex').slice(0, HASH_CHARS);
}

function jsonOf(text: string): string {
  return JSON.stringify(text).replace(UNSAFE, escaped);
}

function remember(texts: Map<string, string>, text: string, written: string): void {
  if (text.length > MAX_CHARS) return;
  if (texts.size >= MAX_KNOWN) texts.clear();
  texts.set(text, written);
}

/** Line ends to some readers, and what turns the direction of writing, are escaped: a record is one visible line. */
const UNSAFE = /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

function escaped(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
