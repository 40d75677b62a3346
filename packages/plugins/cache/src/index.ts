export { cache } from './cache.ts';
export { type CodecOptions, type EntryCodec, entryCodec } from './codec.ts';
export { CacheHandle, cacheHandle, type Purge, type Purgeable } from './handle.ts';
export { memoryCacheStore, type MemoryCacheStoreOptions } from './memory-store.ts';
export type { AcrossProcesses, CacheOptions } from './options.ts';
export {
  REDIS_CLUSTER_SETTINGS,
  REDIS_SETTINGS,
  type RedisClient,
  type RedisSubscriber,
} from './redis-client.ts';
export { redisCacheStore, type RedisCacheStoreOptions } from './redis-store.ts';
export type { AnswerKind, CacheRules, Impurity } from './rules.ts';
export type { ScopeKind } from './scope.ts';
export type { CacheStatistics } from './statistics.ts';
export {
  CACHE_STORE,
  type CacheEntry,
  type CacheLeases,
  type CacheStore,
  type StoreOptions,
} from './store.ts';
export {
  type PurgeChannel,
  redisPurgeChannel,
  twoLevelCacheStore,
  type TwoLevelCacheStoreOptions,
} from './two-level-store.ts';
