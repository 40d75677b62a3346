import { deepEqual, equal, notEqual, ok } from 'node:assert/strict';
import type { CacheEntry, CacheStore, StoreOptions } from '../store.ts';

/** A store under test. */
export interface CacheStoreHarness {
  /** A store with nothing in it, or under names of its own. */
  make(): CacheStore | Promise<CacheStore>;
  /** Lets so much time pass for the store. */
  readonly pass: (ms: number) => Promise<void>;
  /** Whether it forgets by itself what is past `keepMs`. Default: false, it forgets what there is no room for. */
  readonly expires?: boolean;
}

/** One thing that every store has to do. */
export interface CacheStoreCase {
  /** As the title of a test. */
  readonly name: string;
  /** Rejects with an `AssertionError` if the store does not. */
  run(): Promise<void>;
}

const entry = (key: string, text = key, contentType = 'application/json'): CacheEntry => ({
  key,
  storedAt: 1_767_225_600_123,
  ttlMs: 60_000.5,
  contentType,
  body: Buffer.from(text),
});
const plain: StoreOptions = { keepMs: 60_000, tags: [], ageMs: 0 };
const tagged = (...tags: string[]): StoreOptions => ({ ...plain, tags });

/** Every byte, so that nothing on the way can take it for text; long enough to be compressed. */
const BYTES = Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * 7) & 255));

async function text(store: CacheStore, key: string): Promise<string | undefined> {
  const found = await store.get(key);
  return found === undefined ? undefined : Buffer.from(found.body).toString();
}

/**
 * What every store has to do, for tests of your own:
 * `for (const { name, run } of cacheStoreCases({ make, pass })) test(name, run)`. Needs no test runner of its own.
 */
export function cacheStoreCases(harness: CacheStoreHarness): CacheStoreCase[] {
  const { pass, expires = false } = harness;
  const cases: Record<string, (store: CacheStore) => Promise<void>> = {
    'finds nothing under a key that was never stored': async (store) => {
      equal(await store.get('nothing'), undefined);
    },
    'gives back what was stored, every byte and number of it': async (store) => {
      const whole: CacheEntry = { ...entry('a', '', 'text/event-stream; charset=utf-8'), body: BYTES };
      await store.set('a', whole, plain);
      const found = await store.get('a');
      deepEqual({ ...found, body: Buffer.from(found?.body ?? []) }, whole);
    },
    'keeps an entry of any length': async (store) => {
      for (const length of [0, 1, 1_023, 1_024, 1_025, 65_536, 65_537]) {
        const key = `length-${length}`;
        await store.set(key, { ...entry(key), body: BYTES.subarray(0, length) }, plain);
        ok(Buffer.from((await store.get(key))?.body ?? [1]).equals(BYTES.subarray(0, length)));
      }
    },
    'puts a new entry in the place of the old one': async (store) => {
      await store.set('a', entry('a', 'old'), plain);
      await store.set('a', entry('a', 'new'), plain);
      equal(await text(store, 'a'), 'new');
    },
    'keeps keys apart that differ by a single character': async (store) => {
      await store.set('key', entry('key', 'one'), plain);
      await store.set('Key', entry('Key', 'two'), plain);
      equal(await text(store, 'key'), 'one');
      equal(await text(store, 'Key'), 'two');
    },
    'forgets by tag, all of it and nothing else': async (store) => {
      for (let i = 0; i < 600; i++) await store.set(`a${i}`, entry(`a${i}`), tagged('tenant:a', 'tag:x'));
      await store.set('b', entry('b'), tagged('tenant:b'));
      await store.set('c', entry('c'), tagged('tenant:a }{:*[', '名字'));
      await store.purge('tenant:a');
      for (const i of [0, 1, 499, 599]) equal(await store.get(`a${i}`), undefined);
      equal(await text(store, 'b'), 'b');
      equal(await text(store, 'c'), 'c');
      await store.purge('名字');
      equal(await store.get('c'), undefined);
    },
    'stores again after a purge': async (store) => {
      await store.set('a', entry('a', 'old'), tagged('t'));
      await store.purge('t');
      await store.purge('t');
      await pass(10);
      await store.set('a', entry('a', 'new'), tagged('t'));
      equal(await text(store, 'a'), 'new');
    },
    'finds its way among many at once': async (store) => {
      const keys = Array.from({ length: 200 }, (_, i) => `k${i}`);
      await Promise.all(keys.map(async (key) => store.set(key, entry(key), tagged('t'))));
      const found = await Promise.all(keys.map((key) => text(store, key)));
      deepEqual(found, keys);
    },
    ...(expires ? { 'forgets what is of no use any more': forgets(pass) } : {}),
  };
  const withLeases: Record<string, (store: CacheStore) => Promise<void>> = {
    'gives a lease to one at a time': async ({ leases }) => {
      if (leases === undefined) return;
      const taken = await Promise.all(Array.from({ length: 20 }, () => leases.acquire('a', 10_000)));
      const [lease, ...others] = taken.filter((one) => one !== undefined);
      ok(lease !== undefined);
      deepEqual(others, []);
      equal(await leases.held('a'), true);
      equal(await leases.renew('a', lease, 10_000), true);
      await leases.release('a', 'of somebody else');
      equal(await leases.held('a'), true);
      await leases.release('a', lease);
      equal(await leases.held('a'), false);
      const next = await leases.acquire('a', 10_000);
      notEqual(next, undefined);
      equal(await leases.renew('a', lease, 10_000), false);
    },
    'takes an entry from the holder of the lease alone': async (store) => {
      const { leases } = store;
      if (leases === undefined) return;
      const lease = (await leases.acquire('a', 10_000)) ?? '';
      await store.set('a', entry('a', 'from another'), { ...plain, lease: 'of somebody else' });
      equal(await store.get('a'), undefined);
      await store.set('a', entry('a', 'from the holder'), { ...plain, lease });
      equal(await text(store, 'a'), 'from the holder');
      equal(await leases.held('a'), false);
    },
  };
  return Object.entries({ ...cases, ...withLeases }).map(([name, run]) => ({
    name,
    run: async () => run(await harness.make()),
  }));
}

/** Whoever may forget at any time has to in the end, or fills up. */
function forgets(pass: (ms: number) => Promise<void>): (store: CacheStore) => Promise<void> {
  return async (store) => {
    await store.set('a', entry('a'), { keepMs: 20, tags: ['t'], ageMs: 0 });
    await pass(100);
    equal(await store.get('a'), undefined);
    const { leases } = store;
    await leases?.acquire('a', 20);
    await pass(100);
    equal((await leases?.held('a')) ?? false, false);
  };
}
