import { type ContentKey, type Sealed, sealContent } from './encrypt.ts';
import type { Captured } from './capture.ts';
import type { ContentMode } from './policy.ts';
import type { Direction } from '../chain/salts.ts';
import { maskCut, maskSecrets } from './secrets.ts';
import { bytesOf, shapeOf, wordsOf } from './shape.ts';

/** What is kept of one way of a call. */
export type Stored = string | Sealed;

/** Stands where something was cut off. */
const TRUNCATED = '[TRUNCATED]';

/** How content is kept. */
export interface StoreOptions {
  /** Of the hashes that take the place of texts. */
  readonly salt: string;
  /** Without it, content stands in clear. */
  readonly key: ContentKey | undefined;
  readonly call: string;
  /** Of a text that is kept, and of a shape. */
  readonly maxBytes: number;
}

/** A request in the form in which it is kept. */
export function storedRequest(body: Uint8Array, mode: ContentMode, options: StoreOptions): Stored {
  const { maxBytes, salt } = options;
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const isLong = bytes.length > maxBytes;
  // Not parsed: half of it is no JSON, and all of it would hold up every other call.
  if (isLong && mode === 'redacted') return seal(bytesOf(bytes, salt), 'request', options);
  const kept = isLong ? maskCut(bytes.toString('utf8', 0, maxBytes)) + TRUNCATED : bytes.toString('utf8');
  return seal(inMode(kept, mode, options), 'request', options);
}

/** An answer in the form in which it is kept. */
export function storedResponse(captured: Captured, mode: ContentMode, options: StoreOptions): Stored {
  const { body, texts, truncated } = captured;
  if (texts === undefined) {
    const kept = truncated ? maskCut(body ?? '') + TRUNCATED : (body ?? '');
    return seal(inMode(kept, mode, options), 'response', options);
  }
  const pieces = texts.map(({ channel, key, text, length, hash }) => ({
    channel,
    key,
    text:
      mode === 'full'
        ? (text.length < length ? maskCut : maskSecrets)(text)
        : `[REDACTED LENGTH=${length} HASH=${hash}]`,
  }));
  return seal(JSON.stringify(truncated ? [...pieces, TRUNCATED] : pieces), 'response', options);
}

function inMode(text: string, mode: ContentMode, { salt, maxBytes }: StoreOptions): string {
  if (mode === 'full') return maskSecrets(text);
  try {
    return JSON.stringify(shapeOf(JSON.parse(text), salt, maxBytes));
  } catch {
    // No JSON, or its shape is too long.
    return wordsOf(text, salt);
  }
}

function seal(text: string, direction: Direction, { key, call }: StoreOptions): Stored {
  return key === undefined ? text : sealContent(text, key, `${call} ${direction}`);
}
