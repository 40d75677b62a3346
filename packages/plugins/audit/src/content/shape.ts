import { hash } from 'node:crypto';
import { maskSecrets } from './secrets.ts';

/** Keys whose values say what a piece is, in all dialects; everything else may be somebody's text. */
const DISCRIMINATORS = new Set(['type', 'role', 'model', 'object']);
const NAME = /^[A-Za-z][\w.:/-]{0,63}$/;
const MAX_DEPTH = 64;

/**
 * A JSON value with its shape and without its words: each string becomes its length and a hash. The same word twice has
 * the same hash within one record, and another one in the next.
 */
export function shapeOf(value: unknown, salt: string, key = '', depth = 0): unknown {
  if (depth > MAX_DEPTH) return '[DEEP]';
  if (typeof value === 'string') {
    if (DISCRIMINATORS.has(key) && NAME.test(value)) return maskSecrets(value);
    return wordsOf(value, salt);
  }
  if (typeof value === 'number') return 0;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => shapeOf(item, salt, '', depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      NAME.test(name) ? maskSecrets(name) : wordsOf(name, salt),
      shapeOf(item, salt, name, depth + 1),
    ]),
  );
}

/** What stands in a text's place. */
export function wordsOf(text: string, salt: string): string {
  return `[REDACTED LENGTH=${text.length} HASH=${hash('sha256', salt + text, 'hex').slice(0, 16)}]`;
}
