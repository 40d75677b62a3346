import { PipelineError } from '../errors.ts';

const QUOTE = 34;
const COMMA = 44;
const COLON = 58;
const OPEN_BRACKET = 91;
const BACKSLASH = 92;
const UNDERSCORE = 95;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;
const LETTER_T = 116;
/** Bytes of a string that are looked at one by one before the native search takes over. */
const SHORT_STRING = 48;

/** A larger count is taken for this one. Sums of them stay whole numbers. */
const MAX_COUNT = 1e12;

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
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const topKeys = new Set<string>();
  let depth = 0;
  let nodes = 0;
  let streamed = false;
  let model: string | undefined;
  let maxOutputTokens: number | undefined;
  let choices = 1;
  for (let i = 0; i < text.length; i++) {
    switch (text[i]) {
      case QUOTE: {
        const end = stringEnd(text, i + 1);
        // Below the top level only __proto__ is of interest, and it begins with an underscore or an escape of one.
        const first = text[i + 1];
        if ((depth === 1 || first === UNDERSCORE || first === BACKSLASH) && isKey(text, end + 1)) {
          const key = keyText(text, i + 1, end);
          if (key === '__proto__') throw refuse('duplicate_key', 'a key named __proto__');
          if (depth === 1) {
            if (topKeys.has(key)) throw refuse('duplicate_key', 'a key that stands twice');
            topKeys.add(key);
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

/** Position of the quote that ends the string which begins at `from`; the text's length if none does. */
export function stringEnd(text: Buffer, from: number): number {
  let i = from;
  for (const near = Math.min(from + SHORT_STRING, text.length); i < near; i++) {
    const byte = text[i];
    if (byte === QUOTE) return i;
    if (byte === BACKSLASH) i++;
  }
  // Long strings (documents, base64 images) are mostly plain: jump from quote to quote.
  for (;;) {
    const quote = text.indexOf(QUOTE, i);
    if (quote < 0) return text.length;
    let backslashes = 0;
    while (quote - backslashes > i && text[quote - 1 - backslashes] === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return quote;
    i = quote + 1;
  }
}

/** A key or value as its reader will see it: escapes undone. What is no proper string is left for the upstream to refuse. */
function keyText(text: Buffer, from: number, end: number): string {
  const raw = text.toString('utf8', from, end);
  if (!raw.includes('\\')) return raw;
  try {
    return JSON.parse(`"${raw}"`) as string;
  } catch {
    return raw;
  }
}

function isKey(text: Buffer, from: number): boolean {
  return text[skipSpace(text, from)] === COLON;
}

function isTrue(text: Buffer, from: number): boolean {
  const value = skipSpace(text, skipSpace(text, from) + 1);
  return text[value] === LETTER_T;
}

/** The value behind a key, if it is a string of sensible length. */
function stringValue(text: Buffer, from: number): string | undefined {
  const start = skipSpace(text, skipSpace(text, from) + 1);
  if (text[start] !== QUOTE) return undefined;
  const end = stringEnd(text, start + 1);
  return end - start > MAX_MODEL_BYTES ? undefined : keyText(text, start + 1, end);
}

/** The whole number behind a key; undefined when something else stands there. */
function countValue(text: Buffer, from: number): number | undefined {
  const start = skipSpace(text, skipSpace(text, from) + 1);
  let end = start;
  // Two more than the longest that is believed: enough to see that there are more.
  while (end < start + 17 && isDigit(text[end])) end++;
  if (end === start || isFraction(text[end])) return undefined;
  return Math.min(Number(text.toString('latin1', start, end)), MAX_COUNT);
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 48 && byte <= 57;
}

/** `.`, `e` or `E`: the number goes on, and is no count. */
function isFraction(byte: number | undefined): boolean {
  return byte === 46 || byte === 101 || byte === 69;
}

function largest(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.max(one, other);
}

function skipSpace(text: Buffer, from: number): number {
  let i = from;
  while (text[i] === 32 || text[i] === 10 || text[i] === 13 || text[i] === 9) i++;
  return i;
}

function refuse(code: 'json_too_complex' | 'duplicate_key', what: string): PipelineError {
  return new PipelineError(code, { message: `The JSON body has ${what}.` });
}
