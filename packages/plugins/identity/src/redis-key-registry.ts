import type { KeyRegistry } from './key-registry.ts';
import { channelOf, DEFAULT_HASH, type RedisWriter } from './redis-client.ts';
import { checkVirtualKey } from './virtual-key.ts';

/** One step, so that nobody who hears of a change can still read what was before. */
const PUT = `redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return redis.call('PUBLISH', ARGV[3], ARGV[1])`;

/**
 * Writes the keys that a `redisKeyDirectory` reads, and tells all instances of every change.
 *
 * @param hash The Redis hash that the keys are in.
 */
export function redisKeyRegistry(
  redis: RedisWriter,
  { hash = DEFAULT_HASH }: { readonly hash?: string } = {},
): KeyRegistry {
  return {
    list: async () => (await redis.hvals(hash)).map((text) => checkVirtualKey(JSON.parse(text))),
    put: async (key) => {
      await redis.eval(PUT, 1, hash, key.id, JSON.stringify(checkVirtualKey(key)), channelOf(hash));
    },
  };
}
