import { type BodySource, PipelineError, type Wake } from '@sluice/core';

/** How a shared body ended. */
export interface LogEnd {
  /** What cut it; undefined for a proper end. */
  readonly error: unknown;
}

/** Where one reader stands. */
export interface Cursor {
  /** Which chunk it reads next. */
  next: number;
  /** Set while it waits for more. */
  wake: Wake | undefined;
  /** Its place among the readers; -1 when it is none. */
  slot: number;
}

/**
 * One body, read by many. Whoever is ahead pulls the source, so that the fastest reader sets the pace and nobody is
 * asked for what nobody wants; the others, and whoever comes later, read what was kept. Beyond `maxBytes` only the last
 * so many bytes are kept, and a reader that is farther behind is lost.
 */
export class ReplayLog {
  readonly #source: BodySource;
  readonly #maxBytes: number;
  readonly #onEnd: (end: LogEnd) => void;
  readonly #chunks: Uint8Array[] = [];
  readonly #cursors: Cursor[] = [];
  /** Chunks dropped from the front. */
  #dropped = 0;
  #bytes = 0;
  #end: LogEnd | undefined;
  #waking = false;

  /** @param onEnd Called once, when the source has ended or was cut. */
  constructor(source: BodySource, maxBytes: number, onEnd: (end: LogEnd) => void) {
    this.#source = source;
    this.#maxBytes = maxBytes;
    this.#onEnd = onEnd;
  }

  /** Whether everything from the first byte on is here, so that a reader can still begin. */
  get whole(): boolean {
    return this.#dropped === 0;
  }

  /** How it ended; undefined while it goes on. */
  get end(): LogEnd | undefined {
    return this.#end;
  }

  /** Why a plugin further in ended the body early. */
  get terminated(): PipelineError | undefined {
    return this.#source.terminated;
  }

  /** Everything that has come, if all of it was kept. */
  bytes(): Uint8Array {
    return this.#chunks.length === 1 ? (this.#chunks[0] as Uint8Array) : Buffer.concat(this.#chunks);
  }

  /** A new reader, at the first byte. */
  join(): Cursor {
    const cursor: Cursor = { next: 0, wake: undefined, slot: -1 };
    cursor.slot = this.#cursors.push(cursor) - 1;
    return cursor;
  }

  /** How many read it. */
  get readers(): number {
    return this.#cursors.length;
  }

  /** A reader less. */
  leave(cursor: Cursor): void {
    if (cursor.slot < 0) return;
    const last = this.#cursors.pop() as Cursor;
    if (last !== cursor) {
      this.#cursors[cursor.slot] = last;
      last.slot = cursor.slot;
    }
    cursor.slot = -1;
    cursor.wake = undefined;
  }

  /** As {@link BodySource.pull}. Throws what cut the body, once the reader has had everything before the cut. */
  pull(cursor: Cursor, wake: Wake): Uint8Array | null | undefined {
    cursor.wake = undefined;
    if (cursor.next < this.#dropped) {
      throw new PipelineError('stream_cut', {
        cause: new Error('this reader of a shared answer has fallen too far behind the others'),
      });
    }
    const kept = this.#chunks[cursor.next - this.#dropped];
    if (kept !== undefined) {
      cursor.next++;
      if (this.#bytes > this.#maxBytes) this.#trim();
      return kept;
    }
    if (this.#end === undefined) return this.#pullOn(cursor, wake);
    if (this.#end.error !== undefined) throw this.#end.error;
    return null;
  }

  /** Takes what has come for all there is. */
  close(): void {
    if (this.#end !== undefined) return;
    this.#finish({ error: undefined });
    this.#source.cancel(new PipelineError('client_abort'));
  }

  /** Gives the source up. */
  cancel(reason: unknown): void {
    if (this.#end !== undefined) return;
    this.#finish({ error: reason });
    this.#source.cancel(reason);
  }

  #pullOn(cursor: Cursor, wake: Wake): Uint8Array | null | undefined {
    let chunk: Uint8Array | null | undefined;
    try {
      chunk = this.#source.pull(this.#wakeNow);
    } catch (error) {
      this.#finish({ error });
      throw error;
    }
    if (chunk === undefined) {
      cursor.wake = wake;
      return undefined;
    }
    if (chunk === null) {
      this.#finish({ error: undefined });
      return null;
    }
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    cursor.next++;
    if (this.#bytes > this.#maxBytes) this.#trim();
    this.#wakeSoon();
    return chunk;
  }

  /** Drops what all readers have had, and then as much as it takes. */
  #trim(): void {
    let slowest = Infinity;
    for (const { next } of this.#cursors) if (next < slowest) slowest = next;
    while (this.#chunks.length > 0 && (this.#dropped < slowest || this.#bytes > this.#maxBytes)) {
      this.#bytes -= (this.#chunks.shift() as Uint8Array).length;
      this.#dropped++;
    }
  }

  #finish(end: LogEnd): void {
    this.#end = end;
    this.#onEnd(end);
    this.#wakeSoon();
  }

  /** The source has more: the first to be woken gets it, and the others find it kept. */
  readonly #wakeNow = (): void => {
    // A copy: who is woken may leave.
    for (const cursor of this.#cursors.slice()) {
      const { wake } = cursor;
      cursor.wake = undefined;
      wake?.();
    }
  };

  /**
   * Wakes those who wait for what has just come. Not from within the pull of the one who got it: each would pull on in
   * turn, one inside the other, as deep as there are readers.
   */
  #wakeSoon(): void {
    if (this.#waking || !this.#cursors.some(({ wake }) => wake !== undefined)) return;
    this.#waking = true;
    queueMicrotask(() => {
      this.#waking = false;
      this.#wakeNow();
    });
  }
}
