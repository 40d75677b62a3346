import { connect, type Socket } from 'node:net';
import { requestBytes, SLOT_HEADER, type Exchange } from './canned.ts';
import type { Headers } from './subject.ts';
import type { Upstream } from './upstream.ts';
import { MessageReader } from './wire.ts';

const CLOSED = new Error('the subject closed the connection');

/** What one connection asks for, and of whom. */
export interface CallerOptions {
  readonly port: number;
  readonly exchange: Exchange;
  /** What the subject wants to be told, beside what the SDK sends. */
  readonly headers: Headers;
  readonly upstream: Upstream;
  /** Its number among the calls in flight; without one, streams come at a pace of their own. */
  readonly slot?: number;
}

/** One keep-alive connection with at most one call on it. */
export class Caller {
  readonly #socket: Socket;
  readonly #request: Buffer;
  readonly #options: CallerOptions;
  #bodyBytes = 0;
  #earlierBytes = 0;
  #startMs = 0;
  #firstEventMs = 0;
  #done: ((caller: Caller) => void) | undefined;
  #fail: ((error: Error) => void) | undefined;

  private constructor(socket: Socket, options: CallerOptions) {
    const { exchange, headers, port, slot } = options;
    const slotHeader = slot === undefined ? {} : { [SLOT_HEADER]: String(slot) };
    this.#socket = socket;
    this.#request = requestBytes(exchange, port, { ...headers, ...slotHeader });
    this.#options = options;
    const reader = new MessageReader({
      head: checkHead,
      body: (data, from, to) => {
        if (this.#bodyBytes === 0) this.#firstEventMs = performance.now() - this.#startMs;
        this.#checkBody(data, from, to);
        this.release();
      },
      end: () => {
        this.#finish();
      },
    });
    socket.on('data', (data) => {
      try {
        reader.push(data as Buffer);
      } catch (error) {
        this.#fail?.(error as Error);
        socket.destroy();
      }
    });
    socket.on('error', (error) => this.#fail?.(error));
    socket.on('close', () => this.#fail?.(CLOSED));
  }

  static async open(options: CallerOptions): Promise<Caller> {
    const socket = connect({ port: options.port, host: '127.0.0.1', noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve).once('error', reject);
    });
    return new Caller(socket, options);
  }

  /** Body bytes of all calls so far. */
  get receivedBytes(): number {
    return this.#earlierBytes + this.#bodyBytes;
  }

  /** How long the present call has been going on, in milliseconds. */
  get elapsedMs(): number {
    return performance.now() - this.#startMs;
  }

  /** How long the present call's answer took to begin, in milliseconds. */
  get firstEventMs(): number {
    return this.#firstEventMs;
  }

  /** Lets the upstream send what this client is ready for. */
  release(): void {
    const { slot, upstream } = this.#options;
    if (slot !== undefined) upstream.clientSaw(slot, this.#bodyBytes);
  }

  call(done: (caller: Caller) => void, fail: (error: Error) => void): void {
    this.#earlierBytes += this.#bodyBytes;
    this.#bodyBytes = 0;
    this.#startMs = performance.now();
    this.#done = done;
    this.#fail = fail;
    // It may have closed while no call was on its way to notice.
    if (this.#socket.destroyed) fail(CLOSED);
    else this.#socket.write(this.#request);
  }

  close(): void {
    this.#fail = undefined;
    this.#socket.destroy();
  }

  #checkBody(data: Buffer, from: number, to: number): void {
    const { body } = this.#options.exchange;
    const end = this.#bodyBytes + to - from;
    if (end > body.length || data.compare(body, this.#bodyBytes, end, from, to) !== 0) {
      throw new Error(`wrong body after ${this.#bodyBytes} bytes: ${data.toString('latin1', from, to)}`);
    }
    this.#bodyBytes = end;
  }

  #finish(): void {
    const { length } = this.#options.exchange.body;
    if (this.#bodyBytes !== length) throw new Error(`${this.#bodyBytes} bytes of body instead of ${length}`);
    this.#done?.(this);
  }
}

function checkHead(head: string): void {
  if (!head.startsWith('HTTP/1.1 200 ')) throw new Error(`wrong status: ${head}`);
  // An answer of the cache says so, and has none of them.
  if (!/\r\n(?:request-id: req_|cache-status: sluice; )/i.test(head))
    throw new Error(`headers of the upstream are missing: ${head}`);
}
