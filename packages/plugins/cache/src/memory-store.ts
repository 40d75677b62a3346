import { LRUCache } from 'lru-cache';
import type { CacheEntry, CacheStore } from './store.ts';

/** Options of `memoryCacheStore`. */
export interface MemoryCacheStoreOptions {
  /**
   * Most bytes of all entries together; the least recently used go first.
   *
   * @default 67_108_864
   */
  readonly maxBytes?: number;
}

/** What an entry takes beside its body: the key twice, numbers, the list's own links. Measured, rounded up. */
export const ENTRY_BYTES = 512;

interface Held {
  readonly entry: CacheEntry;
  readonly tags: readonly string[];
}

/**
 * Keeps answers in this process. Time plays no part in it: the plugin judges what is fresh, and what is no longer asked
 * for is pushed out.
 *
 * @throws TypeError For bytes that are none.
 */
export function memoryCacheStore(options: MemoryCacheStoreOptions = {}): CacheStore {
  const { maxBytes = 64 << 20 } = options;
  if (!Number.isInteger(maxBytes) || maxBytes < 1)
    throw new TypeError('memoryCacheStore: option "maxBytes" must be a whole number of at least 1.');
  const entries = new LRUCache<string, Held>({
    maxSize: maxBytes,
    sizeCalculation: ({ entry }) => entry.body.length + ENTRY_BYTES,
  });
  return {
    get: (key) => entries.get(key)?.entry,
    set(key, entry, { tags }) {
      entries.set(key, { entry, tags });
    },
    purge(tag) {
      for (const [key, { tags }] of entries.entries()) if (tags.includes(tag)) entries.delete(key);
    },
  };
}
