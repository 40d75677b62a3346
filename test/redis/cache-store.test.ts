import { setTimeout as sleep } from 'node:timers/promises';
import {
  cache,
  CACHE_STORE,
  cacheHandle,
  type CacheStore,
  REDIS_CLUSTER_SETTINGS,
  REDIS_SETTINGS,
  redisCacheStore,
  redisPurgeChannel,
  twoLevelCacheStore,
} from '@sluice/cache';
import { cacheStoreCases } from '@sluice/cache/testing';
import { CLOCK, type Clock, createPipeline, provide, TRANSPORT } from '@sluice/core';
import { scriptedTransport } from '@sluice/core/testing';
import { Cluster, Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startRedisCluster, type RedisCluster } from '../support/redis-cluster.ts';
import { describeWithOwnRedis, describeWithRedis, redisForTests } from '../support/redis.ts';

const pass = (ms: number): Promise<void> => sleep(ms);
const systemClock = realClock();

/** The clock that a pipeline has by itself. */
function realClock(): Clock {
  const pipeline = createPipeline({ upstream: 'https://upstream.test' });
  return pipeline.clock;
}

/** What is right is tested here, and not how soon: the machine may be busy. */
const patient = { commandTimeout: 5_000, socketTimeout: 10_000 };

let names = 0;
/** Under names of its own: the server may be somebody's. */
const prefix = (): string => `sluice:test:${process.pid}:${++names}:`;

