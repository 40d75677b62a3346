import { fakeClock } from '@sluice/core/testing';
import { describe, expect, test } from 'vitest';
import { entryCodec } from './codec.ts';
import { memoryCacheStore } from './memory-store.ts';
import type { CacheEntry, CacheStore, StoreOptions } from './store.ts';
import { cacheStoreCases } from './testing/index.ts';
import { twoLevelCacheStore } from './two-level-store.ts';

const entry = (key: string, body = key): CacheEntry => ({
  key,
  storedAt: 1,
  ttlMs: 2,
  contentType: 'application/json',
  body: Buffer.from(body),
});
/** Time plays no part in memory. */
const pass = (): Promise<void> => Promise.resolve();
const plain: StoreOptions = { keepMs: 60_000, tags: ['t'], ageMs: 0 };

describe('the store in memory', () => {
  for (const { name, run } of cacheStoreCases({ make: () => memoryCacheStore(), pass })) test(name, run);

  test('stays within its bytes, and forgets first what was not asked for longest', () => {
    const store = memoryCacheStore({ maxBytes: 100_000 });
    const big = 'x'.repeat(9_000);
    for (let i = 0; i < 10; i++) void store.set(`k${i}`, entry(`k${i}`, big), plain);
    expect(store.get('k0')).toBeDefined();
    void store.set('k10', entry('k10', big), plain);
    expect(store.get('k0')).toBeDefined();
    expect(store.get('k1')).toBeUndefined();
    void store.set('huge', entry('huge', 'x'.repeat(100_001)), plain);
    expect(store.get('huge')).toBeUndefined();
    expect(store.get('k0')).toBeDefined();
  });

  test('refuses bytes that are none', () => {
    expect(() => memoryCacheStore({ maxBytes: 0.5 })).toThrow('must be a whole number of at least 1');
  });
});

describe('the store of two levels', () => {
  for (const { name, run } of cacheStoreCases({
    make: () => twoLevelCacheStore(memoryCacheStore(), { clock: fakeClock() }),
    pass,
  }))
    test(name, run);

  /** A far store that counts what it is asked. */
  function counted(): CacheStore & { gets: number } {
    const store = memoryCacheStore();
    return {
      gets: 0,
      get(key) {
        this.gets++;
        return Promise.resolve(store.get(key));
      },
      set: (key, value, options) => store.set(key, value, options),
      purge: (tag) => store.purge(tag),
    };
  }

  test('asks the far one once in nearMs', async () => {
    const clock = fakeClock();
    const far = counted();
    const store = twoLevelCacheStore(far, { clock, nearMs: 1_000 });
    await store.set('a', entry('a'), plain);
    for (let i = 0; i < 5; i++) expect(await store.get('a')).toEqual(entry('a'));
    expect(far.gets).toBe(1);
    await clock.advance(1_000);
    await store.get('a');
    expect(far.gets).toBe(2);
  });

  test('sees a purge elsewhere at once when it is told, and within nearMs when not', async () => {
    const clock = fakeClock();
    const far = memoryCacheStore();
    const listeners = new Set<() => void>();
    const invalidations = {
      publish: async () => {
        for (const tell of listeners) tell();
      },
      listen: (listener: () => void) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    };
    const here = twoLevelCacheStore(far, { clock, invalidations });
    const there = twoLevelCacheStore(far, { clock, invalidations });
    const deaf = twoLevelCacheStore(far, { clock });
    here.start();
    there.start();
    await here.set('a', entry('a'), plain);
    for (const store of [here, there, deaf]) expect(await store.get('a')).toBeDefined();
    await here.purge('t');
    expect(await here.get('a')).toBeUndefined();
    expect(await there.get('a')).toBeUndefined();
    expect(await deaf.get('a')).toBeDefined();
    await clock.advance(1_000);
    expect(await deaf.get('a')).toBeUndefined();
    here.close();
    there.close();
    expect(listeners.size).toBe(0);
  });

  test('does not take back what was purged while the far one was asked', async () => {
    const slow = Promise.withResolvers<CacheEntry>();
    const far: CacheStore = { get: () => slow.promise, set: () => undefined, purge: () => undefined };
    const store = twoLevelCacheStore(far, { clock: fakeClock() });
    const asked = store.get('a');
    await store.purge('t');
    slow.resolve(entry('a'));
    await asked;
    expect(store.get('a')).toBeInstanceOf(Promise);
  });
});

