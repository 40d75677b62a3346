const SPACE = 32;
export const QUOTE = 34;
export const COMMA = 44;
export const COLON = 58;
export const OPEN_BRACKET = 91;
export const BACKSLASH = 92;
export const CLOSE_BRACKET = 93;
export const OPEN_BRACE = 123;
export const CLOSE_BRACE = 125;

/**
 * JSON to be scanned, each byte one character: all that has a meaning in JSON is ASCII. To look for a quote is most of
 * what a scan does, and in a string that takes half the time that it takes in a Buffer.
 */
export function scanned(bytes: Uint8Array, from = 0, to: number = bytes.length): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1');
}

/** Position of the quote that ends the string which begins at `from`; the text's length if none does. */
export function stringEnd(text: string, from: number): number {
  for (let i = from; ;) {
    const quote = text.indexOf('"', i);
    if (quote < 0) return text.length;
    let before = quote;
    while (before > i && text.charCodeAt(before - 1) === BACKSLASH) before--;
    if ((quote - before) % 2 === 0) return quote;
    i = quote + 1;
  }
}

/** Position of the first character from `from` on that is no white space. */
export function skipSpace(text: string, from: number): number {
  for (let i = from; ; i++) {
    const code = text.charCodeAt(i);
    if (code !== SPACE && code !== 10 && code !== 13 && code !== 9) return i;
  }
}
