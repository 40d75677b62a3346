import { setTimeout as sleep } from 'node:timers/promises';
import { createPipeline, provide } from '@sluice/core';
import { fakeClock } from '@sluice/core/testing';
import {
  LIMIT_STORE,
  type LimitRule,
  memoryLimitStore,
  rateLimit,
  redisLimitStore,
} from '@sluice/rate-limit';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeWithRedis, redisForTests } from '../support/redis.ts';
import { limitStoreConformance, type StoreCase } from './rate-limit-conformance.ts';
import { agreesWithModel, steps } from './rate-limit-model.ts';

describe('the memory store', () => {
  const clock = fakeClock();
  limitStoreConformance(() => ({
    store: memoryLimitStore({ clock }),
    advance: (ms) => clock.advance(ms),
  }));

  test('agrees with a model after every step of 100 000 interleavings', async () => {
    await fc.assert(
      fc.asyncProperty(steps, (run) => agreesWithModel(memoryLimitStore({ clock }), 'g', run)),
      { numRuns: 100_000 },
    );
  }, 120_000);
});

describeWithRedis('the Redis store', () => {
  let server: Awaited<ReturnType<typeof redisForTests>>;
  let redis: Redis;
  let storeCase: StoreCase;
  beforeAll(async () => {
    server = await redisForTests();
    redis = new Redis(server.url);
    const store = redisLimitStore(redis, { prefix: `test-${process.pid}-${performance.now()}:` });
    storeCase = {
      store,
      advance: async (ms) => {
        await sleep(ms + 5);
      },
    };
  });
  afterAll(async () => {
    redis.disconnect();
    await server[Symbol.asyncDispose]();
  });
  limitStoreConformance(() => storeCase);

  test('is given to a pipeline as a service', () => {
    const rules: readonly LimitRule[] = [{ name: 'rpm', of: 'requests', limit: 60, windowMs: 60_000 }];
    // #region redis
    const pipeline = createPipeline({
      upstream: 'https://api.anthropic.com',
      plugins: [rateLimit({ rules, instances: 8 })],
      services: [provide(LIMIT_STORE, () => redisLimitStore(redis))],
    });
    // #endregion
    expect(pipeline.describe().services).toContainEqual({ name: 'limit-store', source: 'provided' });
  });

  test('agrees with the same model', async () => {
    let groups = 0;
    await fc.assert(
      fc.asyncProperty(steps, (run) => agreesWithModel(storeCase.store, `model-${++groups}`, run)),
      { numRuns: 1_000 },
    );
  }, 60_000);
});
