import { type ApiRequest, readJson, withJson } from '@sluice/core';

const QUOTE = 34;
const COLON = 58;
const BACKSLASH = 92;
const OPEN = new Set([91, 123]);
const CLOSE = new Set([93, 125]);

/** The key in each of the dialects, and core's own word for it: `ctx.model` is read from there. */
const KEY = Buffer.from('model');

/**
 * The same request for another model. Nothing but the name changes: writing the whole body anew would round large
 * numbers, cost more than everything else, and turn a provider's prompt cache cold.
 */
export function withModel(request: ApiRequest, model: string): ApiRequest {
  const { body } = request;
  const value = body === null ? undefined : findModel(body);
  if (body === null || value === undefined) {
    return withJson(request, { ...(readJson(request) as object), model });
  }
  const [start, end] = value;
  const name = Buffer.from(JSON.stringify(model));
  const changed = new Uint8Array(body.length - (end - start) + name.length);
  changed.set(body.subarray(0, start));
  changed.set(name, start);
  changed.set(body.subarray(end), start + name.length);
  return { ...request, body: changed };
}

/**
 * Where the name stands, quotes included. Core has seen the body before: the key is there once, and nesting is bounded.
 * Undefined when the key is written with escapes.
 */
function findModel(body: Uint8Array): readonly [start: number, end: number] | undefined {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const byte = text[i] as number;
    if (byte === QUOTE) {
      const end = stringEnd(text, i + 1);
      const colon = skipSpace(text, end + 1);
      if (depth === 1 && text[colon] === COLON && text.subarray(i + 1, end).equals(KEY)) {
        const start = skipSpace(text, colon + 1);
        return text[start] === QUOTE ? [start, stringEnd(text, start + 1) + 1] : undefined;
      }
      i = end;
    } else if (OPEN.has(byte)) {
      depth++;
    } else if (CLOSE.has(byte)) {
      depth--;
    }
  }
  return undefined;
}

/** Position of the quote that ends the string which begins at `from`. */
function stringEnd(text: Buffer, from: number): number {
  for (let quote = text.indexOf(QUOTE, from); quote >= 0; quote = text.indexOf(QUOTE, quote + 1)) {
    let backslashes = 0;
    while (quote - backslashes > from && text[quote - 1 - backslashes] === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return quote;
  }
  return text.length;
}

function skipSpace(text: Buffer, from: number): number {
  let i = from;
  while (text[i] === 32 || text[i] === 10 || text[i] === 13 || text[i] === 9) i++;
  return i;
}
