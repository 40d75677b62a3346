import { connect, type Socket } from 'node:net';
import { requestBytes, type Exchange } from './canned.ts';
import type { Upstream } from './upstream.ts';
import { MessageReader } from './wire.ts';

/** What the load saw of one turn. */
export interface LoadResult {
  readonly calls: number;
  readonly seconds: number;
}

/** No turn takes anywhere near this long: the subject has lost a call. */
const LOST_MS = 10_000;

/** When nothing has come for so long, the subject waits for more events before it hands on those it has. */
const HELD_BACK_MS = 50;

const CLOSED = new Error('the subject closed the connection');

/** Keeps `inFlight` calls going against one subject and checks each byte that comes back. */
export class Load {
  readonly #name: string;
  readonly #callers: readonly Caller[];
  readonly #upstream: Upstream;
  #ahead = 1;

  private constructor(name: string, callers: readonly Caller[], upstream: Upstream) {
    this.#name = name;
    this.#callers = callers;
    this.#upstream = upstream;
  }

  static async open(
    subject: string,
    port: number,
    exchange: Exchange,
    inFlight: number,
    upstream: Upstream,
  ): Promise<Load> {
    const slots = Array.from({ length: inFlight }, (_, slot) => slot);
    const callers = await Promise.all(slots.map((slot) => Caller.open(port, exchange, slot, upstream)));
    return new Load(`${subject} (${exchange.mode}, ${inFlight} in flight)`, callers, upstream);
  }

  /** Makes `callsPerSlot` calls on each connection, one after the other, all connections at once. */
  async run(callsPerSlot: number): Promise<LoadResult> {
    let received = -1;
    const release = setInterval(() => {
      const now = this.#callers.reduce((bytes, caller) => bytes + caller.receivedBytes, 0);
      if (now === received) this.#releaseMore();
      received = now;
    }, HELD_BACK_MS);
    this.#upstream.ahead = this.#ahead;
    try {
      return await this.#call(callsPerSlot);
    } finally {
      clearInterval(release);
    }
  }

  close(): void {
    for (const caller of this.#callers) caller.close();
  }

  #call(callsPerSlot: number): Promise<LoadResult> {
    return new Promise((resolve, reject) => {
      const startMs = performance.now();
      let toStart = (callsPerSlot - 1) * this.#callers.length;
      let toFinish = callsPerSlot * this.#callers.length;
      const calls = toFinish;
      const fail = (error: Error): void => {
        clearTimeout(lost);
        reject(new Error(`${this.#name}: ${error.message}`, { cause: error }));
      };
      const lost = setTimeout(() => {
        fail(new Error(`${toFinish} of ${calls} calls not answered within ${LOST_MS} ms`));
      }, LOST_MS);
      const next = (caller: Caller): void => {
        toFinish -= 1;
        if (toStart > 0) {
          toStart -= 1;
          caller.call(next, fail);
        } else if (toFinish === 0) {
          clearTimeout(lost);
          resolve({ calls, seconds: (performance.now() - startMs) / 1000 });
        }
      };
      for (const caller of this.#callers) caller.call(next, fail);
    });
  }

  /** From now on the subject gets one event more in advance; the turn that does not count finds out how many. */
  #releaseMore(): void {
    this.#ahead += 1;
    this.#upstream.ahead = this.#ahead;
    for (const caller of this.#callers) caller.release();
  }
}

/** One keep-alive connection with at most one call on it. */
class Caller {
  readonly #socket: Socket;
  readonly #request: Buffer;
  readonly #body: Buffer;
  readonly #slot: number;
  readonly #upstream: Upstream;
  #bodyBytes = 0;
  #earlierBytes = 0;
  #done: ((caller: Caller) => void) | undefined;
  #fail: ((error: Error) => void) | undefined;

  private constructor(socket: Socket, request: Buffer, exchange: Exchange, slot: number, upstream: Upstream) {
    this.#socket = socket;
    this.#request = request;
    this.#body = exchange.body;
    this.#slot = slot;
    this.#upstream = upstream;
    const reader = new MessageReader({
      head: checkHead,
      body: (data, from, to) => {
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

  static async open(port: number, exchange: Exchange, slot: number, upstream: Upstream): Promise<Caller> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve).once('error', reject);
    });
    return new Caller(socket, requestBytes(exchange, port, slot), exchange, slot, upstream);
  }

  /** Body bytes of all calls so far. */
  get receivedBytes(): number {
    return this.#earlierBytes + this.#bodyBytes;
  }

  /** Lets the upstream send what this client is ready for. */
  release(): void {
    this.#upstream.clientSaw(this.#slot, this.#bodyBytes);
  }

  call(done: (caller: Caller) => void, fail: (error: Error) => void): void {
    this.#earlierBytes += this.#bodyBytes;
    this.#bodyBytes = 0;
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
    const end = this.#bodyBytes + to - from;
    if (end > this.#body.length || data.compare(this.#body, this.#bodyBytes, end, from, to) !== 0) {
      throw new Error(`wrong body after ${this.#bodyBytes} bytes: ${data.toString('latin1', from, to)}`);
    }
    this.#bodyBytes = end;
  }

  #finish(): void {
    if (this.#bodyBytes !== this.#body.length) {
      throw new Error(`${this.#bodyBytes} bytes of body instead of ${this.#body.length}`);
    }
    this.#done?.(this);
  }
}

function checkHead(head: string): void {
  if (!head.startsWith('HTTP/1.1 200 ')) throw new Error(`wrong status: ${head}`);
  // An answer of the cache says so, and has none of them.
  if (!/\r\n(?:request-id: req_|cache-status: sluice; )/i.test(head))
    throw new Error(`headers of the upstream are missing: ${head}`);
}
