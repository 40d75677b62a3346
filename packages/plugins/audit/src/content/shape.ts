import { createHash, hash } from 'node:crypto';
import { maskSecrets } from './secrets.ts';

/** Keys whose values say what a piece is, in all dialects; everything else may be somebody's text. */
const DISCRIMINATORS = new Set(['type', 'role', 'model', 'object']);
const NAME = /^[A-Za-z][\w.:/-]{0,63}$/;
const MAX_DEPTH = 64;

/**
 * A JSON value with its shape and without its words: each string becomes its length and a hash. The same word twice has
 * the same hash within one record, and another one in the next.
 *
 * @throws RangeError When that would be longer than `maxChars`: of `""`, it takes 22 times as much.
 */
export function shapeOf(value: unknown, salt: string, maxChars: number): unknown {
  return shaped(value, { salt, room: maxChars }, '', 0);
}

/** What the parts of one shape share. */
interface Shaping {
  readonly salt: string;
  /** Characters that are left. */
  room: number;
}

function shaped(value: unknown, shaping: Shaping, key: string, depth: number): unknown {
  if (depth > MAX_DEPTH) return bounded('[DEEP]', shaping);
  if (typeof value === 'string') {
    const isName = DISCRIMINATORS.has(key) && NAME.test(value);
    return bounded(isName ? maskSecrets(value) : wordsOf(value, shaping.salt), shaping);
  }
  spend(LEAST_CHARS, shaping);
  if (typeof value === 'number') return 0;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => shaped(item, shaping, '', depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      bounded(NAME.test(name) ? maskSecrets(name) : wordsOf(name, shaping.salt), shaping),
      shaped(item, shaping, name, depth + 1),
    ]),
  );
}

/** A number, and a comma. */
const LEAST_CHARS = 2;
/** Quotes, and a comma or a colon. */
const AROUND_CHARS = 3;

function bounded(text: string, shaping: Shaping): string {
  spend(text.length + AROUND_CHARS, shaping);
  return text;
}

function spend(chars: number, shaping: Shaping): void {
  shaping.room -= chars;
  if (shaping.room < 0) throw new RangeError('the shape is longer than what is kept');
}

/** What stands in a text's place. */
export function wordsOf(text: string, salt: string): string {
  return `[REDACTED LENGTH=${text.length} HASH=${hash('sha256', salt + text, 'hex').slice(0, 16)}]`;
}

/** What stands in the place of bytes that are too many to be looked at. */
export function bytesOf(bytes: Uint8Array, salt: string): string {
  const digest = createHash('sha256').update(salt).update(bytes).digest('hex');
  return `[REDACTED BYTES=${bytes.length} HASH=${digest.slice(0, 16)}]`;
}
