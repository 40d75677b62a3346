const QUOTE = 34;
const COMMA = 44;
const COLON = 58;
const OPEN_BRACKET = 91;
const BACKSLASH = 92;
const OPEN_BRACE = 123;
/** Bytes of a string that are looked at one by one before the native search takes over. */
const SHORT_STRING = 48;

/**
 * Counts opening brackets, colons and commas outside strings. Parsing drops all but the last of several fields of one
 * name; an upstream may take the first. If the count is higher than that of the parsed value, it has dropped some.
 */
export function jsonNodes(body: Uint8Array): number {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  let nodes = 0;
  for (let i = 0; i < text.length; i++) {
    switch (text[i]) {
      case QUOTE:
        i = stringEnd(text, i + 1);
        break;
      case COMMA:
      case COLON:
      case OPEN_BRACKET:
      case OPEN_BRACE:
        nodes++;
        break;
      default:
    }
  }
  return nodes;
}

/** Position of the quote that ends the string which begins at `from`. */
function stringEnd(text: Buffer, from: number): number {
  let i = from;
  for (const near = Math.min(from + SHORT_STRING, text.length); i < near; i++) {
    const byte = text[i];
    if (byte === QUOTE) return i;
    if (byte === BACKSLASH) i++;
  }
  for (;;) {
    const quote = text.indexOf(QUOTE, i);
    if (quote < 0) return text.length;
    let backslashes = 0;
    while (quote - backslashes > i && text[quote - 1 - backslashes] === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return quote;
    i = quote + 1;
  }
}
