export { LIMIT_STORE } from './limit-store.ts';
export { memoryLimitStore, type MemoryLimitStoreOptions } from './memory-store.ts';
export type {
  Claim,
  ClaimState,
  Grant,
  LimitStore,
  Lowering,
  RateClaim,
  Renewal,
  Reservation,
  Settlement,
  SlotClaim,
  WindowClaim,
} from './store.ts';
export { redisLimitStore, type RedisLimitStoreOptions } from './redis-store.ts';
export type { RedisLimitClient } from './redis-client.ts';
export { type Rate, rateOf, type Span } from './gcra.ts';
