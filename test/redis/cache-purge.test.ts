import { setTimeout as sleep } from 'node:timers/promises';
import {
  type CacheEntry,
  type CacheStore,
  REDIS_SETTINGS,
  type RedisClient,
  redisCacheStore,
  type StoreOptions,
} from '@sluice/cache';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { describeWithRedis, redisForTests } from '../support/redis.ts';

const entry = (key: string, text: string): CacheEntry => ({
  key,
  storedAt: 1,
  ttlMs: 60_000,
  contentType: 'text/plain',
  body: Buffer.from(text),
});
const tagged: StoreOptions = { keepMs: 60_000, tags: ['t'], ageMs: 1 };
/** What is stored behind it was asked for behind it, too: the server counts milliseconds. */
const aWhile = (): Promise<void> => sleep(10);

async function text(store: CacheStore, key: string): Promise<string | undefined> {
  const found = await store.get(key);
  return found === undefined ? undefined : Buffer.from(found.body).toString();
}

describeWithRedis('a purge on Redis', () => {
  let server: Awaited<ReturnType<typeof redisForTests>>;
  let client: Redis;
  beforeAll(async () => {
    server = await redisForTests();
    const settings = { ...REDIS_SETTINGS, commandTimeout: 5_000, socketTimeout: 10_000, lazyConnect: true };
    client = new Redis(server.url, settings);
    await client.connect();
  });
  afterAll(async () => {
    client.disconnect();
    await server[Symbol.asyncDispose]();
  });

  let names = 0;
  let prefix = '';
  let store: CacheStore;
  beforeEach(() => {
    prefix = `sluice:test:${process.pid}:purge:${++names}:`;
    store = redisCacheStore(client, { prefix });
  });

  /** The store of another process, to which something happens before it sends a command. */
  function other(before: (command: string, name: unknown) => Promise<void>): CacheStore {
    const slowly: RedisClient = {
      async call(command, ...args) {
        await before(command, args[0]);
        return client.call(command, ...args);
      },
      callBuffer: (command, ...args) => client.callBuffer(command, ...args),
      on: (event, listener) => client.on(event, listener),
      listenerCount: (event) => client.listenerCount(event),
    };
    return redisCacheStore(slowly, { prefix });
  }

  test('leaves what was asked for and stored while it went on to the next one', async () => {
    let stored = 0;
    const purging = other(async (command) => {
      if (command !== 'ZREM' || stored++ > 0) return;
      await aWhile();
      await store.set('k', entry('k', 'new'), tagged);
    });
    await store.set('k', entry('k', 'old'), tagged);
    await purging.purge('t');
    expect(stored).toBe(1);
    expect(await text(store, 'k')).toBe('new');
    await store.purge('t');
    expect(await text(store, 'k')).toBeUndefined();
  });

  test('leaves what it finds in the index before it is in the store to the next one', async () => {
    const [indexed, purged] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const writer = other(async (command) => {
      if (command !== 'SET') return;
      indexed.resolve();
      await purged.promise;
    });
    let writing: Promise<void> | undefined;
    const purging = other(async (command) => {
      if (command !== 'ZRANGE' || writing !== undefined) return;
      await aWhile();
      writing = Promise.resolve(writer.set('k', entry('k', 'new'), tagged));
      await indexed.promise;
    });
    await store.set('first', entry('first', 'old'), tagged);
    await purging.purge('t');
    purged.resolve();
    await writing;
    expect(await text(store, 'k')).toBe('new');
    await store.purge('t');
    expect(await text(store, 'k')).toBeUndefined();
  });

  test('ends, however much is stored while it goes on', async () => {
    let looks = 0;
    const purging = other(async (command) => {
      if (command !== 'ZRANGE') return;
      if (++looks > 20) throw new Error('it goes on and on');
      await aWhile();
      await store.set(`k${looks}`, entry(`k${looks}`, 'new'), tagged);
    });
    await store.set('k', entry('k', 'old'), tagged);
    await purging.purge('t');
    expect(await text(store, 'k')).toBeUndefined();
    expect(await text(store, 'k1')).toBe('new');
    await store.purge('t');
    expect(await text(store, 'k1')).toBeUndefined();
  });

  test('that failed halfway is finished by the next one, and leaves nothing behind', async () => {
    const purging = other(async (command, name) => {
      if (command === 'UNLINK' && String(name).endsWith('{b}')) throw new Error('away');
    });
    for (const key of ['a', 'b', 'c']) await store.set(key, entry(key, 'old'), tagged);
    await expect(purging.purge('t')).rejects.toThrow('away');
    expect(await text(store, 'b')).toBe('old');
    await aWhile();
    await store.set('d', entry('d', 'new'), tagged);
    for (const name of await client.keys(`${prefix}*`)) expect(await client.pttl(name)).toBeGreaterThan(0);
    await store.purge('t');
    for (const key of ['a', 'b', 'c', 'd']) expect(await text(store, key)).toBeUndefined();
    // What is left says when that was.
    expect(await client.keys(`${prefix}*`)).toEqual([expect.stringMatching(/:purged$/)]);
  });

  test('is none of the business of another one that goes on at the same time', async () => {
    const keys = Array.from({ length: 700 }, (_, i) => `k${i}`);
    await Promise.all(keys.map(async (key) => store.set(key, entry(key, 'old'), tagged)));
    let second: Promise<void> | undefined;
    const purging = other(async (command) => {
      if (command !== 'ZREM' || second !== undefined) return;
      await aWhile();
      await store.set('late', entry('late', 'new'), tagged);
      await store.set('k0', entry('k0', 'new'), tagged);
      await aWhile();
      second = Promise.resolve(store.purge('t'));
      await second;
    });
    await purging.purge('t');
    expect(await Promise.all([...keys, 'late'].map((key) => text(store, key)))).toEqual(
      [...keys, 'late'].map(() => undefined),
    );
    expect(await client.keys(`${prefix}*`)).toEqual([expect.stringMatching(/:purged$/)]);
  });
});
