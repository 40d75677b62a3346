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
export { inspectLimits, type InspectedLimit, type InspectOptions } from './inspect-limits.ts';
export { rateLimit } from './rate-limit.ts';
export type { Estimator, RateLimitOptions, TokenEstimate } from './options.ts';
export type { HeaderStyle } from './headers.ts';
export type { Dimension, LimitRule, OutagePolicy, Price, Scope, ScopeFunction } from './rule.ts';
export type { LimitEvent, LimitListener } from './events.ts';
export { limitMonitor, type LimitMonitor, type LimitReport } from './monitor.ts';
