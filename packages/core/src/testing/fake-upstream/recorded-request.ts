import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

/** How an exchange ended: the upstream did all it meant to do, or the connection was lost before. */
export type ExchangeEnd = 'complete' | 'aborted';

/** A request that the fake upstream received, and how its answer went. */
export class RecordedRequest {
  /** Counted from 1, in order of arrival, since the start or the last `reset()`. */
  readonly n: number;
  /** Which connection it came on, counted from 1 since the start. */
  readonly connection: number;
  /** The HTTP method, in upper case. */
  readonly method: string;
  /** The request target as it was on the wire, query included. */
  readonly path: string;
  /** As Node joins them, by lower-case names. */
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn, as they were on the wire. */
  readonly rawHeaders: readonly string[];
  /** The id sent in the answer's `request-id` or `x-request-id`. */
  readonly requestId: string;
  /** Milliseconds since the Unix epoch at which the head arrived. */
  readonly receivedAt: number;
  /** The body as far as it has arrived. Emptied, oldest first, when all recorded bodies exceed 64 MiB. */
  body: Buffer = Buffer.alloc(0);
  /** What was done with it, once that is known. */
  behaviour: string | undefined;
  /** The status sent, once one was. */
  status: number | undefined;
  /**
   * Bytes that the operating system has accepted so far: of the answer's body, or, where the upstream wrote to the
   * socket itself, of all. While the client does not read, this stands still.
   */
  bytesWritten = 0;
  /** Resolved once the request has arrived whole, or as far as it ever will. */
  readonly received: Promise<void>;
  /**
   * `complete`: the upstream did all it meant to do, be that an answer or a reset, and the operating system took it.
   * `aborted`: the connection was lost before, by the client or by `close()`. Never rejected.
   */
  readonly closed: Promise<ExchangeEnd>;
  /** True when `closed` is `aborted`. */
  aborted = false;
  /** Milliseconds since the Unix epoch at which `closed` was settled. */
  closedAt: number | undefined;
  /** Set when the fake upstream could not do what it was told, for instance send an invalid header. */
  failure: unknown;
  readonly #settleReceived: () => void;
  readonly #settleClosed: (end: ExchangeEnd) => void;

  constructor(incoming: IncomingMessage, n: number, connection: number, receivedAt: number) {
    this.n = n;
    this.connection = connection;
    this.method = incoming.method ?? '';
    this.path = incoming.url ?? '';
    this.headers = incoming.headers;
    this.rawHeaders = incoming.rawHeaders;
    this.requestId = `req_011Fake${String(n).padStart(17, '0')}`;
    this.receivedAt = receivedAt;
    const received = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<ExchangeEnd>();
    this.received = received.promise;
    this.closed = closed.promise;
    this.#settleReceived = received.resolve;
    this.#settleClosed = closed.resolve;
  }

  /** The body as text. */
  text(): string {
    return this.body.toString();
  }

  /** The body parsed as JSON. */
  json(): unknown {
    return JSON.parse(this.text());
  }

  /** For the server: the body is here. */
  settleReceived(body: Buffer): void {
    this.body = body;
    this.#settleReceived();
  }

  /** For the server: the exchange is over. */
  settleClosed(end: ExchangeEnd, at: number): void {
    this.aborted = end === 'aborted';
    this.closedAt = at;
    this.#settleReceived();
    this.#settleClosed(end);
  }
}
