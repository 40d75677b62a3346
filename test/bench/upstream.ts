import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { EXCHANGES, SLOT_HEADER, type Exchange } from './canned.ts';
import { MessageReader } from './wire.ts';

/** A stream without a slot gets an event so often: several models at full speed, and a machine that is far from busy. */
const PACE_MS = 2;

const BAD_REQUEST = Buffer.from('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n', 'latin1');

const SLOT_LINE = new RegExp(`\r\n${SLOT_HEADER}: *(\\d+)`, 'i');

interface Answer {
  readonly socket: Socket;
  readonly exchange: Exchange;
  written: number;
  /** How many of the writes have arrived at the client. */
  seen: number;
}

/**
 * The upstream of every subject: canned answers over raw sockets. To a call with a slot it sends an event of a stream only after the client
 * has seen the one before. Otherwise the kernel would hand a slow subject several events at once and a fast one each
 * on its own, and slow subjects would be paid for being slow.
 */
export class Upstream {
  /** How many writes of an answer may be on their way to the client: more than 1 for subjects that hold events back. */
  ahead = 1;
  /** How long after an event the next one comes, in streams without a slot. */
  paceMs = PACE_MS;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #answers: (Answer | undefined)[] = [];

  private constructor() {
    this.#server = createServer({ noDelay: true }, (socket) => {
      this.#serve(socket);
    });
  }

  static async listen(): Promise<Upstream> {
    const upstream = new Upstream();
    await new Promise<void>((resolve, reject) => {
      upstream.#server.once('error', reject).listen(0, '127.0.0.1', resolve);
    });
    return upstream;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Tells how much of its answer's body the client on `slot` has received. */
  clientSaw(slot: number, bodyBytes: number): void {
    const answer = this.#answers[slot];
    if (!answer) return;
    const ends = answer.exchange.bodyBytesAfterWrite;
    while (bodyBytes >= (ends[answer.seen] ?? Infinity)) answer.seen += 1;
    this.#write(slot, answer);
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #serve(socket: Socket): void {
    let slot = -1;
    let bodyBytes = 0;
    const reader = new MessageReader({
      head: (head) => {
        slot = Number(SLOT_LINE.exec(head)?.[1] ?? -1);
        bodyBytes = 0;
      },
      body: (_data, from, to) => {
        bodyBytes += to - from;
      },
      end: () => {
        // The two canned requests differ in length, so a cut or rewritten body is noticed here as well.
        const exchange = Object.values(EXCHANGES).find((each) => each.requestBody.length === bodyBytes);
        if (!exchange) socket.write(BAD_REQUEST);
        else if (slot === -1) this.#writeInTime(socket, exchange, 0);
        else this.#write(slot, { socket, exchange, written: 0, seen: 0 });
      },
    });
    this.#sockets.add(socket);
    socket.on('data', (data) => {
      reader.push(data as Buffer);
    });
    // A subject that goes away shows as a failed call in the load.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
  }

  #write(slot: number, answer: Answer): void {
    const { socket, exchange } = answer;
    const end = Math.min(answer.seen + this.ahead, exchange.writes.length);
    this.#answers[slot] = end < exchange.writes.length ? answer : undefined;
    for (; answer.written < end; answer.written += 1) socket.write(exchange.writes[answer.written] ?? '');
  }
  /** Each stream by its own clock, so that those who came one after the other stay so. */
  #writeInTime(socket: Socket, exchange: Exchange, index: number): void {
    const data = exchange.writes[index];
    if (data === undefined || socket.destroyed) return;
    socket.write(data);
    setTimeout(() => {
      this.#writeInTime(socket, exchange, index + 1);
    }, this.paceMs);
  }
}
