const FIRST_BYTES = 16 * 1024;
/** A buffer that a burst has made larger than this is not kept. */
const KEPT_BYTES = 1 << 20;

/** Text and bytes collected into one piece, without an object for each part. */
export class ByteBuffer {
  #bytes: Buffer<ArrayBuffer> = Buffer.allocUnsafeSlow(FIRST_BYTES);
  readonly #front: number;
  /** Bytes so far, those in front included. */
  length: number;

  /** @param front Bytes that stay free in front, and are not taken. */
  constructor(front = 0) {
    this.#front = front;
    this.length = front;
  }

  /** Makes room, and gives the buffer to write into, from `length` on. The caller moves `length`. */
  room(bytes: number): Buffer<ArrayBuffer> {
    if (this.length + bytes > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow((this.length + bytes) * 2);
      this.#bytes.copy(larger, 0, 0, this.length);
      this.#bytes = larger;
    }
    return this.#bytes;
  }

  /** Adds text as UTF-8. */
  add(text: string): void {
    this.length += this.room(text.length * 3).write(text, this.length, 'utf8');
  }

  /** What was collected, to keep; begins anew. */
  take(): Buffer<ArrayBuffer> {
    const bytes = Buffer.from(this.#bytes.subarray(this.#front, this.length));
    this.length = this.#front;
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
    return bytes;
  }
}
