import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type LimitEvent,
  limitMonitor,
  type LimitRule,
  type RateLimitOptions,
  redisLimitStore,
} from '@sluice/rate-limit';
import { Cluster, Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { startRedisCluster } from '../support/redis-cluster.ts';
import { describeWithOwnRedis, startRedis } from '../support/redis.ts';
import { rateClaim, reservation, slotClaim, windowClaim } from './rate-limit-claims.ts';
import { type Limited, limitedBy } from './rate-limit-pipeline.ts';

const DAY_MS = 86_400_000;
const ROLLING: LimitRule = { name: 'rolling', of: 'requests', limit: 100, windowMs: DAY_MS, by: 'global' };
const QUOTA: LimitRule = { name: 'quota', of: 'requests', limit: 100, calendar: 'month', by: 'global' };

/** Waits for an event of the limiter. */
function listener(): {
  readonly onEvent: (event: LimitEvent) => void;
  readonly events: LimitEvent[];
  seen(type: LimitEvent['type']): Promise<void>;
} {
  const events: LimitEvent[] = [];
  return {
    events,
    onEvent: (event) => events.push(event),
    async seen(type) {
      while (!events.some((event) => event.type === type)) await sleep(10);
    },
  };
}

/** How many commands a server has run, by name. */
async function commands(url: string): Promise<ReadonlyMap<string, number>> {
  const redis = new Redis(url);
  const info = await redis.info('commandstats');
  redis.disconnect();
  return new Map(
    [...info.matchAll(/cmdstat_([\w|]+):calls=(\d+)/g)].map(([, name, calls]) => [
      name as string,
      Number(calls),
    ]),
  );
}

/** Scripts that were carried out, by hash or (the first of each) by text. */
function scriptsRun(counts: ReadonlyMap<string, number>): number {
  return (counts.get('evalsha') ?? 0) + (counts.get('eval') ?? 0);
}

/** What is used of a quota. */
async function used(limited: Limited, key: string): Promise<number> {
  const value = await limited.redis.hget(key, 'u');
  return Number(value);
}

const month = new Date().toISOString().slice(0, 7);

describeWithOwnRedis('a limiter whose Redis', () => {
  test('is asked once for each decision, and told once what was used, with four scripts for ever', async () => {
    await using server = await startRedis();
    const rules = [ROLLING, QUOTA, { name: 'parallel', of: 'concurrent-calls', limit: 50 } as const];
    const options: RateLimitOptions = { rules, storeTimeoutMs: 10_000 };
    await using silent = limitedBy({ url: server.url, prefix: 's:', options, silent: true });
    await silent.pipeline.start();
    // One look at the start.
    const started = scriptsRun(await commands(server.url));
    expect(started).toBe(1);
    const caller = new AbortController();
    for (let n = 0; n < 20; n++) silent.call(caller.signal).catch(() => undefined);
    while (silent.sent() < 20) await sleep(5);
    const decided = await commands(server.url);
    expect(scriptsRun(decided)).toBe(started + 20);
    caller.abort();
    while (scriptsRun(await commands(server.url)) < started + 40) await sleep(5);

    await using limited = limitedBy({
      url: server.url,
      prefix: 'l:',
      options: { rules: [ROLLING], storeTimeoutMs: 10_000 },
    });
    for (let n = 0; n < 100; n++) await limited.call();
    const scripts = async (): Promise<string | undefined> =>
      /number_of_cached_scripts:(\d+)/.exec(await limited.redis.info('memory'))?.[1];
    const before = await scripts();
    for (let n = 0; n < 300; n++) await limited.call();
    expect(await scripts()).toBe(before);
    // Those that were refused cost next to nothing: the first refusal is believed for a second.
    const after = await commands(server.url);
    expect(scriptsRun(after)).toBeLessThan(40 + 200 + 100);
  });

  test('freezes is out after one wait; what it comes to later is charged once', async () => {
    await using server = await startRedis();
    const { onEvent, events, seen } = listener();
    const rules: readonly LimitRule[] = [ROLLING, { ...QUOTA, onOutage: 'local' }];
    await using limited = limitedBy({ url: server.url, prefix: 'f:', options: { rules, onEvent } });
    while ((await limited.call()) !== 200 || events.some(({ type }) => type === 'store-out')) await sleep(10);
    events.length = 0;
    await sleep(50);
    const key = `f:{rate-limit}:w:quota:*:${month}`;
    const before = await used(limited, key);

    server.freeze();
    expect(await Promise.all([limited.call(), limited.call(), limited.call()])).toEqual([200, 200, 200]);
    expect(events.filter(({ type }) => type === 'store-out')).toEqual([
      { type: 'store-out', reason: 'timeout' },
    ]);
    expect(await limited.call()).toBe(200);
    server.thaw();
    await seen('store-back');
    expect(events.filter(({ type }) => type === 'store-out')).toHaveLength(1);
    expect(await used(limited, key)).toBe(before + 4);
    expect(await limited.call()).toBe(200);
    await sleep(50);
    expect(await used(limited, key)).toBe(before + 5);
    // Nothing is left of the reservations.
    expect(await limited.redis.hkeys(key)).toEqual(expect.arrayContaining(['u']));
    expect((await limited.redis.hkeys(key)).filter((field) => field.startsWith('i'))).toEqual([]);
  });

  test('is gone grants its share of a limit, refuses quotas, and is used again when it is back', async () => {
    await using server = await startRedis();
    const monitor = limitMonitor();
    const { onEvent, seen } = listener();
    const options: RateLimitOptions = {
      rules: [{ ...ROLLING, limit: 8 }],
      instances: 2,
      onEvent: (event) => {
        monitor.onEvent(event);
        onEvent(event);
      },
    };
    await using limited = limitedBy({ url: server.url, prefix: 'g:', options });
    await using budget = limitedBy({ url: server.url, prefix: 'b:', options: { rules: [QUOTA] } });
    await using open = limitedBy({
      url: server.url,
      prefix: 'o:',
      options: { rules: [{ ...QUOTA, onOutage: 'open' }] },
    });
    await server.kill();
    const statuses: number[] = [];
    for (let n = 0; n < 6; n++) statuses.push(await limited.call());
    expect(statuses).toEqual([200, 200, 200, 200, 429, 429]);
    expect(await budget.call()).toBe(503);
    expect(await open.call()).toBe(200);
    expect(monitor.report()).toMatchObject({ store: 'out', outages: 1, skipped: { local: 6 } });
    await server.restart();
    await seen('store-back');
    expect(monitor.report()).toMatchObject({ store: 'up', outages: 1 });
    expect(await limited.call()).toBe(200);
  });

  test('is not out because a call may take for ever', async () => {
    await using server = await startRedis();
    const { onEvent, events } = listener();
    const rules: readonly LimitRule[] = [
      ROLLING,
      QUOTA,
      { name: 'parallel', of: 'concurrent-calls', limit: 8 },
    ];
    await using limited = limitedBy({
      url: server.url,
      prefix: 'i:',
      options: { rules, onEvent, storeTimeoutMs: 5_000 },
      totalMs: Infinity,
    });
    for (let n = 0; n < 3; n++) expect(await limited.call()).toBe(200);
    expect(events).toEqual([]);
  });

  test('is not there at the start does not keep the app from starting', async () => {
    const server = await startRedis();
    await server[Symbol.asyncDispose]();
    await using limited = limitedBy({ url: server.url, prefix: 'n:', options: { rules: [ROLLING] } });
    expect(await limited.call()).toBe(200);
  });

  test('is told what was used before the pipeline has closed', async () => {
    await using server = await startRedis();
    const limited = limitedBy({
      url: server.url,
      prefix: 'e:',
      options: { rules: [{ ...QUOTA, of: 'tokens' }], storeTimeoutMs: 5_000 },
    });
    await limited.call();
    await limited.pipeline.close();
    const key = `e:{rate-limit}:w:quota:*:${month}`;
    expect(await limited.redis.hgetall(key)).toMatchObject({ u: '15' });
    expect((await limited.redis.hkeys(key)).filter((field) => field.startsWith('i'))).toEqual([]);
    limited.redis.disconnect();
  });

  test('is full is out, and says why', async () => {
    await using server = await startRedis({ maxMemoryBytes: 4 << 20 });
    const { onEvent, events } = listener();
    await using limited = limitedBy({
      url: server.url,
      prefix: 'm:',
      options: { rules: [ROLLING], onEvent, storeTimeoutMs: 5_000 },
    });
    await limited.call();
    for (const size of [100_000, 1_000, 1]) {
      const fill = (n: number) => limited.redis.set(`fill:${size}:${n}`, 'x'.repeat(size));
      for (let n = 0; n < 10_000; n++) if ((await fill(n).catch(() => 'full')) === 'full') break;
    }
    expect(await limited.call()).toBe(200);
    expect(events.find(({ type }) => type === 'store-out')).toEqual({ type: 'store-out', reason: 'OOM' });
  });

  test('holds what is not ours counts as empty, and is written over', async () => {
    await using server = await startRedis();
    const options: RateLimitOptions = {
      rules: [ROLLING, QUOTA, { name: 'parallel', of: 'concurrent-calls', limit: 5, by: 'global' }],
      storeTimeoutMs: 5_000,
    };
    const keys = [
      `p:{rate-limit}:r:rolling:*`,
      `p:{rate-limit}:w:quota:*:${month}`,
      `p:{rate-limit}:s:parallel:*`,
    ];
    for (const poison of [
      (redis: Redis, key: string) => redis.set(key, '__proto__'),
      (redis: Redis, key: string) => redis.set(key, '1e400 -5'),
      (redis: Redis, key: string) => redis.lpush(key, 'a', 'b'),
      (redis: Redis, key: string) => redis.hset(key, 'u', 'NaN', 'e', '{}', 'ix', 'y'),
      (redis: Redis, key: string) => redis.zadd(key, 1, 'x'),
    ]) {
      await using limited = limitedBy({ url: server.url, prefix: 'p:', options });
      for (const key of keys) {
        await limited.redis.del(key);
        await poison(limited.redis, key);
      }
      expect(await limited.call()).toBe(200);
      expect(await limited.redis.type(keys[1] as string)).toBe('hash');
    }
  });

  test('is a cluster keeps what belongs together in one place', async () => {
    await using cluster = await startRedisCluster();
    const redis = new Cluster(cluster.primaries.map(({ port }) => ({ host: '127.0.0.1', port })));
    await once(redis, 'ready');
    const store = redisLimitStore(redis, { prefix: 'c:' });
    const claims = [
      rateClaim('r:a', 1),
      windowClaim('w:a', 1),
      slotClaim('s:a', { limit: 9 }),
      rateClaim('r:b', 1),
    ];
    const groups = Array.from({ length: 40 }, (_, n) => `tenant-${n}`);
    const grants = await Promise.all(
      groups.map(async (group) => store.reserve(reservation(`id-${group}`, claims, { group }))),
    );
    expect(grants.map(({ admitted }) => admitted)).toEqual(groups.map(() => true));
    for (const group of groups)
      await store.settle({
        reservation: reservation(`id-${group}`, claims, { group }),
        actual: [1, 1, 1, 1],
        granted: true,
      });
    redis.disconnect();
  }, 30_000);
});
