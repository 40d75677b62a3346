/** What a {@link MessageReader} reports. */
export interface MessageEvents {
  /** The start line and the headers, each line ended by CRLF. */
  head(head: string): void;
  /** Body bytes: `data` from `from` up to `to`. The buffer is only lent. */
  body(data: Buffer, from: number, to: number): void;
  end(): void;
}

type State = 'head' | 'counted' | 'chunk size' | 'chunk data' | 'chunk end' | 'trailer';

/**
 * Reads HTTP/1.1 messages off one connection. It does no more than load and upstream need, because they share the
 * machine with the subject: what they burn, the subject waits for.
 */
export class MessageReader {
  readonly #events: MessageEvents;
  #state: State = 'head';
  #remaining = 0;
  #rest: Buffer | undefined;

  constructor(events: MessageEvents) {
    this.#events = events;
  }

  push(chunk: Buffer): void {
    const data = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk;
    this.#rest = undefined;
    let at = 0;
    while (at < data.length) {
      const next = this.#step(data, at);
      if (next === -1) {
        // A head or a size line that is not complete yet.
        this.#rest = Buffer.from(data.subarray(at));
        return;
      }
      at = next;
    }
  }

  /** Reads one piece of the message and returns where it ends, or -1 when more data is needed. */
  #step(data: Buffer, at: number): number {
    switch (this.#state) {
      case 'head':
        return this.#readHead(data, at);
      case 'chunk size':
        return this.#readChunkSize(data, at);
      case 'trailer':
        return this.#readTrailer(data, at);
      case 'counted': {
        const to = this.#readBody(data, at);
        if (this.#remaining === 0) this.#finish();
        return to;
      }
      case 'chunk data': {
        const to = this.#readBody(data, at);
        if (this.#remaining === 0) {
          this.#state = 'chunk end';
          this.#remaining = 2;
        }
        return to;
      }
      case 'chunk end': {
        const skipped = Math.min(this.#remaining, data.length - at);
        this.#remaining -= skipped;
        if (this.#remaining === 0) this.#state = 'chunk size';
        return at + skipped;
      }
    }
  }

  #readHead(data: Buffer, at: number): number {
    const end = data.indexOf('\r\n\r\n', at, 'latin1');
    if (end === -1) return -1;
    const head = data.toString('latin1', at, end + 2);
    this.#events.head(head);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (length === undefined) {
      if (!/\r\ntransfer-encoding: *chunked\r/i.test(head)) throw new Error(`no body length in:\n${head}`);
      this.#state = 'chunk size';
    } else {
      this.#remaining = Number(length);
      this.#state = 'counted';
      if (this.#remaining === 0) this.#finish();
    }
    return end + 4;
  }

  #readBody(data: Buffer, at: number): number {
    const to = Math.min(at + this.#remaining, data.length);
    this.#remaining -= to - at;
    this.#events.body(data, at, to);
    return to;
  }

  #readChunkSize(data: Buffer, at: number): number {
    const lineFeed = data.indexOf(10, at);
    if (lineFeed === -1) return -1;
    const size = Number.parseInt(data.toString('latin1', at, lineFeed - 1), 16);
    if (Number.isNaN(size)) throw new Error('a chunk without a size');
    this.#remaining = size;
    this.#state = size === 0 ? 'trailer' : 'chunk data';
    return lineFeed + 1;
  }

  #readTrailer(data: Buffer, at: number): number {
    const lineFeed = data.indexOf(10, at);
    if (lineFeed === -1) return -1;
    if (lineFeed - at <= 1) this.#finish();
    return lineFeed + 1;
  }

  #finish(): void {
    this.#state = 'head';
    this.#events.end();
  }
}