describe('a value outside the process', () => {
  const long = `{"text":"${'lorem ipsum '.repeat(400)}"}`;
  const maxBodyBytes = 1 << 20;
  const key1 = Buffer.alloc(32, 1);
  const key2 = Buffer.alloc(32, 2);

  test('is compressed from 1 KiB on, and never longer than it was', async () => {
    const codec = entryCodec({ maxBodyBytes });
    expect((await codec.encode(entry('k', long))).length).toBeLessThan(long.length / 4);
    const noise = Buffer.from(Array.from({ length: 5_000 }, (_, i) => (i * i * 31 + (i >> 3)) & 255));
    expect((await codec.encode({ ...entry('k'), body: noise })).length).toBeLessThan(noise.length + 200);
  });

  test.each([
    ['in clear', {}],
    ['encrypted', { encryptionKeys: [key1] }],
  ])('%s is a miss with any bit of it changed, cut anywhere, or under another key', async (_, options) => {
    const codec = entryCodec({ maxBodyBytes, ...options });
    const value = await codec.encode(entry('k', long));
    expect(await codec.decode('k', value)).toEqual(entry('k', long));
    expect(await codec.decode('other', value)).toBeUndefined();
    for (let i = 0; i < value.length; i++) {
      const broken = Buffer.from(value);
      broken[i] = (broken[i] ?? 0) ^ (1 << (i & 7));
      expect(await codec.decode('k', broken)).toBeUndefined();
      expect(await codec.decode('k', value.subarray(0, i))).toBeUndefined();
    }
  });

  test('is a miss when somebody else wrote it', async () => {
    const codec = entryCodec({ maxBodyBytes });
    for (const foreign of ['', '{}', 'SLC1', 'SLC2aaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '\0'.repeat(100)])
      expect(await codec.decode('k', Buffer.from(foreign))).toBeUndefined();
  });

  test('that says it is larger than allowed is a miss, before it is expanded', async () => {
    const generous = entryCodec({ maxBodyBytes });
    const bomb = await generous.encode({ ...entry('k'), body: Buffer.alloc(1 << 20) });
    expect(bomb.length).toBeLessThan(1_000);
    expect(await entryCodec({ maxBodyBytes: 1_000 }).decode('k', bomb)).toBeUndefined();
  });

  test('shows nothing of the answer when it is encrypted', async () => {
    const codec = entryCodec({ maxBodyBytes, encryptionKeys: [key1] });
    const value = await codec.encode(entry('k', 'a secret word'));
    expect(value.includes('secret')).toBe(false);
    expect(value.includes('application/json')).toBe(false);
  });

  test('is read with an older key too, and never in clear where keys are given', async () => {
    const old = await entryCodec({ maxBodyBytes, encryptionKeys: [key1] }).encode(entry('k'));
    expect(await entryCodec({ maxBodyBytes, encryptionKeys: [key2, key1] }).decode('k', old)).toEqual(
      entry('k'),
    );
    expect(await entryCodec({ maxBodyBytes, encryptionKeys: [key2] }).decode('k', old)).toBeUndefined();
    const clear = await entryCodec({ maxBodyBytes }).encode(entry('k'));
    expect(await entryCodec({ maxBodyBytes, encryptionKeys: [key2] }).decode('k', clear)).toBeUndefined();
    expect(() => entryCodec({ maxBodyBytes, encryptionKeys: [Buffer.alloc(16)] })).toThrow('32 bytes');
  });
});
