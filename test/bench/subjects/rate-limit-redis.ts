import { provide } from '@sluice/core';
import { LIMIT_STORE, rateLimit, redisLimitStore } from '@sluice/rate-limit';
import { servePipeline } from '../pipeline.ts';
import { redisForSubject } from '../redis.ts';
import { threeRules } from '../three-rules.ts';

/** The same limiter, counting in Redis: one round trip before each call, and one after it. */
export async function start(upstreamUrl: string): Promise<number> {
  const redis = await redisForSubject();
  const limiter = rateLimit({ rules: threeRules, storeTimeoutMs: 5_000 });
  return servePipeline(upstreamUrl, [limiter], [provide(LIMIT_STORE, () => redisLimitStore(redis))]);
}
