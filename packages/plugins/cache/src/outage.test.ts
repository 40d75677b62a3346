import { provide } from '@sluice/core';
import { anthropicMessage, type TestPipeline, testPipeline } from '@sluice/core/testing';
import { describe, expect, test } from 'vitest';
import {
  cache,
  CACHE_STORE,
  type CacheEntry,
  cacheHandle,
  type CacheHandle,
  type CacheOptions,
  type CacheStore,
} from './index.ts';

const silence = new Promise<never>(() => undefined);
const good = (): Response =>
  new Response(anthropicMessage(), { headers: { 'content-type': 'application/json' } });

interface Faulty extends CacheStore {
  reads: number;
  writes: number;
  read: () => CacheEntry | undefined | Promise<CacheEntry | undefined>;
  write: () => void | Promise<void>;
}

function faulty(): Faulty {
  return {
    reads: 0,
    writes: 0,
    read: () => Promise.resolve(undefined),
    write: () => Promise.resolve(),
    get() {
      this.reads++;
      return this.read();
    },
    set() {
      this.writes++;
      return this.write();
    },
    purge: () => Promise.reject(new Error('the store is away')),
  };
}

function over(store: CacheStore, options: CacheOptions = {}): TestPipeline & { handle: CacheHandle } {
  const handle = cacheHandle();
  const pipe = testPipeline({
    answers: Array.from({ length: 3_000 }, () => good),
    plugins: [cache({ handle, ...options })],
    services: [provide(CACHE_STORE, () => store)],
  });
  return Object.assign(pipe, { handle });
}

let topic = 0;
/** Asks something new, and says whether there was an answer without any time having passed. */
async function answeredAtOnce(pipe: TestPipeline): Promise<boolean> {
  let answered = false;
  void pipe.post({ system: String(++topic) }).then(async (response) => {
    answered = (await response.text()) === anthropicMessage();
  });
  await pipe.clock.advance(0);
  return answered;
}

describe('a store that', () => {
  test('does not answer costs storeTimeoutMs once, and nothing from then on', async () => {
    const store = faulty();
    await using pipe = over(store);
    store.read = () => silence;
    const first = pipe.post();
    let answered = false;
    void first.then(() => (answered = true));
    await pipe.clock.advance(49);
    expect(answered).toBe(false);
    await pipe.clock.advance(1);
    expect(answered).toBe(true);
    await (await first).text();
    for (let i = 0; i < 500; i++) expect(await answeredAtOnce(pipe)).toBe(true);
    expect(store.reads).toBe(1);

    // One try in storeRetryMs, for which no call waits.
    for (let tries = 0; tries < 5; tries++) {
      await pipe.clock.advance(1_050);
      for (let i = 0; i < 20; i++) expect(await answeredAtOnce(pipe)).toBe(true);
    }
    expect(store.reads).toBe(6);

    store.read = () => Promise.resolve(undefined);
    await pipe.clock.advance(1_050);
    await answeredAtOnce(pipe);
    await answeredAtOnce(pipe);
    await answeredAtOnce(pipe);
    expect(store.reads).toBe(9);
    expect(pipe.handle.statistics().storeFailures).toBe(6);
  });

  test.each<[string, Faulty['read']]>([
    [
      'throws',
      () => {
        throw new Error('broken');
      },
    ],
    ['rejects', () => Promise.reject(new Error('broken'))],
    [
      'gives back an entry of another key',
      () => ({
        key: 'other',
        storedAt: 0,
        ttlMs: 1e15,
        contentType: 'application/json',
        body: Buffer.from('{}'),
      }),
    ],
  ])('%s makes misses', async (_, read) => {
    const store = faulty();
    store.read = read;
    await using pipe = over(store);
    for (let i = 0; i < 3; i++) expect(await answeredAtOnce(pipe)).toBe(true);
    expect(pipe.transport.requests).toHaveLength(3);
  });

  test('counts entries that stand under a key that is not theirs', async () => {
    const store = faulty();
    store.read = () =>
      Promise.resolve({ key: 'other', storedAt: 0, ttlMs: 1, contentType: 'a/b', body: Buffer.from('') });
    await using pipe = over(store);
    await answeredAtOnce(pipe);
    expect(pipe.handle.statistics().foreignEntries).toBe(1);
  });

  test('does not write delays nobody, holds back a bounded number, and is left be', async () => {
    const store = faulty();
    store.write = () => silence;
    await using pipe = over(store, { maxPendingWrites: 8 });
    for (let i = 0; i < 100; i++) expect(await answeredAtOnce(pipe)).toBe(true);
    expect(store.writes).toBe(8);
    expect(pipe.handle.statistics().dropped).toBe(92);
    await pipe.clock.advance(1_000);
    for (let i = 0; i < 20; i++) expect(await answeredAtOnce(pipe)).toBe(true);
    expect(store.writes).toBe(8);
    // It reads all the while.
    expect(store.reads).toBe(120);
    await pipe.clock.advance(1_000);
    for (let i = 0; i < 20; i++) await answeredAtOnce(pipe);
    expect(store.writes).toBe(9);
  });

  test('refuses writes is still read', async () => {
    const store = faulty();
    store.write = () => Promise.reject(new Error('OOM'));
    await using pipe = over(store);
    for (let i = 0; i < 50; i++) expect(await answeredAtOnce(pipe)).toBe(true);
    expect(store.reads).toBe(50);
    expect(store.writes).toBe(1);
  });

  test('cannot purge says so to whoever asked for it', async () => {
    await using pipe = over(faulty());
    await expect(pipe.handle.purge({ tenant: 'a' })).rejects.toThrow('the store is away');
  });
});
