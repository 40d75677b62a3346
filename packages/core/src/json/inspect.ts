import { constants } from 'node:buffer';
import { PipelineError } from '../errors.ts';
import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  scanned,
  skipSpace,
  stringEnd,
} from './scan.ts';

const UNDERSCORE = 95;
const LETTER_T = 116;

/** A larger count is taken for this one. Sums of them stay whole numbers. */
const MAX_COUNT = 1e12;

/** So many are looked through faster than a set is made of them; more would take quadratic time. */
const FEW_KEYS = 24;

/** A longer name is no model's, and would end up in keys and records. */
const MAX_MODEL_BYTES = 256;

/** Caps on a JSON request body. Ten kilobytes of `[` overflow the stack of whoever walks the parsed value. */
export interface JsonLimits {
  /** Deepest nesting. Default 64. */
  readonly maxDepth: number;
  /** Most values and keys. Default 200 000. */
  readonly maxNodes: number;
}

/** The caps when nothing is configured. */
export const DEFAULT_JSON_LIMITS: JsonLimits = { maxDepth: 64, maxNodes: 200_000 };

/** What the scan found at the top level. */
export interface JsonFacts {
  /** Whether `"stream": true` stands at the top level. */
  readonly streamed: boolean;
  /** The string that `"model"` is at the top level; undefined when there is none. */
  readonly model: string | undefined;
  /** The largest bound on output tokens at the top level, for all choices together; undefined when there is none. */
  readonly maxOutputTokens: number | undefined;
}

/** Where the dialects bound the output of one choice. Several may stand in one request, and servers differ in which counts. */
const OUTPUT_BOUNDS: ReadonlySet<string> = new Set([
  'max_tokens',
  'max_completion_tokens',
  'max_output_tokens',
]);

/**
 * Scans a JSON body before anybody parses it: one pass over the bytes, no recursion, no allocation per value. Refuses
 * what is too deep or too large, a key named twice at the top level (plugins would see one value and the upstream
 * another) and keys named `__proto__`. What is no JSON at all is left for the upstream to refuse.
 *
 * @throws PipelineError `json_too_complex` or `duplicate_key`.
 */
export function inspectJson(body: Uint8Array, limits: JsonLimits): JsonFacts {
  if (body.length > constants.MAX_STRING_LENGTH)
    throw refuse('json_too_complex', `more than ${constants.MAX_STRING_LENGTH} bytes`);
  const text = scanned(body);
  const topKeys: string[] = [];
  let manyKeys: Set<string> | undefined;
  let depth = 0;
  let nodes = 0;
  let streamed = false;
  let model: string | undefined;
  let maxOutputTokens: number | undefined;
  let choices = 1;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case QUOTE: {
        const end = stringEnd(text, i + 1);
        // Below the top level only __proto__ is of interest, and it begins with an underscore or an escape of one.
        const first = text.charCodeAt(i + 1);
        if ((depth === 1 || first === UNDERSCORE || first === BACKSLASH) && isKey(text, end + 1)) {
          const key = keyText(text, i + 1, end);
          if (key === '__proto__') throw refuse('duplicate_key', 'a key named __proto__');
          if (depth === 1) {
            if (manyKeys?.has(key) ?? topKeys.includes(key))
              throw refuse('duplicate_key', 'a key that stands twice');
            topKeys.push(key);
            if (topKeys.length === FEW_KEYS) manyKeys = new Set(topKeys);
            else manyKeys?.add(key);
            if (key === 'stream') streamed = isTrue(text, end + 1);
            else if (key === 'model') model = stringValue(text, end + 1);
            else if (key === 'n') choices = Math.max(1, countValue(text, end + 1) ?? 1);
            else if (OUTPUT_BOUNDS.has(key))
              maxOutputTokens = largest(maxOutputTokens, countValue(text, end + 1));
          }
        }
        i = end;
        break;
      }
      case OPEN_BRACE:
      case OPEN_BRACKET:
        if (++depth > limits.maxDepth)
          throw refuse('json_too_complex', `nesting deeper than ${limits.maxDepth}`);
        if (++nodes > limits.maxNodes)
          throw refuse('json_too_complex', `more than ${limits.maxNodes} values`);
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        depth--;
        break;
      case COMMA:
      case COLON:
        if (++nodes > limits.maxNodes)
          throw refuse('json_too_complex', `more than ${limits.maxNodes} values`);
        break;
      default:
    }
  }
  if (maxOutputTokens !== undefined) maxOutputTokens = Math.min(maxOutputTokens * choices, MAX_COUNT);
  return { streamed, model, maxOutputTokens };
}

/** A key or value as its reader will see it: escapes undone. What is no proper string is left for the upstream to refuse. */
function keyText(text: string, from: number, end: number): string {
  const bytes = text.slice(from, end);
  if (PLAIN.test(bytes)) return bytes;
  const raw = Buffer.from(bytes, 'latin1').toString();
  try {
    return JSON.parse(`"${raw}"`) as string;
  } catch {
    return raw;
  }
}

/** ASCII without an escape: the same in bytes and in characters. */
const PLAIN = /^[^\\\u0080-\u00ff]*$/;

function isKey(text: string, from: number): boolean {
  return text.charCodeAt(skipSpace(text, from)) === COLON;
}

function isTrue(text: string, from: number): boolean {
  const value = skipSpace(text, skipSpace(text, from) + 1);
  return text.charCodeAt(value) === LETTER_T;
}

/** The value behind a key, if it is a string of sensible length. */
function stringValue(text: string, from: number): string | undefined {
  const start = skipSpace(text, skipSpace(text, from) + 1);
  if (text.charCodeAt(start) !== QUOTE) return undefined;
  const end = stringEnd(text, start + 1);
  return end - start > MAX_MODEL_BYTES ? undefined : keyText(text, start + 1, end);
}

/** The whole number behind a key; undefined when something else stands there. */
function countValue(text: string, from: number): number | undefined {
  const start = skipSpace(text, skipSpace(text, from) + 1);
  let end = start;
  // Two more than the longest that is believed: enough to see that there are more.
  while (end < start + 17 && isDigit(text.charCodeAt(end))) end++;
  if (end === start || isFraction(text.charCodeAt(end))) return undefined;
  return Math.min(Number(text.slice(start, end)), MAX_COUNT);
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** `.`, `e` or `E`: the number goes on, and is no count. */
function isFraction(code: number): boolean {
  return code === 46 || code === 101 || code === 69;
}

function largest(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.max(one, other);
}

function refuse(code: 'json_too_complex' | 'duplicate_key', what: string): PipelineError {
  return new PipelineError(code, { message: `The JSON body has ${what}.` });
}
