import { setTimeout as sleep } from 'node:timers/promises';
import { createPipeline, definePlugin, type Pipeline, PRINCIPAL, provide, TRANSPORT } from '@sluice/core';
import { anthropicMessage, fakeClock } from '@sluice/core/testing';
import {
  type ListReport,
  memoryStrikeStore,
  moderation,
  redisStrikeStore,
  redisWords,
  STRIKE_STORE,
  type StrikeOptions,
  type StrikeStore,
} from '@sluice/moderation';
import { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import {
  describeWithOwnRedis,
  describeWithRedis,
  redisForTests,
  type RedisServer,
  startRedis,
} from '../support/redis.ts';

function client({ url }: Pick<RedisServer, 'url'>, options: object = {}): Redis {
  const redis = new Redis(url, {
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    retryStrategy: () => 20,
    ...options,
  });
  redis.on('error', () => undefined);
  return redis;
}

async function connected(server: Pick<RedisServer, 'url'>): Promise<Redis> {
  const redis = client(server);
  await new Promise<void>((ready) => void redis.once('ready', ready));
  return redis;
}

interface Bench extends AsyncDisposable {
  readonly store: StrikeStore;
  pass(ms: number): Promise<void>;
}

/** What every strike store must do. */
function conforms(make: () => Promise<Bench>): void {
  test('counts blocked calls in a row and of a day, each caller by itself', async () => {
    await using bench = await make();
    const { store } = bench;
    expect(await store.strike('a')).toEqual({ inARow: 1, perDay: 1 });
    expect(await store.strike('a')).toEqual({ inARow: 2, perDay: 2 });
    expect(await store.strike('b')).toEqual({ inARow: 1, perDay: 1 });
    await store.forgive('a');
    expect(await store.strike('a')).toEqual({ inARow: 1, perDay: 3 });
    expect(await store.suspendedMs('a')).toBe(0);
    await store.forgive('nobody');
  });

  test('loses none of the strikes that come at once', async () => {
    await using bench = await make();
    const counts = await Promise.all(Array.from({ length: 200 }, () => bench.store.strike('a')));
    expect(new Set(counts.map(({ perDay }) => perDay)).size).toBe(200);
    expect(await bench.store.strike('a')).toEqual({ inARow: 201, perDay: 201 });
  });

  test('suspends for a while, and begins the counts anew', async () => {
    await using bench = await make();
    const { store, pass } = bench;
    await store.strike('a');
    await store.suspend('a', 150);
    const left = await store.suspendedMs('a');
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(150);
    expect(await store.suspendedMs('b')).toBe(0);
    expect(await store.strike('a')).toEqual({ inARow: 1, perDay: 1 });
    await pass(200);
    expect(await store.suspendedMs('a')).toBe(0);
  });

  test('does not make a suspension shorter', async () => {
    await using bench = await make();
    await bench.store.suspend('a', 60_000);
    await bench.store.suspend('a', 100);
    expect(await bench.store.suspendedMs('a')).toBeGreaterThan(50_000);
  });

  test('takes any name for a caller, and keeps names apart', async () => {
    await using bench = await make();
    const names = ['', '{a}', 'a}b', 'tenant:张三', 'x'.repeat(2_000), 'a:row', ' ', '\u0000'];
    for (const name of names) expect(await bench.store.strike(name)).toEqual({ inARow: 1, perDay: 1 });
  });
}

describe('strikes in memory', () => {
  conforms(() => {
    const clock = fakeClock();
    return Promise.resolve({
      store: memoryStrikeStore(clock),
      pass: (ms) => clock.advance(ms),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    });
  });
});

let prefixes = 0;
describeWithRedis('strikes in Redis', () => {
  const make = async (): Promise<Bench & { readonly redis: Redis; readonly prefix: string }> => {
    const server = await redisForTests();
    const redis = await connected(server);
    const prefix = `sluice-test:${process.pid}:${prefixes++}`;
    return {
      redis,
      prefix,
      store: redisStrikeStore(redis, prefix),
      pass: (ms) => sleep(ms),
      async [Symbol.asyncDispose]() {
        const keys = await redis.keys(`${prefix}*`);
        if (keys.length > 0) await redis.del(keys);
        redis.disconnect();
        await server[Symbol.asyncDispose]();
      },
    };
  };
  conforms(make);

  test('leave no key behind that never goes', async () => {
    await using bench = await make();
    const { store, redis, prefix } = bench;
    await store.strike('a');
    await store.suspend('b', 1_000);
    const keys = await redis.keys(`${prefix}*`);
    expect(keys).toHaveLength(3);
    for (const key of keys) expect(await redis.pttl(key)).toBeGreaterThan(0);
  });

  test('are bounded for each caller', async () => {
    await using bench = await make();
    const { store, redis, prefix } = bench;
    await Promise.all(Array.from({ length: 1_100 }, () => store.strike('a')));
    const [day] = await redis.keys(`${prefix}*:day`);
    expect(await redis.zcard(day as string)).toBe(1_000);
  });
});

const identify = definePlugin({
  name: 'identity',
  create: () => ({
    handle: (request, next, ctx) => {
      ctx.state.set(PRINCIPAL, { id: 'ann', tenant: 't' });
      return next(request);
    },
  }),
});

function app(redis: Redis, strikes: StrikeOptions): Pipeline {
  return createPipeline({
    upstream: 'https://upstream.test',
    plugins: [identify(), moderation({ words: [{ text: 'grumblewort' }], strikes })],
    services: [
      provide(STRIKE_STORE, () => redisStrikeStore(redis)),
      provide(TRANSPORT, () => ({
        send: () =>
          Promise.resolve(
            new Response(anthropicMessage({ text: 'Fine.' }), {
              headers: { 'content-type': 'application/json' },
            }),
          ),
      })),
    ],
  });
}

async function statusOf(pipeline: Pipeline, content: string): Promise<number> {
  const response = await pipeline.fetch('https://caller.test/v1/messages', {
    method: 'POST',
    body: JSON.stringify({ model: 'm', max_tokens: 9, messages: [{ role: 'user', content }] }),
  });
  await response.text();
  return response.status;
}

describeWithOwnRedis('strikes with a Redis that fails', () => {
  test('are shared by processes, and outlive each of them', async () => {
    await using server = await startRedis();
    const [one, two] = [await connected(server), await connected(server)];
    const first = app(one, { storeTimeoutMs: 5_000 });
    await using second = app(two, { storeTimeoutMs: 5_000 });
    expect(await statusOf(first, 'grumblewort')).toBe(400);
    expect(await statusOf(second, 'grumblewort')).toBe(400);
    expect(await statusOf(first, 'grumblewort')).toBe(400);
    await first.close();
    expect(await statusOf(second, 'hello')).toBe(403);
    one.disconnect();
    two.disconnect();
  });

  test.each([
    ['open', 'killed', 200, 400],
    ['closed', 'killed', 503, 503],
    ['open', 'frozen', 200, 400],
    ['closed', 'frozen', 503, 503],
  ] as const)('fail %s when it is %s, and come back with it', async (onStoreError, how, clean, banned) => {
    await using server = await startRedis();
    const redis = await connected(server);
    await using pipeline = app(redis, { onStoreError, storeTimeoutMs: 100 });
    expect(await statusOf(pipeline, 'hello')).toBe(200);
    if (how === 'killed') await server.kill();
    else server.freeze();
    expect(await statusOf(pipeline, 'hello')).toBe(clean);
    expect(await statusOf(pipeline, 'grumblewort')).toBe(banned);
    if (how === 'killed') await server.restart();
    else server.thaw();
    await expect
      .poll(
        async () => {
          // Strikes count again: in the end they suspend.
          await statusOf(pipeline, 'grumblewort');
          return redis.keys('sluice:strikes:*:suspended').catch(() => []);
        },
        { timeout: 15_000, interval: 100 },
      )
      .toHaveLength(1);
    expect(await statusOf(pipeline, 'hello')).toBe(403);
    redis.disconnect();
  });
});

describeWithOwnRedis('a word list in Redis', () => {
  test('is read at the start and when it changes; an outage or a bad list leaves the old one in force', async () => {
    await using server = await startRedis();
    const redis = await connected(server);
    const reports: ListReport[] = [];
    let changed: () => void = () => undefined;
    let watching = 0;
    const make = (): Pipeline =>
      createPipeline({
        upstream: 'https://upstream.test',
        plugins: [
          moderation({
            words: redisWords(redis, {
              onChange: (check) => {
                changed = check;
                watching++;
                return () => void watching--;
              },
            }),
            onList: (report) => void reports.push(report),
          }),
        ],
        services: [
          provide(TRANSPORT, () => ({
            send: () =>
              Promise.resolve(
                new Response(anthropicMessage({ text: 'Fine.' }), {
                  headers: { 'content-type': 'application/json' },
                }),
              ),
          })),
        ],
      });
    await using early = make();
    await expect(early.start()).rejects.toThrow();

    await redis.set('sluice:words', '{"text":"grumblewort","category":"plants"}\n"炸弹"');
    await redis.set('sluice:words:version', '7');
    {
      await using pipeline = make();
      await pipeline.start();
      expect(reports.at(-1)).toMatchObject({ version: '7', counts: { plants: 1, custom: 1 }, problems: [] });
      expect(await statusOf(pipeline, 'grumblewort')).toBe(400);

      await redis.set('sluice:words', '"zorbleknax"');
      await redis.set('sluice:words:version', '8');
      changed();
      await expect.poll(() => reports.at(-1)?.version).toBe('8');
      expect(await statusOf(pipeline, 'grumblewort')).toBe(200);
      expect(await statusOf(pipeline, 'zorbleknax')).toBe(400);

      await redis.set('sluice:words', '{"text":');
      changed();
      await expect.poll(() => reports.at(-1)?.problems[0]).toContain('line 1 is no JSON');
      await server.kill();
      const seen = reports.length;
      changed();
      await expect.poll(() => reports.length).toBeGreaterThan(seen);
      expect(reports.at(-1)?.problems[0]).toContain('could not be read');
      expect(await statusOf(pipeline, 'zorbleknax')).toBe(400);
      expect(watching).toBe(1);
    }
    expect(watching).toBe(0);
    redis.disconnect();
  });
});
