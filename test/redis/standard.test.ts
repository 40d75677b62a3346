import { CACHE_STORE, memoryCacheStore, REDIS_SETTINGS } from '@sluice/cache';
import { definePlugin, type Outcome, type Pipeline, provide } from '@sluice/core';
import { type FakeUpstream, fakeUpstream } from '@sluice/core/testing';
import { issueKey, redisKeyRegistry } from '@sluice/identity';
import { type OneUpstream, standardPipeline, type StandardRedis } from '@sluice/standard';
import { type Cluster, Redis } from 'ioredis';
import { container } from 'tsyringe';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { describeWithRedis, redisForTests } from '../support/redis.ts';

/** What is right is tested here, and not how soon: the machine may be busy. */
const patient = { commandTimeout: 5_000, socketTimeout: 10_000 };

let names = 0;
/** Under names of its own: the server may be somebody's. */
const ownPrefix = (): string => `sluice:test:${process.pid}:standard-${++names}:`;

describeWithRedis('the standard pipeline on Redis', () => {
  let server: Awaited<ReturnType<typeof redisForTests>>;
  let redis: Redis;
  let upstream: FakeUpstream;
  beforeAll(async () => {
    [server, upstream] = await Promise.all([redisForTests(), fakeUpstream()]);
    redis = new Redis(server.url, { ...REDIS_SETTINGS, ...patient, lazyConnect: true });
    await redis.connect();
  });
  afterAll(async () => {
    redis.disconnect();
    await upstream.close();
    await server[Symbol.asyncDispose]();
  });

  /** Two pipelines with the same options: as two processes of an app have them. */
  function twice(options: Omit<OneUpstream, 'upstream' | 'redis'> & { readonly redisPrefix: string }): Twins {
    const outcomes: Outcome[] = [];
    const witness = definePlugin({
      name: 'witness',
      create: () => ({
        handle(request, next, ctx) {
          ctx.onComplete((outcome) => void outcomes.push(outcome));
          return next(request);
        },
      }),
    });
    const one = (): Pipeline =>
      standardPipeline({
        upstream: upstream.url,
        redis,
        arrange: (plugins) => [witness(), ...plugins],
        ...options,
      });
    const pair = [one(), one()] as const;
    return {
      pair,
      outcomes,
      async [Symbol.asyncDispose]() {
        await Promise.all(pair.map((pipeline) => pipeline.close(1_000)));
      },
    };
  }

  test('keeps answers for all processes, under the prefix', async () => {
    const redisPrefix = ownPrefix();
    await using twins = twice({ redisPrefix, cache: true });
    const [here, there] = twins.pair;
    expect((await ask(here, 'Hello?')).status).toBe(200);
    await vi.waitFor(async () => {
      await ask(there, 'Hello?');
      expect(twins.outcomes.at(-1)).toMatchObject({ kind: 'completed', attempts: 0 });
    });
    expect(await redis.keys(`${redisPrefix}cache:*`)).not.toEqual([]);
    expect(here.describe().services).toContainEqual({ name: 'cache-store', source: 'provided' });
  });

  test('counts limits of all processes together', async () => {
    const redisPrefix = ownPrefix();
    const rules = [{ name: 'rpm', of: 'requests', limit: 3, windowMs: 60_000 }] as const;
    await using twins = twice({ redisPrefix, rateLimit: { rules, storeTimeoutMs: 5_000 } });
    const statuses: number[] = [];
    for (let i = 0; i < 6; i++) statuses.push((await ask(twins.pair[i % 2] as Pipeline, `${i}`)).status);
    expect(statuses).toEqual([200, 200, 200, 429, 429, 429]);
    expect(await redis.keys(`${redisPrefix}limit:*`)).not.toEqual([]);
  });

  test('knows virtual keys from there, and suspends their owners everywhere', async () => {
    const redisPrefix = ownPrefix();
    const { text, key } = issueKey({ principal: 'ann', tenant: 'acme' });
    await redisKeyRegistry(redis, { hash: `${redisPrefix}virtual-keys` }).put(key);
    await using twins = twice({
      redisPrefix,
      identity: true,
      moderation: {
        words: [{ text: 'grumblewort' }],
        strikes: { inARow: 2, storeTimeoutMs: 5_000 },
      },
      credentials: { poolScope: 'shared', keys: [{ id: 'main', load: () => 'sk-operator' }] },
    });
    const [here, there] = twins.pair;
    await Promise.all([here.start(), there.start()]);
    expect((await ask(here, 'Hello?', issueKey().text)).status).toBe(401);
    expect((await ask(here, 'Hello?', text)).status).toBe(200);
    expect((await ask(here, 'grumblewort', text)).status).toBe(400);
    expect((await ask(there, 'grumblewort', text)).status).toBe(400);
    // A strike is written while the caller already has its answer.
    await vi.waitFor(async () => {
      expect((await ask(here, 'Hello?', text)).status).toBe(403);
      expect((await ask(there, 'Hello?', text)).status).toBe(403);
    });
    expect(await redis.keys(`${redisPrefix}strikes:*`)).not.toEqual([]);
  });

  test('gives way to a store among the services, and to one in the container', async () => {
    const redisPrefix = ownPrefix();
    const registered = container.createChildContainer();
    const store = memoryCacheStore();
    registered.register(CACHE_STORE, { useValue: store });
    const alternatives = [{ services: [provide(CACHE_STORE, () => store)] }, { container: registered }];
    for (const alternative of alternatives) {
      await using twins = twice({ redisPrefix, cache: true, ...alternative });
      await ask(twins.pair[0], 'Hello?');
      await vi.waitFor(async () => {
        await ask(twins.pair[1], 'Hello?');
        expect(twins.outcomes.at(-1)?.attempts).toBe(0);
      });
    }
    expect(await redis.keys(`${redisPrefix}*`)).toEqual([]);
  });

  test('needs no more than the client', async () => {
    // #region redis
    const client = new Redis(server.url, { ...REDIS_SETTINGS });
    const pipeline = standardPipeline({
      upstream: 'https://api.anthropic.com',
      redis: client,
      cache: true,
      rateLimit: { rules: [{ name: 'rpm', of: 'requests', limit: 60, windowMs: 60_000 }] },
    });
    // #endregion
    try {
      expect(pipeline.describe().services.filter(({ source }) => source === 'provided')).toEqual([
        { name: 'cache-store', source: 'provided' },
        { name: 'limit-store', source: 'provided' },
      ]);
    } finally {
      await pipeline.close();
      client.disconnect();
    }
  });
});

/** Compiles only while both clients of ioredis will do. */
export type Clients = Fits<Redis> & Fits<Cluster>;
type Fits<Client extends StandardRedis> = Client;

interface Twins extends AsyncDisposable {
  readonly pair: readonly [Pipeline, Pipeline];
  readonly outcomes: readonly Outcome[];
}

async function ask(pipeline: Pipeline, content: string, key = 'sk-caller'): Promise<Response> {
  const response = await pipeline.fetch('https://caller.test/v1/messages', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': key },
    body: JSON.stringify({ model: 'any', max_tokens: 64, messages: [{ role: 'user', content }] }),
  });
  await response.arrayBuffer();
  return response;
}
