import { CACHE_STORE, type RedisClient, redisCacheStore } from '@sluice/cache';
import { CLOCK, provide, type Provision } from '@sluice/core';
import { KEY_DIRECTORY, redisKeyDirectory, type RedisReader } from '@sluice/identity';
import { redisStrikeStore, STRIKE_STORE, type StrikeRedis } from '@sluice/moderation';
import { LIMIT_STORE, type RedisLimitClient, redisLimitStore } from '@sluice/rate-limit';

/** What the stores use of an `ioredis` client; `Redis` and `Cluster` have it. */
export type StandardRedis = RedisClient & RedisLimitClient & RedisReader & StrikeRedis;

/** Every store that has a Redis form, on one client. With the default prefix, names are those of the stores themselves. */
export function redisServices(redis: StandardRedis, prefix: string): readonly Provision[] {
  return [
    provide(KEY_DIRECTORY, (needs) => redisKeyDirectory(redis, needs, { hash: `${prefix}virtual-keys` }), {
      clock: CLOCK,
    }),
    provide(STRIKE_STORE, () => redisStrikeStore(redis, `${prefix}strikes`)),
    provide(CACHE_STORE, () => redisCacheStore(redis, { prefix: `${prefix}cache:` })),
    provide(LIMIT_STORE, () => redisLimitStore(redis, { prefix: `${prefix}limit:` })),
  ];
}
