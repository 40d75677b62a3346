import { setImmediate as nextTurn } from 'node:timers/promises';
import { type BatchRequest, complaintAbout } from './request.ts';

/** Ids that are remembered to find one that is there twice. An endless input must not fill memory. */
const REMEMBERED_IDS = 1_000_000;
/** Skipping waits for nothing: without a pause, signals would not be heard while it goes on. */
const SKIPS_PER_TURN = 1_000;

/** What `batch` reads items from. */
export type Requests<R> = Iterable<R> | AsyncIterable<R>;

/** An item and its position in the input. */
export interface Item<R> {
  readonly request: R;
  readonly index: number;
}

/** Reads items one at a time, and no sooner than it is asked to. */
export class Source<R extends BatchRequest> {
  readonly #requests: Requests<R>;
  readonly #completed: { has(customId: string): boolean };
  readonly #onSkip: () => void;
  readonly #seen = new Set<string>();
  #iterator: Iterator<R> | AsyncIterator<R> | undefined;
  #index = -1;
  #reading = false;
  #closed = false;

  constructor(requests: Requests<R>, completed: { has(customId: string): boolean }, onSkip: () => void) {
    this.#requests = requests;
    this.#completed = completed;
    this.#onSkip = onSkip;
  }

  /**
   * The next item that is not completed; undefined when there is none, or the source was closed meanwhile.
   *
   * @throws TypeError When an item is none, or its id was there before; else what the input throws.
   */
  async next(): Promise<Item<R> | undefined> {
    for (let skips = 1; ; skips++) {
      const request = await this.#read();
      if (this.#closed || request === undefined) return undefined;
      this.#check(request);
      if (!this.#completed.has(request.customId)) return { request, index: this.#index };
      this.#onSkip();
      if (skips % SKIPS_PER_TURN === 0) await nextTurn();
    }
  }

  /** Tells the input that nothing more is wanted. Does not wait for a read that is in progress: it may never end. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const returned = this.#iterator?.return?.();
    if (!this.#reading) await returned;
    else if (returned instanceof Promise) returned.catch(() => undefined);
  }

  async #read(): Promise<R | undefined> {
    this.#iterator ??= iteratorOf(this.#requests);
    this.#reading = true;
    try {
      const { done, value } = await this.#iterator.next();
      // One that has ended by itself is not told to.
      if (done === true) this.#closed = true;
      this.#index++;
      return done === true ? undefined : value;
    } catch (error) {
      this.#closed = true;
      throw error;
    } finally {
      this.#reading = false;
    }
  }

  #check(request: R): void {
    const complaint = complaintAbout(request);
    if (complaint !== undefined) throw new TypeError(`batch: item ${this.#index} ${complaint}.`);
    const { customId } = request;
    if (this.#seen.has(customId))
      throw new TypeError(`batch: item ${this.#index} has the customId of an earlier one, "${customId}".`);
    this.#seen.add(customId);
    if (this.#seen.size <= REMEMBERED_IDS) return;
    const [oldest = ''] = this.#seen;
    this.#seen.delete(oldest);
  }
}

function iteratorOf<R>(requests: Requests<R>): Iterator<R> | AsyncIterator<R> {
  return Symbol.asyncIterator in requests ? requests[Symbol.asyncIterator]() : requests[Symbol.iterator]();
}
