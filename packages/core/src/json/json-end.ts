const QUOTE = 34;
const OPEN_BRACKET = 91;
const BACKSLASH = 92;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;
/** Bytes of a string that are looked at one by one before the native search takes over. */
const SHORT_STRING = 32;

/**
 * Tells whether a JSON text that arrives in pieces is whole: an object or array whose brackets are all closed. Not a
 * validator: it catches what a cut connection leaves behind, in bounded memory.
 */
export class JsonEnd {
  #depth = 0;
  #inString = false;
  #escaped = false;
  #opened = false;

  /** Takes the next bytes. */
  push(chunk: Uint8Array): void {
    // It would count as what a backslash at the end of the last bytes stands before.
    if (chunk.length === 0) return;
    const text = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let i = this.#inString ? this.#stringEnd(text, 0) : 0;
    for (; i < text.length; i++) {
      switch (text[i]) {
        case QUOTE:
          i = this.#stringEnd(text, i + 1) - 1;
          break;
        case OPEN_BRACE:
        case OPEN_BRACKET:
          this.#depth++;
          this.#opened = true;
          break;
        case CLOSE_BRACE:
        case CLOSE_BRACKET:
          this.#depth--;
          break;
        default:
      }
    }
  }

  /** True when nothing is missing. */
  get whole(): boolean {
    return this.#opened && this.#depth === 0 && !this.#inString;
  }

  /** Position after the string that goes on at `from`; remembers it when the bytes end inside. */
  #stringEnd(text: Buffer, from: number): number {
    let i = from;
    if (this.#escaped && i < text.length) {
      this.#escaped = false;
      i++;
    }
    // Keys and short values are looked at byte by byte; a long text is mostly plain, and native search jumps over it.
    for (const near = Math.min(i + SHORT_STRING, text.length); i < near; i++) {
      const byte = text[i];
      if (byte === QUOTE) {
        this.#inString = false;
        return i + 1;
      }
      if (byte === BACKSLASH) i++;
    }
    while (i < text.length) {
      const quote = text.indexOf(QUOTE, i);
      const end = quote < 0 ? text.length : quote;
      let backslashes = 0;
      while (end - backslashes > i && text[end - 1 - backslashes] === BACKSLASH) backslashes++;
      const escapes = backslashes % 2 === 1;
      if (quote < 0) {
        i = escapes ? end + 1 : end;
      } else if (escapes) {
        i = quote + 1;
      } else {
        this.#inString = false;
        return quote + 1;
      }
    }
    this.#inString = true;
    // One past the end: the last byte was a backslash whose victim comes with the next bytes.
    this.#escaped = i > text.length;
    return text.length;
  }
}
