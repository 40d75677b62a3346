import type { Clock } from '@sluice/core';
import type { CacheStatistics } from './statistics.ts';
import { StoreBreaker } from './store-breaker.ts';
import type { CacheEntry, CacheLeases, CacheStore, StoreOptions } from './store.ts';

/** Bounds of a {@link GuardedStore}. */
export interface GuardOptions {
  readonly storeTimeoutMs: number;
  readonly storeRetryMs: number;
  readonly maxPendingWrites: number;
}

/** A write that has taken this long has failed; nobody waits for it. */
const WRITE_TIMEOUT_MS = 1_000;
/** Bytes of all writes in progress together. */
const MAX_PENDING_BYTES = 32 << 20;

/** A store that can neither fail nor delay a call by more than it is allowed, and costs nothing while it is away. */
export class GuardedStore {
  readonly #store: CacheStore;
  readonly #clock: Clock;
  readonly #options: GuardOptions;
  readonly #statistics: CacheStatistics;
  /** Apart, because a full server reads on: it refuses writes only. */
  readonly #reads: StoreBreaker;
  readonly #writes: StoreBreaker;
  readonly #pending = new Set<Promise<void>>();
  #pendingBytes = 0;

  constructor(store: CacheStore, clock: Clock, options: GuardOptions, statistics: CacheStatistics) {
    this.#store = store;
    this.#clock = clock;
    this.#options = options;
    this.#statistics = statistics;
    this.#reads = new StoreBreaker(clock, options.storeRetryMs);
    this.#writes = new StoreBreaker(clock, options.storeRetryMs);
  }

  /** The entry of a key, if it comes in time. An entry that is not what it should be is a miss. */
  get(key: string): CacheEntry | undefined | Promise<CacheEntry | undefined> {
    if (this.#reads.open) {
      // In the background: a call that finds the store away does not wait for it.
      if (this.#reads.mayTry()) void this.#read(() => this.#store.get(key));
      return undefined;
    }
    let found: CacheEntry | undefined | Promise<CacheEntry | undefined>;
    try {
      found = this.#store.get(key);
    } catch {
      return this.#readFailed();
    }
    if (!(found instanceof Promise)) return this.#checked(key, found);
    const promise = found;
    return this.#read(() => promise).then((entry) => this.#checked(key, entry));
  }

  /** Stores without being waited for; drops what would be too much at a time. */
  set(key: string, entry: CacheEntry, options: StoreOptions): void {
    const bytes = entry.body.length;
    const full =
      this.#pending.size >= this.#options.maxPendingWrites || this.#pendingBytes + bytes > MAX_PENDING_BYTES;
    if (full || (this.#writes.open && !this.#writes.mayTry())) {
      this.#statistics.dropped++;
      this.release(key, options.lease);
      return;
    }
    let written: void | Promise<void>;
    try {
      written = this.#store.set(key, entry, options);
    } catch {
      this.#writeFailed();
      this.release(key, options.lease);
      return;
    }
    if (!(written instanceof Promise)) {
      this.#written();
      return;
    }
    this.#pendingBytes += bytes;
    const done = this.#within(written, WRITE_TIMEOUT_MS)
      .then(
        () => {
          this.#written();
        },
        () => {
          this.#writeFailed();
        },
      )
      .finally(() => {
        this.#pending.delete(done);
        this.#pendingBytes -= bytes;
        // Storing gives it up, but a store may have its reasons not to; others would wait for an answer in vain.
        this.release(key, options.lease);
      });
    this.#pending.add(done);
  }

  /** Purges, however long it takes: whoever asks for it has to know whether it was done. */
  async purge(tag: string): Promise<void> {
    await this.#store.purge(tag);
  }

  /** The store's leases; undefined when it has none, or is away. */
  get leases(): CacheLeases | undefined {
    return this.#reads.open ? undefined : this.#store.leases;
  }

  /** What a lease command answers; `otherwise` when it does not come in time. */
  async lease<T>(command: () => Promise<T>, otherwise: T): Promise<T> {
    return (await this.#read(command)) ?? otherwise;
  }

  /** Gives a lease up, if there is one. */
  release(key: string, lease: string | undefined): void {
    const { leases } = this;
    if (lease !== undefined && leases !== undefined)
      void this.lease(() => leases.release(key, lease), undefined);
  }

  /** Waits for the writes in progress. */
  async settled(): Promise<void> {
    await Promise.all(this.#pending);
  }

  #checked(key: string, entry: CacheEntry | undefined): CacheEntry | undefined {
    if (entry === undefined || entry.key === key) return entry;
    this.#statistics.foreignEntries++;
    return undefined;
  }

  async #read<T>(read: () => T | Promise<T>): Promise<T | undefined> {
    try {
      const value = await this.#within(Promise.resolve(read()), this.#options.storeTimeoutMs);
      this.#reads.succeeded();
      return value;
    } catch {
      return this.#readFailed();
    }
  }

  #readFailed(): undefined {
    this.#statistics.storeFailures++;
    this.#reads.failed();
  }

  #written(): void {
    this.#statistics.stored++;
    this.#writes.succeeded();
  }

  #writeFailed(): void {
    this.#statistics.storeFailures++;
    this.#writes.failed();
  }

  #within<T>(promise: Promise<T>, limitMs: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimeout(() => {
        reject(new Error(`the store did not answer within ${limitMs} ms`));
      }, limitMs);
      promise.then(
        (value) => {
          this.#clock.clearTimeout(timer);
          resolve(value);
        },
        (error: unknown) => {
          this.#clock.clearTimeout(timer);
          reject(error as Error);
        },
      );
    });
  }
}
