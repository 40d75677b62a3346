import { EXCHANGES } from './canned.ts';
import { Caller } from './caller.ts';
import type { SubjectProcess } from './child.ts';
import type { Cell } from './cells.ts';
import type { Upstream } from './upstream.ts';

/** What was seen of one turn. */
export interface LoadResult {
  readonly calls: number;
  readonly seconds: number;
  /** From the first byte of a request to the last of its answer, for each call, in milliseconds. */
  readonly latenciesMs: readonly number[];
  /** From the first byte of a request to the first of its answer's body, for each call, in milliseconds. */
  readonly firstEventsMs: readonly number[];
}

/** No turn takes anywhere near this long: the subject has lost a call. */
const LOST_MS = 20_000;

/** When nothing has come for so long, the subject waits for more events before it hands on those it has. */
const HELD_BACK_MS = 50;

/** Paced calls do not all start at once, or each would wait for the others. */
const STAGGER_MS = 6;

/** Keeps calls going against one proxy and checks each byte that comes back. */
export class Load {
  readonly #callers: readonly Caller[];
  readonly #upstream: Upstream;
  readonly #staggerMs: number;
  #ahead = 1;

  private constructor(callers: readonly Caller[], upstream: Upstream, staggerMs: number) {
    this.#callers = callers;
    this.#upstream = upstream;
    this.#staggerMs = staggerMs;
  }

  static async open(subject: SubjectProcess, cell: Cell, upstream: Upstream): Promise<Load> {
    const { port, requestHeaders: headers } = subject;
    const slots = Array.from({ length: cell.inFlight }, (_, slot) => (cell.paced ? {} : { slot }));
    const exchange = EXCHANGES[cell.mode];
    const callers = slots.map((slot) => Caller.open({ port, exchange, headers, upstream, ...slot }));
    return new Load(await Promise.all(callers), upstream, cell.paced ? STAGGER_MS : 0);
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
      const latenciesMs: number[] = [];
      const firstEventsMs: number[] = [];
      const startMs = performance.now();
      let toStart = (callsPerSlot - 1) * this.#callers.length;
      let toFinish = callsPerSlot * this.#callers.length;
      const calls = toFinish;
      const fail = (error: Error): void => {
        clearTimeout(lost);
        reject(error);
      };
      const lost = setTimeout(() => {
        fail(new Error(`${toFinish} of ${calls} calls not answered within ${LOST_MS} ms`));
      }, LOST_MS);
      const next = (caller: Caller): void => {
        toFinish -= 1;
        latenciesMs.push(caller.elapsedMs);
        firstEventsMs.push(caller.firstEventMs);
        if (toStart > 0) {
          toStart -= 1;
          caller.call(next, fail);
        } else if (toFinish === 0) {
          clearTimeout(lost);
          resolve({ calls, seconds: (performance.now() - startMs) / 1000, latenciesMs, firstEventsMs });
        }
      };
      this.#callers.forEach((caller, index) => {
        if (this.#staggerMs === 0) caller.call(next, fail);
        else setTimeout(() => caller.call(next, fail), index * this.#staggerMs);
      });
    });
  }

  /** From now on the subject gets one event more in advance; the turn that does not count finds out how many. */
  #releaseMore(): void {
    this.#ahead += 1;
    this.#upstream.ahead = this.#ahead;
    for (const caller of this.#callers) caller.release();
  }
}
