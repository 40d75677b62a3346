import type { RecordedRequest } from './recorded-request.ts';

const MOST_BODY_BYTES = 64 * 2 ** 20;

/** The requests received, as many as are kept. */
export class RequestLog {
  readonly #most: number;
  #requests: RecordedRequest[] = [];
  #bodyBytes = 0;
  #count = 0;
  #waiting: { readonly n: number; readonly found: (request: RecordedRequest) => void }[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  /** The last of them, oldest first. */
  get requests(): readonly RecordedRequest[] {
    return this.#requests;
  }

  /** How many there were. */
  get count(): number {
    return this.#count;
  }

  /** Takes in a request whose head has arrived. */
  add(request: RecordedRequest): void {
    this.#count++;
    this.#requests.push(request);
    while (this.#requests.length > this.#most) this.#bodyBytes -= this.#requests.shift()?.body.length ?? 0;
    const found = this.#waiting.filter(({ n }) => n === request.n);
    this.#waiting = this.#waiting.filter(({ n }) => n !== request.n);
    for (const waiter of found) waiter.found(request);
  }

  /** Counts a body that has arrived, and drops the oldest ones when all together are too large. */
  addBody(request: RecordedRequest): void {
    // It may have been forgotten while its body was on the way.
    if (!this.#requests.includes(request)) return;
    this.#bodyBytes += request.body.length;
    for (const old of this.#requests) {
      if (this.#bodyBytes <= MOST_BODY_BYTES) break;
      this.#bodyBytes -= old.body.length;
      old.body = Buffer.alloc(0);
    }
  }

  /** The `n`th request since the start or the last reset, once its head has arrived. */
  async nth(n: number): Promise<RecordedRequest> {
    const known = this.#requests.find((request) => request.n === n);
    if (known) return known;
    if (n <= this.#count) throw new RangeError(`request ${n} is no longer recorded`);
    return new Promise((found) => {
      this.#waiting.push({ n, found });
    });
  }

  /** Forgets all requests, and counts from 1 again. */
  reset(): void {
    this.#requests = [];
    this.#bodyBytes = 0;
    this.#count = 0;
  }
}
