const QUOTE = 34;
const BACKSLASH = 92;

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
    let depth = this.#depth;
    let inString = this.#inString;
    let escaped = this.#escaped;
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i];
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) inString = false;
      } else if (byte === QUOTE) {
        inString = true;
      } else if (byte === 123 || byte === 91) {
        depth++;
        this.#opened = true;
      } else if (byte === 125 || byte === 93) {
        depth--;
      }
    }
    this.#depth = depth;
    this.#inString = inString;
    this.#escaped = escaped;
  }

  /** True when nothing is missing. */
  get whole(): boolean {
    return this.#opened && this.#depth === 0 && !this.#inString;
  }
}
