import { CACHE_STATUS, definePlugin, provide } from '@sluice/core';
import { anthropicMessage, type ScriptedAnswer, type TestPipeline, testPipeline } from '@sluice/core/testing';
import { describe, expect, test } from 'vitest';
import {
  cache,
  CACHE_STORE,
  cacheHandle,
  type CacheEntry,
  type CacheStore,
  type StoreOptions,
} from './index.ts';

const good = (text: string): Response =>
  new Response(anthropicMessage({ text }), { headers: { 'content-type': 'application/json' } });

/** A store of another process's making: what it holds, and does, is up to the test. */
class SharedStore implements CacheStore {
  entry: CacheEntry | undefined;
  holder: string | undefined;
  /** Settles before a lease is given. */
  acquiring: Promise<void> = Promise.resolve();
  refuses = false;
  renewed = 0;
  readonly keys: string[] = [];

  async get(key: string): Promise<CacheEntry | undefined> {
    this.keys.push(key);
    return this.entry;
  }

  async set(_: string, entry: CacheEntry, { lease }: StoreOptions): Promise<void> {
    if (!this.refuses && lease === this.holder) this.entry = entry;
  }

  purge(): void {
    this.entry = undefined;
  }

  readonly leases = {
    acquire: async (): Promise<string | undefined> => {
      await this.acquiring;
      return this.holder === undefined ? (this.holder = 'mine') : undefined;
    },
    renew: async (_: string, lease: string): Promise<boolean> => {
      this.renewed++;
      return lease === this.holder;
    },
    release: async (_: string, lease: string): Promise<void> => {
      if (lease === this.holder) this.holder = undefined;
    },
    held: async (): Promise<boolean> => this.holder !== undefined,
  };
}

function leasing(store: SharedStore, answers: readonly ScriptedAnswer[]): TestPipeline {
  return testPipeline({
    answers,
    plugins: [cache({ acrossProcesses: { leaseMs: 3_000, waitMs: 5_000 } })],
    services: [provide(CACHE_STORE, () => store)],
  });
}

