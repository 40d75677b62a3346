import { setTimeout as sleep } from 'node:timers/promises';
import {
  cache,
  CACHE_STORE,
  cacheHandle,
  type CacheHandle,
  type CacheOptions,
  REDIS_CLUSTER_SETTINGS,
  REDIS_SETTINGS,
  type RedisClient,
  redisCacheStore,
} from '@sluice/cache';
import { createPipeline, type Pipeline, provide, TRANSPORT } from '@sluice/core';
import { anthropicMessage } from '@sluice/core/testing';
import { Cluster, Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { startRedisCluster } from '../support/redis-cluster.ts';
import { describeWithOwnRedis, type RedisServer, startRedis } from '../support/redis.ts';
import { tcpProxy } from '../support/tcp-proxy.ts';

interface App extends AsyncDisposable {
  readonly pipeline: Pipeline;
  readonly handle: CacheHandle;
  readonly sent: { count: number };
  /** Asks about a topic; the answer has to be right, whatever the store is doing. */
  ask(topic: number): Promise<void>;
}

function app(client: RedisClient, options: CacheOptions = {}): App {
  const handle = cacheHandle();
  const sent = { count: 0 };
  const pipeline = createPipeline({
    upstream: 'https://upstream.test',
    plugins: [cache({ handle, storeRetryMs: 100, ...options })],
    services: [
      provide(CACHE_STORE, () => redisCacheStore(client)),
      provide(TRANSPORT, () => ({
        send: (request) => {
          sent.count++;
          const { system } = JSON.parse(Buffer.from(request.body ?? []).toString()) as { system: string };
          return Promise.resolve(
            new Response(anthropicMessage({ text: `${system} ${'x'.repeat(2_000)}` }), {
              headers: { 'content-type': 'application/json' },
            }),
          );
        },
      })),
    ],
  });
  return {
    pipeline,
    handle,
    sent,
    ask: async (topic) => {
      const response = await pipeline.fetch('https://caller.test/v1/messages', {
        method: 'POST',
        body: JSON.stringify({ model: 'm', system: `topic ${topic};`, messages: [] }),
      });
      const text = await response.text();
      expect(response.status).toBe(200);
      expect(text).toContain(`topic ${topic}; x`);
    },
    [Symbol.asyncDispose]: () => pipeline.close(),
  };
}

function redisOf(server: Pick<RedisServer, 'url'>, options: object = {}): Redis {
  return new Redis(server.url, { ...REDIS_SETTINGS, ...options });
}

/** Where nothing fails, a busy machine shall not make it look as if. */
const PATIENT_CLIENT = { commandTimeout: 5_000, socketTimeout: 10_000 };
const PATIENT: CacheOptions = { storeTimeoutMs: 5_000 };

/** Asks for as many topics, so many at a time. */
async function load({ ask }: App, topics: number, atATime = 10): Promise<void> {
  for (let from = 0; from < topics; from += atATime)
    await Promise.all(Array.from({ length: atATime }, (_, i) => ask(from + i)));
}

let fresh = 1_000_000;

/** Until the store is used (again): a question that was not asked yet is found when it is asked once more. */
async function inUse({ ask, handle }: App): Promise<void> {
  const found = async (): Promise<boolean> => {
    const topic = ++fresh;
    await ask(topic);
    await sleep(20);
    const { hits } = handle.statistics();
    await ask(topic);
    return handle.statistics().hits > hits;
  };
  await expect.poll(found, { timeout: 10_000, interval: 50 }).toBe(true);
}

async function ready(client: Redis | Cluster): Promise<void> {
  if (client.status !== 'ready') await new Promise<void>((done) => void client.once('ready', () => done()));
}

describeWithOwnRedis('while Redis', () => {
  const outages: Record<
    string,
    { away: (server: RedisServer) => unknown; back: (server: RedisServer) => unknown }
  > = {
    'is killed': { away: (server) => server.kill(), back: (server) => server.restart() },
    'is frozen': { away: (server) => server.freeze(), back: (server) => server.thaw() },
    'is stopped for another one': { away: (server) => server.stop(), back: (server) => server.restart() },
  };
  for (const [what, { away, back }] of Object.entries(outages)) {
    test(`${what}, every call is answered, a handful of them wait for it, and it is used again once it is back`, async () => {
      await using server = await startRedis();
      const redis = redisOf(server);
      await ready(redis);
      await using one = app(redis);
      await inUse(one);

      await away(server);
      const before = one.handle.statistics().storeFailures;
      await load(one, 2_000);
      // The first ten were on their way together; then one try in 100 ms, which no call waits for.
      const { storeFailures, dropped } = one.handle.statistics();
      expect(storeFailures - before).toBeLessThan(200);
      expect(dropped).toBeGreaterThan(0);

      await back(server);
      await inUse(one);
      redis.disconnect();
    });
  }

  test('is not there at the start, the app starts all the same', async () => {
    const server = await startRedis();
    await server.kill();
    const redis = redisOf(server);
    await using one = app(redis);
    await one.pipeline.start();
    await load(one, 20);
    await server.restart();
    await inUse(one);
    redis.disconnect();
    await server[Symbol.asyncDispose]();
  });

  test('takes 200 ms to answer, it is given up, and again used when it is faster', async () => {
    await using server = await startRedis();
    await using proxy = await tcpProxy(server.port);
    const redis = redisOf(proxy);
    await ready(redis);
    await using one = app(redis);
    proxy.delayMs = 200;
    await load(one, 500);
    expect(one.sent.count).toBe(500);
    expect(one.handle.statistics()).toMatchObject({ hits: 0 });
    expect(one.handle.statistics().storeFailures).toBeLessThan(60);
    proxy.delayMs = 0;
    await inUse(one);
    redis.disconnect();
  });

  test('is full, what it has is still found, and writes are left be', async () => {
    await using server = await startRedis({ maxMemoryBytes: 64 << 20 });
    const redis = redisOf(server, PATIENT_CLIENT);
    await ready(redis);
    await using one = app(redis, PATIENT);
    await one.ask(0);
    await expect.poll(() => one.handle.statistics().stored).toBe(1);
    await redis.config('SET', 'maxmemory', '1');
    await load(one, 200);
    const { stored, storeFailures, dropped } = one.handle.statistics();
    expect(stored).toBe(1);
    expect(storeFailures).toBeGreaterThan(0);
    expect(storeFailures + dropped).toBeGreaterThanOrEqual(190);
    const { count } = one.sent;
    await one.ask(0);
    expect(one.sent.count).toBe(count);
    await redis.config('SET', 'maxmemory', '0');
    await inUse(one);
    redis.disconnect();
  });

  test('has forgotten its scripts, nothing is noticed', async () => {
    await using server = await startRedis();
    const redis = redisOf(server, PATIENT_CLIENT);
    await ready(redis);
    await using one = app(redis, { ...PATIENT, tags: () => ['a'], acrossProcesses: { leaseMs: 60_000 } });
    await load(one, 20);
    await redis.script('FLUSH');
    await one.handle.purge({ tag: 'a' });
    await load(one, 20);
    await expect.poll(() => one.handle.statistics().stored).toBe(40);
    expect(one.handle.statistics().storeFailures).toBe(0);
    redis.disconnect();
  });

  test('has become a replica, writes are left be until the client has found the primary', async () => {
    await using old = await startRedis();
    await using other = await startRedis();
    await using proxy = await tcpProxy(old.port);
    const redis = redisOf(proxy);
    await ready(redis);
    await using one = app(redis);
    await inUse(one);
    const admin = redisOf(old);
    await ready(admin);
    await admin.call('REPLICAOF', '127.0.0.1', other.port);
    await load(one, 100);
    // What a name that moves over to the new primary does; READONLY has made the client connect anew.
    proxy.target = other.port;
    proxy.cut();
    await inUse(one);
    admin.disconnect();
    redis.disconnect();
  });

  test('is a cluster of which one dies, the others are used, and its replica takes over', async () => {
    await using servers = await startRedisCluster({ replicas: 1 });
    const cluster = new Cluster(
      servers.primaries.map(({ port }) => ({ host: '127.0.0.1', port })),
      { ...REDIS_CLUSTER_SETTINGS },
    );
    await ready(cluster);
    await using one = app(cluster);
    await inUse(one);
    await load(one, 60);
    await servers.primaries[0]?.kill();
    await load(one, 200);
    await expect
      .poll(
        async () => {
          await load(one, 20);
          return (await Promise.all(Array.from({ length: 20 }, (_, i) => found(cluster, i)))).length;
        },
        { timeout: 10_000 },
      )
      .toBe(20);
    await inUse(one);
    cluster.disconnect();
  }, 40_000);
});

/** Whether a slot can be read. */
async function found(cluster: Cluster, slot: number): Promise<unknown> {
  return cluster.get(`{${slot}}`);
}

describeWithOwnRedis('several processes', () => {
  test('ask once for the same, and get it from each other', async () => {
    await using server = await startRedis();
    const clients = Array.from({ length: 5 }, () => redisOf(server, PATIENT_CLIENT));
    await Promise.all(clients.map((client) => ready(client)));
    const apps = clients.map((client) =>
      app(client, { ...PATIENT, acrossProcesses: { leaseMs: 60_000, waitMs: 20_000 } }),
    );
    await Promise.all(apps.flatMap((one) => Array.from({ length: 20 }, () => one.ask(7))));
    expect(apps.reduce((sum, { sent }) => sum + sent.count, 0)).toBe(1);
    for (const one of apps) await one.pipeline.close();
    for (const client of clients) client.disconnect();
  });

  test('do not wait for ever for one that has died with the lease', async () => {
    await using server = await startRedis();
    const redis = redisOf(server, PATIENT_CLIENT);
    await ready(redis);
    await using one = app(redis, { ...PATIENT, acrossProcesses: { leaseMs: 60_000, waitMs: 300 } });
    await one.ask(1);
    await expect.poll(() => one.handle.statistics().stored).toBe(1);
    const [entry = ''] = await redis.keys('sluice:cache:{*}');
    await redis.del(entry);
    await redis.set(`${entry}:lease`, 'of the dead', 'PX', 60_000);
    await one.ask(1);
    expect(one.sent.count).toBe(2);
    redis.disconnect();
  });
});
