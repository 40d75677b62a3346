import type { Clock } from '@sluice/core';
import { LRUCache } from 'lru-cache';
import { ENTRY_BYTES } from './memory-store.ts';
import type { RedisClient, RedisSubscriber } from './redis-client.ts';
import type { CacheEntry, CacheStore } from './store.ts';

/** Options of `twoLevelCacheStore`. */
export interface TwoLevelCacheStoreOptions {
  /** The pipeline's clock: `provide(CACHE_STORE, ({ clock }) => twoLevelCacheStore(…), { clock: CLOCK })`. */
  readonly clock: Clock;
  /**
   * How long an entry is answered from memory before the far store is asked again, in milliseconds. Without
   * `invalidations`, a purge in another process is seen after so long at the latest.
   *
   * @default 1_000
   */
  readonly nearMs?: number;
  /**
   * Most bytes in memory.
   *
   * @default 16_777_216
   */
  readonly nearBytes?: number;
  /** Tells the other processes of purges, and hears of theirs. Default: none. */
  readonly invalidations?: PurgeChannel;
}

/** Tells other processes what was purged. */
export interface PurgeChannel {
  /** Tells the others. */
  publish(tag: string): Promise<void>;
  /** Calls the listener for each purge, and when some may have been missed. Returns how to stop. */
  listen(listener: () => void): () => void;
}

/** Purges by way of Redis's publish and subscribe. `subscriber` is a client of its own: `redis.duplicate()`. */
export function redisPurgeChannel(
  client: RedisClient,
  subscriber: RedisSubscriber,
  channel: string = 'sluice:cache:purge',
): PurgeChannel {
  return {
    async publish(tag) {
      await client.call('PUBLISH', channel, tag);
    },
    listen(listener) {
      const onMessage = (from: string): void => {
        if (from === channel) listener();
      };
      const onReady = (): void => {
        // ioredis does so itself after the first time; once more does no harm.
        subscriber.subscribe(channel).then(listener, listener);
      };
      subscriber.on('message', onMessage);
      subscriber.on('ready', onReady);
      subscriber.on('close', listener);
      subscriber.on('error', listener);
      onReady();
      return () => {
        subscriber.off('message', onMessage);
        subscriber.off('ready', onReady);
        subscriber.off('close', listener);
        subscriber.off('error', listener);
      };
    },
  };
}

interface Near {
  readonly entry: CacheEntry;
  /** By the monotonic clock. */
  readonly until: number;
}

/**
 * A little memory in front of a store that is farther away.
 *
 * @throws TypeError For an impossible option.
 */
export function twoLevelCacheStore(
  far: CacheStore,
  options: TwoLevelCacheStoreOptions,
): CacheStore & { start(): void; close(): void } {
  const { clock, nearMs = 1_000, nearBytes = 16 << 20, invalidations } = options;
  if (!(nearMs > 0)) throw new TypeError('twoLevelCacheStore: option "nearMs" must be greater than 0.');
  const near = new LRUCache<string, Near>({
    maxSize: nearBytes,
    sizeCalculation: ({ entry }) => entry.body.length + ENTRY_BYTES,
  });
  /** What was purged while the far store was being asked must not come back from there. */
  let purges = 0;
  let stop: (() => void) | undefined;
  // All of it: what has come from the far store has come without its tags, and is back soon.
  const forget = (): void => {
    purges++;
    near.clear();
  };

  return {
    get(key) {
      const held = near.get(key);
      if (held !== undefined && held.until > clock.now()) return held.entry;
      const before = purges;
      return Promise.resolve(far.get(key)).then((entry) => {
        if (entry !== undefined && purges === before) near.set(key, { entry, until: clock.now() + nearMs });
        return entry;
      });
    },
    async set(key, entry, given) {
      await far.set(key, entry, given);
      // Whether the far store has taken it, it alone knows.
      near.delete(key);
    },
    async purge(tag) {
      forget();
      await far.purge(tag);
      forget();
      await invalidations?.publish(tag);
    },
    ...(far.leases === undefined ? {} : { leases: far.leases }),
    start() {
      stop ??= invalidations?.listen(forget);
    },
    close() {
      stop?.();
      stop = undefined;
    },
  };
}
