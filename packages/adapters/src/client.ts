import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import { type Clock, isEventStream, PipelineError, takeSource } from '@sluice/core';
import { yieldToHost } from './host-headers.ts';
import { onSocketClose } from './on-socket-close.ts';
import { outboundHeaders } from './outbound-headers.ts';

/** How long the rest of a refused body is read off, so that the client gets to see why, in milliseconds. */
const LINGER_MS = 2_000;

/** What is written before it is looked whether the client still reads: a longer piece would look like a stall. */
const PIECE_BYTES = 64 * 1024;

/** The client's end of an exchange. */
export class Client {
  /** Whether there is nobody left to answer: the client went away, or host middleware has answered already. */
  gone: boolean;
  /** Aborts when the client leaves before it was answered. */
  readonly controller: AbortController = new AbortController();
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #clock: Clock;
  readonly #writeStallMs: number;
  /** Whether we have said all that there was to say. */
  #answered = false;
  #flushed = false;
  #listensForDrain = false;
  /** Called when the client has gone while its answer was being written. */
  #onGone: (() => void) | undefined;
  /** Called when the wait for the client is over, one way or the other. */
  #wake: (() => void) | undefined;

  constructor(req: IncomingMessage, res: ServerResponse, clock: Clock, writeStallMs: number) {
    this.#req = req;
    this.#res = res;
    this.#clock = clock;
    this.#writeStallMs = writeStallMs;
    this.gone = res.destroyed || res.writableEnded;
    // Not the request's `close`, which comes as soon as its body was read.
    res.on('close', this.#onClose);
    if (res.socket === null) this.#watchSocket();
  }

  /**
   * Writes a response at the client's pace. Settles when the exchange is over.
   *
   * @throws TypeError When its head cannot be written; nothing has been, then.
   */
  send(response: Response): Promise<void> {
    const res = this.#res;
    const source = takeSource(response);
    if (this.gone || res.headersSent) {
      source.cancel(this.controller.signal.reason);
      return Promise.resolve();
    }
    const unread = !this.#req.complete;
    let isStream: boolean;
    try {
      isStream = this.#writeHead(response, unread);
    } catch (error) {
      source.cancel(error);
      return Promise.reject(error as Error);
    }
    return new Promise((resolve) => {
      let waitsForClient = false;
      const fail = (error: unknown): void => {
        source.cancel(error);
        // Cut off, and the dialect has no word for it: the client must not take this for an end.
        this.#cut(this.#req.httpVersionMinor === 0);
        resolve();
      };
      const pump = (): void => {
        // The upstream has more, or has failed: the client comes first.
        if (waitsForClient) return;
        try {
          for (;;) {
            const chunk = this.gone ? undefined : source.pull(pump);
            if (this.gone) {
              source.cancel(this.controller.signal.reason);
              resolve();
              return;
            }
            if (chunk === undefined) {
              // The client shall see that it was answered while the first event is still awaited.
              if (isStream) this.#flushHead();
              return;
            }
            if (chunk === null) {
              const finished = this.#finish(unread);
              if (finished === undefined) resolve();
              else finished.then(resolve, fail);
              return;
            }
            const blocked = chunk.length > PIECE_BYTES ? this.#writePieces(chunk) : this.#write(chunk);
            if (blocked !== undefined) {
              waitsForClient = true;
              blocked.then(() => {
                waitsForClient = false;
                pump();
              }, fail);
              return;
            }
          }
        } catch (error) {
          fail(error);
        }
      };
      this.#onGone = pump;
      pump();
    });
  }

  /** @returns What to wait for until the exchange is over; undefined when there is nothing to wait for. */
  #finish(unread: boolean): Promise<void> | undefined {
    return unread && !this.gone && !this.#req.complete
      ? this.#readOff().then(() => this.#end())
      : this.#end();
  }

  #end(): Promise<void> | undefined {
    this.#answered = true;
    this.#res.end();
    // The last bytes, too, may find a reader that has stopped.
    return this.#res.writableLength > 0 && !this.#res.destroyed ? this.#drained('finish') : undefined;
  }

  /** @returns Whether the answer is an event stream. */
  #writeHead(response: Response, unread: boolean): boolean {
    const isStream = isEventStream(response);
    const headers = outboundHeaders(response, isStream);
    yieldToHost(headers, this.#res, isStream);
    if (unread) headers['connection'] = 'close';
    const { status } = response;
    // A body of another length than announced would be taken for part of the next answer: rather break off.
    this.#res.strictContentLength = true;
    // With the phrase: Koa may have set another one together with an earlier status.
    this.#res.writeHead(status, STATUS_CODES[status] ?? '', headers);
    return isStream;
  }

  #flushHead(): void {
    if (this.#flushed) return;
    this.#flushed = true;
    this.#res.flushHeaders();
  }

  /** @returns What to wait for before more is written; undefined when there is nothing to wait for. */
  #write(chunk: Uint8Array): Promise<void> | undefined {
    return this.#res.write(chunk) ? undefined : this.#drained();
  }

  async #writePieces(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length && !this.gone; at += PIECE_BYTES) {
      if (!this.#res.write(chunk.subarray(at, at + PIECE_BYTES))) await this.#drained();
    }
  }

  /** Waits until all that was written is out, or the client is gone. A client that does not read is cut off. */
  #drained(event: 'drain' | 'finish' = 'drain'): Promise<void> {
    // Once and for good: compression middleware passes `on` to another object, but not `off`.
    if (event === 'finish') this.#res.on(event, this.#onDrain);
    else if (!this.#listensForDrain) this.#res.on(event, this.#onDrain);
    this.#listensForDrain ||= event === 'drain';
    return this.#untilWoken(this.#writeStallMs, () => {
      // Without a socket, the answer waits behind another one on its connection (pipelining), not for its reader.
      if (this.#res.socket === null) return false;
      // What the system still holds for it would stay there as long as it does not read.
      this.#cut(true);
      return true;
    });
  }

  /** Lets a client that is still sending finish, for a moment: a reset would lose it the answer. */
  #readOff(): Promise<void> {
    this.#req.once('end', this.#onDrain).resume();
    return this.#untilWoken(LINGER_MS, () => {
      this.#wake?.();
      return true;
    });
  }

  /** @param onLate Called when nobody woke us in time; false waits as long again. */
  #untilWoken(limitMs: number, onLate: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const late = (): void => {
        if (!onLate()) timer = this.#clock.setTimeout(late, limitMs);
      };
      let timer = this.#clock.setTimeout(late, limitMs);
      this.#wake = () => {
        this.#clock.clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
    });
  }

  /**
   * Ends the connection, such that nobody takes it for the end of the answer. To HTTP/1.0 that takes a reset: there,
   * an orderly end is the end of the body.
   */
  #cut(reset: boolean): void {
    const { socket } = this.#req;
    // TLS has no reset of its own, and needs none: it knows a cut from an end.
    if (reset && !('encrypted' in socket)) {
      try {
        socket.resetAndDestroy();
        return;
      } catch {
        // A Unix socket or a named pipe: there is no reset.
      }
    }
    this.#res.destroy();
  }

  /** A pipelined request's answer has no socket yet, and Node 22 does not tell it that its client is gone. */
  #watchSocket(): void {
    this.#res.on('close', onSocketClose(this.#req.socket, this.#onClose));
  }

  readonly #onDrain = (): void => {
    this.#wake?.();
  };

  readonly #onClose = (): void => {
    if (!this.#answered && !this.gone) {
      this.gone = true;
      this.controller.abort(new PipelineError('client_abort'));
      this.#onGone?.();
    }
    this.#wake?.();
  };
}
