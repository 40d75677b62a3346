/** Bytes of one look, and how many looks a body gets: the estimate costs the same whatever the body's length. */
const LOOK_BYTES = 32;
const LOOKS = 32;

/** Four bytes of English or of code are a token. */
const PER_ASCII_BYTE = 1 / 4;
/** A Chinese character has three bytes and is nine tenths of a token. */
const PER_OTHER_BYTE = 0.3;
/** Base64 of an image or a document: a megabyte is a few thousand tokens, however it is counted. */
const PER_OPAQUE_BYTE = 1 / 300;

/**
 * Guesses how many tokens a request's body is, from its length and from samples of what it is made of. Wrong by a
 * fifth or more; what the upstream counts corrects it, by model. A tokenizer would take milliseconds, and minutes for
 * bodies that are made to do so.
 */
export function tokensOfBody(body: Uint8Array | null): number {
  if (body === null || body.length === 0) return 0;
  const stride = Math.max(LOOK_BYTES, Math.floor(body.length / LOOKS));
  let tokens = 0;
  let bytes = 0;
  for (let from = 0; from < body.length; from += stride) {
    const to = Math.min(from + LOOK_BYTES, body.length);
    tokens += tokensBetween(body, from, to);
    bytes += to - from;
  }
  return Math.ceil((tokens * body.length) / bytes);
}

function tokensBetween(body: Uint8Array, from: number, to: number): number {
  let other = 0;
  let opaque = true;
  for (let i = from; i < to; i++) {
    const byte = body[i] as number;
    if (byte > 127) other++;
    else if (!isBase64(byte)) opaque = false;
  }
  // Shorter pieces are as likely to be a word.
  if (opaque && other === 0 && to - from === LOOK_BYTES) return LOOK_BYTES * PER_OPAQUE_BYTE;
  return (to - from - other) * PER_ASCII_BYTE + other * PER_OTHER_BYTE;
}

/** Letters, digits, `+` and `/`. */
function isBase64(byte: number): boolean {
  return (byte > 96 && byte < 123) || (byte > 64 && byte < 91) || (byte > 46 && byte < 58) || byte === 43;
}
