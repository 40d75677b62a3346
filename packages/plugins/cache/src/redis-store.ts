import { hash, randomBytes } from 'node:crypto';
import { entryCodec } from './codec.ts';
import type { RedisClient } from './redis-client.ts';
import { ADD_TO_INDEX, PURGED_SINCE, RELEASE, RENEW, SET_IF_HELD, START_PURGE } from './redis-scripts.ts';
import type { CacheLeases, CacheStore, StoreOptions } from './store.ts';

/** Options of `redisCacheStore`. */
export interface RedisCacheStoreOptions {
  /**
   * Before every key, so that several apps can share a server.
   *
   * @default 'sluice:cache:'
   */
  readonly prefix?: string;
  /** Keys of 32 bytes for AES-256-GCM. The first encrypts, all decrypt. Default: none, and answers are stored in clear. */
  readonly encryptionKeys?: readonly Uint8Array[];
  /**
   * Larger answers are neither written nor read, in bytes.
   *
   * @default 16_777_216
   */
  readonly maxBodyBytes?: number;
}

/** A purge is remembered for as long as a call may take that was on its way when it happened. */
const REMEMBER_PURGE_MS = 3_600_000;
/** How many keys of an index are read and dropped at a time. */
const PURGE_STEP = 500;

/**
 * Keeps answers on a Redis server or cluster, for all processes. The client is the application's: it is not closed here.
 * Every command names one key, or keys of one slot.
 *
 * @param client Made with `REDIS_SETTINGS` (or `REDIS_CLUSTER_SETTINGS`): ioredis's defaults wait too long.
 * @throws TypeError For an impossible option.
 */
export function redisCacheStore(client: RedisClient, options: RedisCacheStoreOptions = {}): CacheStore {
  const { prefix = 'sluice:cache:', encryptionKeys = [], maxBodyBytes = 16 << 20 } = options;
  const codec = entryCodec({ encryptionKeys, maxBodyBytes });
  if (client.listenerCount('error') === 0) client.on('error', ignore);
  // The braces make Cluster put what belongs to one entry, or to one tag, into one slot.
  const entryName = (key: string): string => `${prefix}{${key}}`;
  const leaseName = (key: string): string => `${prefix}{${key}}:lease`;
  const tagName = (tag: string): string => `${prefix}{tag:${hash('sha256', tag, 'base64url').slice(0, 22)}}`;

  const addTo = async (tag: string, key: string, { keepMs, ageMs }: StoreOptions): Promise<boolean> => {
    const names = [`${tagName(tag)}:keys`, `${tagName(tag)}:purged`];
    const added = await client.call('EVAL', ADD_TO_INDEX, 2, ...names, key, whole(keepMs), whole(ageMs));
    return Number(added) === 1;
  };

  /** Empties an index that nothing is added to any more. */
  const forget = async (index: string): Promise<void> => {
    for (;;) {
      const keys = (await client.call('ZRANGE', index, 0, PURGE_STEP - 1)) as string[];
      if (keys.length === 0) return;
      await Promise.all(keys.map((key) => client.call('UNLINK', entryName(key))));
      // Not before: what is in no index is purged by nobody, and this may be as far as it gets.
      await client.call('ZREM', index, ...keys);
    }
  };

  return {
    async get(key) {
      const value = await client.callBuffer('GET', entryName(key));
      return Buffer.isBuffer(value) ? codec.decode(key, value) : undefined;
    },

    async set(key, entry, given) {
      if (entry.body.length > maxBodyBytes) return;
      const value = await codec.encode(entry);
      // In the index before it is there: what is not in an index cannot be purged.
      const added = await Promise.all(given.tags.map((tag) => addTo(tag, key, given)));
      if (added.includes(false)) return;
      const keepMs = Math.max(1, whole(given.keepMs));
      if (given.lease === undefined) await client.call('SET', entryName(key), value, 'PX', keepMs);
      else {
        const names = [entryName(key), leaseName(key)];
        await client.call('EVAL', SET_IF_HELD, 2, ...names, value, keepMs, given.lease);
      }
      // A purge may have looked through the index between the two.
      const purged = await Promise.all(
        given.tags.map((tag) =>
          client.call('EVAL', PURGED_SINCE, 1, `${tagName(tag)}:purged`, whole(given.ageMs)),
        ),
      );
      if (purged.some((since) => Number(since) === 1)) await client.call('UNLINK', entryName(key));
    },

    async purge(tag) {
      const name = tagName(tag);
      const batch = randomBytes(9).toString('base64url');
      const names = [`${name}:purged`, `${name}:keys`, `${name}:keys:${batch}`, `${name}:purging`];
      const batches = await client.call('EVAL', START_PURGE, 4, ...names, REMEMBER_PURGE_MS, batch);
      for (const one of batches as string[]) {
        await forget(`${name}:keys:${one}`);
        await client.call('SREM', `${name}:purging`, one);
      }
    },

    leases: leasesOf(client, leaseName),
  };
}

function leasesOf(client: RedisClient, leaseName: (key: string) => string): CacheLeases {
  return {
    async acquire(key, leaseMs) {
      // Nobody else's, for ever: whoever comes back after having lost it cannot be taken for the present holder.
      const lease = randomBytes(16).toString('base64url');
      const taken = await client.call('SET', leaseName(key), lease, 'NX', 'PX', whole(leaseMs));
      return taken === 'OK' ? lease : undefined;
    },
    async renew(key, lease, leaseMs) {
      return Number(await client.call('EVAL', RENEW, 1, leaseName(key), lease, whole(leaseMs))) === 1;
    },
    async release(key, lease) {
      await client.call('EVAL', RELEASE, 1, leaseName(key), lease);
    },
    async held(key) {
      return Number(await client.call('EXISTS', leaseName(key))) === 1;
    },
  };
}

function whole(ms: number): number {
  return Math.ceil(Math.max(0, ms));
}

function ignore(): void {
  // Each command that fails tells whoever sent it.
}