describeWithRedis('the store on Redis', () => {
  let server: Awaited<ReturnType<typeof redisForTests>>;
  let client: Redis;
  beforeAll(async () => {
    server = await redisForTests();
    client = new Redis(server.url, { ...REDIS_SETTINGS, ...patient, lazyConnect: true });
    await client.connect();
  });
  afterAll(async () => {
    client.disconnect();
    await server[Symbol.asyncDispose]();
  });
  const make = (): CacheStore => redisCacheStore(client, { prefix: prefix() });
  for (const { name, run } of cacheStoreCases({ make, pass, expires: true })) test(name, run);

  test('compresses, encrypts, and takes what is not its own for a miss', async () => {
    const own = prefix();
    const store = redisCacheStore(client, { prefix: own, encryptionKeys: [Buffer.alloc(32, 7)] });
    const entry = {
      key: 'k',
      storedAt: 1,
      ttlMs: 2,
      contentType: 'application/json',
      body: Buffer.from('a secret word '.repeat(500)),
    };
    await store.set('k', entry, { keepMs: 60_000, tags: ['tenant:a'], ageMs: 0 });
    expect(await store.get('k')).toEqual(entry);
    const value = await client.getBuffer(`${own}{k}`);
    expect(value?.length).toBeLessThan(500);
    expect(value?.includes('secret')).toBe(false);
    expect(await client.pttl(`${own}{k}`)).toBeGreaterThan(50_000);
    // Moved under another key.
    await client.set(`${own}{other}`, value ?? '');
    expect(await store.get('other')).toBeUndefined();
    await client.set(`${own}{k}`, 'something of another app');
    expect(await store.get('k')).toBeUndefined();
    await client.del(`${own}{k}`);
    await client.lpush(`${own}{k}`, 'a list');
    await expect(store.get('k')).rejects.toThrow('WRONGTYPE');
  });

  test('does not store what was asked for before a purge, by whichever process', async () => {
    const own = prefix();
    const [here, there] = [
      redisCacheStore(client, { prefix: own }),
      redisCacheStore(client, { prefix: own }),
    ];
    const entry = { key: 'k', storedAt: 1, ttlMs: 2, contentType: 'text/plain', body: Buffer.from('x') };
    await here.purge('tenant:a');
    await there.set('k', entry, { keepMs: 60_000, tags: ['tenant:a'], ageMs: 5_000 });
    expect(await there.get('k')).toBeUndefined();
    await there.set('k', entry, { keepMs: 60_000, tags: ['tenant:b'], ageMs: 5_000 });
    expect(await there.get('k')).toEqual(entry);
  });

  test('leaves nothing behind for ever', async () => {
    const own = prefix();
    const store = redisCacheStore(client, { prefix: own });
    const entry = { key: 'k', storedAt: 1, ttlMs: 2, contentType: 'text/plain', body: Buffer.from('x') };
    for (const key of ['a', 'b'])
      await store.set(key, { ...entry, key }, { keepMs: 5_000, tags: ['t'], ageMs: 0 });
    await store.purge('t');
    await pass(10);
    await store.set('c', { ...entry, key: 'c' }, { keepMs: 5_000, tags: ['t'], ageMs: 0 });
    await store.leases?.acquire('d', 5_000);
    const keys = await client.keys(`${own}*`);
    expect(keys.length).toBeGreaterThan(2);
    for (const key of keys) expect(await client.pttl(key)).toBeGreaterThan(0);
  });

  test('tells the other processes of a purge', async () => {
    const [own, channel] = [prefix(), prefix()];
    const subscribers = [
      client.duplicate({ enableOfflineQueue: true }),
      client.duplicate({ enableOfflineQueue: true }),
    ];
    const [here, there] = subscribers.map((subscriber) =>
      twoLevelCacheStore(redisCacheStore(client, { prefix: own }), {
        clock: systemClock,
        nearMs: 60_000,
        invalidations: redisPurgeChannel(client, subscriber, channel),
      }),
    ) as [ReturnType<typeof twoLevelCacheStore>, ReturnType<typeof twoLevelCacheStore>];
    here.start();
    there.start();
    await expect.poll(async () => client.pubsub('NUMSUB', channel)).toEqual([channel, 2]);
    const entry = { key: 'k', storedAt: 1, ttlMs: 2, contentType: 'text/plain', body: Buffer.from('x') };
    await here.set('k', entry, { keepMs: 60_000, tags: ['t'], ageMs: 0 });
    expect(await there.get('k')).toEqual(entry);
    // From memory now, without asking.
    expect(there.get('k')).toEqual(entry);
    await here.purge('t');
    await expect.poll(async () => there.get('k')).toBeUndefined();

    // What was missed while the connection was away is forgotten too.
    await here.set('k', entry, { keepMs: 60_000, tags: ['t'], ageMs: 0 });
    await there.get('k');
    expect(there.get('k')).toEqual(entry);
    subscribers[1]?.disconnect(true);
    await expect.poll(() => there.get('k') instanceof Promise).toBe(true);
    here.close();
    there.close();
    for (const subscriber of subscribers) subscriber.disconnect();
  });

  test('is assembled in a few lines', async () => {
    const { url } = server;
    // #region redis
    const redis = new Redis(url, { ...REDIS_SETTINGS });
    const pipeline = createPipeline({
      upstream: 'https://api.anthropic.com',
      plugins: [cache()],
      services: [provide(CACHE_STORE, () => redisCacheStore(redis))],
    });
    // #endregion
    expect(pipeline.describe().services).toContainEqual({ name: 'cache-store', source: 'provided' });
    await pipeline.close();
    redis.disconnect();
  });

  test('is shared by pipelines, and purged through one of them', async () => {
    const own = prefix();
    const answer = (): Response =>
      new Response('{"type":"message","content":[]}', { headers: { 'content-type': 'application/json' } });
    const make = () => {
      const handle = cacheHandle();
      const transport = scriptedTransport(answer, answer);
      const pipeline = createPipeline({
        upstream: 'https://upstream.test',
        plugins: [cache({ handle, tags: () => ['all'] })],
        services: [
          provide(TRANSPORT, () => transport),
          provide(
            CACHE_STORE,
            ({ clock }) =>
              twoLevelCacheStore(redisCacheStore(client, { prefix: own }), { clock, nearMs: 20 }),
            {
              clock: CLOCK,
            },
          ),
        ],
      });
      const ask = async (): Promise<string> =>
        (await pipeline.fetch('https://x/v1/messages', { method: 'POST', body: '{"model":"m"}' })).text();
      return { handle, transport, pipeline, ask };
    };
    const [one, two] = [make(), make()];
    await one.ask();
    await expect.poll(() => one.handle.statistics().stored).toBe(1);
    await two.ask();
    expect(two.transport.requests).toHaveLength(0);
    await one.handle.purge({ tag: 'all' });
    await sleep(30);
    await two.ask();
    expect(two.transport.requests).toHaveLength(1);
    await one.pipeline.close();
    await two.pipeline.close();
  });
});

describeWithOwnRedis('the store on a Redis cluster', () => {
  let servers: RedisCluster;
  let client: Cluster;
  beforeAll(async () => {
    servers = await startRedisCluster();
    client = new Cluster(
      servers.primaries.map(({ port }) => ({ host: '127.0.0.1', port })),
      { ...REDIS_CLUSTER_SETTINGS, redisOptions: { ...REDIS_SETTINGS, ...patient }, lazyConnect: true },
    );
    await client.connect();
  }, 30_000);
  afterAll(async () => {
    client.disconnect();
    await servers[Symbol.asyncDispose]();
  });
  const make = (): CacheStore => redisCacheStore(client, { prefix: prefix() });

  for (const { name, run } of cacheStoreCases({ make, pass })) test(name, run);
});