describe('a call whose answer another process is fetching', () => {
  test('waits for it, and asks nothing', async () => {
    const store = new SharedStore();
    store.holder = 'theirs';
    await using pipe = leasing(store, []);
    const call = pipe.post();
    await pipe.clock.advance(1_000);
    store.entry = {
      key: store.keys[0] ?? '',
      storedAt: pipe.clock.wallTime(),
      ttlMs: 60_000,
      contentType: 'application/json',
      body: Buffer.from(anthropicMessage({ text: 'theirs' })),
    };
    await pipe.clock.advance(250);
    expect(await (await call).text()).toContain('theirs');
    expect(pipe.clock.pendingTimers).toBe(0);
  });

  test('is told as answered from the store, and so is one that has joined it', async () => {
    const store = new SharedStore();
    store.holder = 'theirs';
    const handle = cacheHandle();
    const statuses: unknown[] = [];
    const watch = definePlugin({
      name: 'identity',
      create: () => ({
        handle: (request, next, ctx) => {
          ctx.onComplete(() => void statuses.push(ctx.state.get(CACHE_STATUS)));
          return next(request);
        },
      }),
    });
    await using pipe = testPipeline({
      plugins: [watch(), cache({ acrossProcesses: {}, statusHeaders: true, handle })],
      services: [provide(CACHE_STORE, () => store)],
    });
    const calls = [pipe.post(), pipe.post()];
    await pipe.clock.advance(1_000);
    store.entry = {
      key: store.keys[0] ?? '',
      storedAt: pipe.clock.wallTime() - 500,
      ttlMs: 60_000,
      contentType: 'application/json',
      body: Buffer.from(anthropicMessage({ text: 'theirs' })),
    };
    await pipe.clock.advance(500);
    for (const response of await Promise.all(calls)) {
      expect(response.headers.get('cache-status')).toMatch(/^sluice; hit; ttl=/);
      expect(response.headers.get('age')).toMatch(/^[01]$/);
      expect(await response.text()).toContain('theirs');
    }
    expect(statuses).toEqual(['hit', 'hit']);
    expect(handle.statistics()).toMatchObject({ hits: 2, misses: 0, collapsed: 0, stored: 0 });
    expect(pipe.transport.requests).toHaveLength(0);
    expect(pipe.clock.pendingTimers).toBe(0);
  });

  test('whose caller wants nothing so old asks by itself', async () => {
    const store = new SharedStore();
    const headers = { 'content-type': 'application/json', 'cache-control': 'max-age=5' };
    await using pipe = leasing(store, [good('old'), good('new')]);
    await (await pipe.post()).text();
    await pipe.clock.advance(10_000);
    store.holder = undefined;
    expect(await (await pipe.post()).text()).toContain('old');
    expect(await (await pipe.post({}, { headers })).text()).toContain('new');
    await pipe.clock.advance(0);
  });

  test('asks by itself when that takes too long', async () => {
    const store = new SharedStore();
    store.holder = 'theirs';
    await using pipe = leasing(store, [good('mine')]);
    const call = pipe.post();
    await pipe.clock.advance(4_999);
    expect(pipe.transport.requests).toHaveLength(0);
    await pipe.clock.advance(1);
    expect(await (await call).text()).toContain('mine');
    // Whose lease it is, it has not touched.
    expect(store.holder).toBe('theirs');
  });

  test('asks by itself as soon as the other has given up', async () => {
    const store = new SharedStore();
    store.holder = 'theirs';
    await using pipe = leasing(store, [good('mine')]);
    const call = pipe.post();
    await pipe.clock.advance(500);
    store.holder = undefined;
    await pipe.clock.advance(250);
    expect(await (await call).text()).toContain('mine');
    await pipe.clock.advance(0);
    expect(store.entry).toBeDefined();
  });

  test('leaves nothing behind when its caller leaves, be it while the lease is on its way', async () => {
    const store = new SharedStore();
    const lease = Promise.withResolvers<void>();
    store.acquiring = lease.promise;
    await using pipe = leasing(store, []);
    const caller = new AbortController();
    const call = pipe.post({}, { signal: caller.signal });
    await pipe.clock.advance(10);
    caller.abort();
    await expect(call).rejects.toThrow();
    lease.resolve();
    await pipe.clock.advance(0);
    expect(store.holder).toBeUndefined();
    expect(pipe.clock.pendingTimers).toBe(0);
  });
});

describe('a lease', () => {
  test('is renewed while the answer is on its way, and given up with it', async () => {
    const store = new SharedStore();
    const late = Promise.withResolvers<Response>();
    await using pipe = leasing(store, [() => late.promise]);
    const call = pipe.post();
    await pipe.clock.advance(10_000);
    expect(store.renewed).toBe(10);
    expect(store.holder).toBe('mine');
    late.resolve(good('x'));
    await (await call).text();
    await pipe.clock.advance(0);
    expect(store.entry).toBeDefined();
    expect(store.holder).toBeUndefined();
    expect(pipe.clock.pendingTimers).toBe(0);
  });

  test.each<[string, () => ScriptedAnswer, boolean]>([
    ['there is no answer', () => new Error('lost'), false],
    ['the answer is not of a kind that is stored', () => good('x'.repeat(2 << 20)), false],
    ['the store does not take it', () => good('x'), true],
  ])('is given up when %s', async (_, answer, refuses) => {
    const store = new SharedStore();
    store.refuses = refuses;
    await using pipe = leasing(store, [answer()]);
    const call = pipe.post();
    await pipe.clock.advance(0);
    await (await call).text();
    await pipe.clock.advance(0);
    expect(store.entry).toBeUndefined();
    expect(store.holder).toBeUndefined();
    expect(pipe.clock.pendingTimers).toBe(0);
  });
});
