import type { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../../clock.ts';
import type { Connection } from './connection.ts';
import { rawHead, type Headers } from './planned-reply.ts';
import type { RecordedRequest } from './recorded-request.ts';

/** Thrown into a behaviour when the connection is gone, so that it stops. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}

/**
 * One request and the means to answer it, by HTTP's rules or byte by byte. Every wait ends with {@link ConnectionLost}
 * when the connection closes, so no timer and no pending write outlives it.
 */
export class Exchange {
  readonly request: RecordedRequest;
  readonly connection: Connection;
  readonly incoming: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #clock: Clock;

  constructor(
    request: RecordedRequest,
    connection: Connection,
    incoming: IncomingMessage,
    response: ServerResponse,
    clock: Clock,
  ) {
    this.request = request;
    this.connection = connection;
    this.incoming = incoming;
    this.#response = response;
    this.#clock = clock;
  }

  /** True once any of a response is out. */
  get begun(): boolean {
    return this.#response.headersSent || this.request.bytesWritten > 0;
  }

  /** Sends a whole response, and waits until the operating system has accepted it. */
  async respond(status: number, headers: Headers, body: Uint8Array): Promise<void> {
    this.#writeHead(status, headers);
    await this.end(body);
  }

  /** Sends a head, and waits until the operating system has accepted it. Without a length, the body will be chunked. */
  async head(status: number, headers: Headers): Promise<void> {
    this.#writeHead(status, headers);
    this.#response.flushHeaders();
    // Writes are accepted in order, so an empty one tells when those before it were.
    await this.raw('');
  }

  /** Sends a piece of the body on its own, and waits until the operating system has accepted it. */
  async send(bytes: string | Uint8Array): Promise<void> {
    if (bytes.length > 0) {
      await this.#until((done) => {
        this.#response.write(bytes, (error) => {
          if (!error) done();
        });
      });
      this.request.bytesWritten += Buffer.byteLength(bytes);
    }
    // A write that succeeds at once never leaves the microtask queue; give the reading side, maybe in this process, a turn.
    await nextTurn();
  }

  /** Ends the response as HTTP has it and waits until the operating system has accepted all of it. */
  async end(bytes: string | Uint8Array = ''): Promise<void> {
    await this.#until((done) => {
      this.#response.end(bytes, () => {
        // Node also calls this when the connection closed with the end still unsent.
        if (!this.connection.socket.destroyed) done();
      });
    });
    this.request.bytesWritten += Buffer.byteLength(bytes);
  }

  /** Writes a head, and nothing of Node's own, to the socket. */
  async rawHead(status: number, headers: Headers): Promise<void> {
    this.request.status = status;
    await this.raw(rawHead(status, headers));
  }

  /** Writes to the socket, beside or instead of the response, and waits until the operating system has accepted it. */
  async raw(bytes: string | Uint8Array): Promise<void> {
    await this.#until((done) => {
      this.connection.socket.write(bytes, (error) => {
        if (!error) done();
      });
    });
    this.request.bytesWritten += Buffer.byteLength(bytes);
    await nextTurn();
  }

  /** Sends a whole response and `extra` behind it in one write; the connection stays open. */
  async endWith(
    status: number,
    headers: Headers,
    body: Uint8Array,
    extra: string | Uint8Array,
  ): Promise<void> {
    const { socket } = this.connection;
    socket.cork();
    let ended: Promise<void>;
    try {
      ended = this.respond(status, headers, body);
      socket.write(extra);
    } finally {
      socket.uncork();
    }
    await ended;
  }

  /** Waits. Without a time: until the connection closes. */
  async wait(ms?: number): Promise<void> {
    if (ms !== undefined && ms <= 0) return;
    let timer: unknown;
    try {
      await this.#until((done) => {
        if (ms !== undefined && ms < Infinity) timer = this.#clock.setTimeout(done, ms);
      });
    } finally {
      if (timer !== undefined) this.#clock.clearTimeout(timer);
    }
  }

  /** Gives the connection up. FIN goes out after what has been written; RST overtakes nothing already accepted. */
  close(ending: 'fin' | 'rst'): void {
    if (ending === 'rst') this.connection.socket.resetAndDestroy();
    else this.connection.socket.destroySoon();
  }

  /** Sends FIN but goes on reading, and discarding, what the client sends, until it closes too. */
  closeWriting(): void {
    this.incoming.resume();
    this.connection.socket.end();
  }

  /** Declares a response that was written by {@link raw} to be complete, so that the connection takes another request. */
  releaseRaw(): void {
    // The server waits for the response's 'finish' before it looks at the next request of the connection.
    this.#response.emit('finish');
  }

  #writeHead(status: number, headers: Headers): void {
    this.request.status = status;
    // The headers given have a date where there is to be one.
    this.#response.sendDate = false;
    this.#response.writeHead(status, headers.flat());
  }

  async #until(start: (done: () => void) => void): Promise<void> {
    if (this.connection.lost) throw new ConnectionLost();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const withdraw = this.connection.onLost(() => {
      reject(new ConnectionLost());
    });
    try {
      start(resolve);
      await promise;
    } finally {
      withdraw();
    }
  }
}
