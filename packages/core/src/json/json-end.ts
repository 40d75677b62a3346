import { BACKSLASH, CLOSE_BRACE, CLOSE_BRACKET, OPEN_BRACE, OPEN_BRACKET, QUOTE, scanned } from './scan.ts';

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
    const text = scanned(chunk);
    let i = this.#inString ? this.#stringEnd(text, 0) : 0;
    for (; i < text.length; i++) {
      switch (text.charCodeAt(i)) {
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
  #stringEnd(text: string, from: number): number {
    let i = from;
    if (this.#escaped && i < text.length) {
      this.#escaped = false;
      i++;
    }
    for (;;) {
      const quote = text.indexOf('"', i);
      const end = quote < 0 ? text.length : quote;
      let before = end;
      while (before > i && text.charCodeAt(before - 1) === BACKSLASH) before--;
      const escaped = (end - before) % 2 === 1;
      if (quote < 0) {
        this.#inString = true;
        // The last byte was a backslash whose victim comes with the next bytes.
        this.#escaped = escaped;
        return end;
      }
      if (!escaped) {
        this.#inString = false;
        return quote + 1;
      }
      i = quote + 1;
    }
  }
}
