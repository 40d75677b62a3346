import { token, type Token } from '@sluice/core';
import { memoryCacheStore } from './memory-store.ts';

/** One stored answer. Never changed in place: several calls may be reading it. */
export interface CacheEntry {
  /** The key it was stored under, repeated: an entry found under another key is not used. */
  readonly key: string;
  /** Wall-clock milliseconds since the Unix epoch when it was stored. */
  readonly storedAt: number;
  /** How long it is fresh from then on, in milliseconds. */
  readonly ttlMs: number;
  /** Its `content-type`. */
  readonly contentType: string;
  /** The body as it came over the wire. */
  readonly body: Uint8Array;
}

/** What a store is told beside the entry. */
export interface StoreOptions {
  /** The entry is of no use after so many milliseconds; the store may forget it then, or sooner. */
  readonly keepMs: number;
  /** By each of them the entry can be purged. */
  readonly tags: readonly string[];
  /** How long ago the answer was asked for, in milliseconds: what was purged since must not be stored. */
  readonly ageMs: number;
  /** Given by `leases.acquire`: without that lease still being held, nothing is stored. */
  readonly lease?: string;
}

/** Leases between processes, so that one of them asks the upstream and the others wait. */
export interface CacheLeases {
  /** Takes the lease of a key, or resolves with undefined when somebody holds it. */
  acquire(key: string, leaseMs: number): Promise<string | undefined>;
  /** Holds it longer. Resolves with false when it was lost. */
  renew(key: string, lease: string, leaseMs: number): Promise<boolean>;
  /** Gives it up, if it is still held. */
  release(key: string, lease: string): Promise<void>;
  /** Whether anybody holds it. */
  held(key: string): Promise<boolean>;
}

/**
 * Where answers are kept. It may forget anything at any time, fail, and be slow: the plugin bounds each wait, and takes
 * every failure for a miss.
 */
export interface CacheStore {
  /** The entry of a key. A store in memory answers at once, without a promise. */
  get(key: string): CacheEntry | undefined | Promise<CacheEntry | undefined>;
  /** Keeps an entry, in place of an older one. */
  set(key: string, entry: CacheEntry, options: StoreOptions): void | Promise<void>;
  /** Forgets everything that was stored with the tag. */
  purge(tag: string): void | Promise<void>;
  /** Absent: the store is of one process alone. */
  readonly leases?: CacheLeases;
}

/** Where the cache keeps answers. Embedded default: `memoryCacheStore()`, 64 MiB. */
export const CACHE_STORE: Token<CacheStore> = token('cache-store', {
  create: (): CacheStore => memoryCacheStore(),
});
