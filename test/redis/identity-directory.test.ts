import { CLOCK, type Clock, createPipeline, type Pipeline, provide, TRANSPORT } from '@sluice/core';
import { anthropicMessage, fakeClock, type FakeClock, scriptedTransport } from '@sluice/core/testing';
import {
  identity,
  type IssuedKey,
  issueKey,
  KEY_DIRECTORY,
  type KeyDirectory,
  redisKeyDirectory,
  type RedisKeyDirectoryOptions,
  redisKeyRegistry,
  revokeKey,
} from '@sluice/identity';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Cluster, Redis } from 'ioredis';
import { expect, test, vi } from 'vitest';
import { startRedisCluster } from '../support/redis-cluster.ts';
import { describeWithOwnRedis, describeWithRedis, redisForTests, startRedis } from '../support/redis.ts';

function client(url: string): Redis {
  const redis = new Redis(url, { maxRetriesPerRequest: 0, retryStrategy: () => 20 });
  redis.on('error', () => undefined);
  return redis;
}

const { signal } = new AbortController();

interface Reading extends AsyncDisposable {
  readonly directory: KeyDirectory;
  readonly clock: FakeClock;
  /** Finds a key, and tells whether Redis was asked for it. */
  readonly find: (id: string) => Promise<{ readonly key: unknown; readonly asked: boolean }>;
}

/** A directory that listens already. */
async function reading(redis: Redis | Cluster, options: RedisKeyDirectoryOptions): Promise<Reading> {
  const clock = fakeClock();
  const hget = vi.spyOn(redis, 'hget');
  const directory = redisKeyDirectory(redis, { clock }, options);
  await directory.start?.();
  const find: Reading['find'] = async (id) => {
    const before = hget.mock.calls.length;
    const key = await directory.find(id, signal);
    return { key, asked: hget.mock.calls.length > before };
  };
  const listening = { hash: options.hash as string, id: issueKey().key.id };
  await vi.waitFor(async () => {
    await find(listening.id);
    expect((await find(listening.id)).asked).toBe(false);
  }, 10_000);
  return {
    directory,
    clock,
    find,
    [Symbol.asyncDispose]: async () => {
      await directory.close?.();
    },
  };
}

describeWithRedis('keys in Redis', () => {
  test('are looked up once and remembered for a time; a change is heard of at once', async () => {
    await using server = await redisForTests();
    const redis = client(server.url);
    const writer = client(server.url);
    const hash = `test:${randomUUID()}`;
    const registry = redisKeyRegistry(writer, { hash });
    const { key } = issueKey({ tenant: 'acme' });
    await registry.put(key);
    {
      await using pipe = await reading(redis, { hash, cacheMs: 1_000 });
      expect(await pipe.find(key.id)).toEqual({ key, asked: true });
      expect(await pipe.find(key.id)).toEqual({ key, asked: false });
      await pipe.clock.advance(999);
      expect((await pipe.find(key.id)).asked).toBe(false);
      await pipe.clock.advance(1);
      expect((await pipe.find(key.id)).asked).toBe(true);

      // The clock stands still: only the word of the change can have brought this about.
      await revokeKey(registry, key.id, 0);
      await vi.waitFor(async () => expect((await pipe.find(key.id)).key).toHaveProperty('revokedAt'));
      expect((await pipe.find(key.id)).asked).toBe(false);

      // A key that was not there is remembered as such, and forgotten when it comes.
      const late = issueKey().key;
      expect(await pipe.find(late.id)).toEqual({ key: undefined, asked: true });
      expect(await pipe.find(late.id)).toEqual({ key: undefined, asked: false });
      await registry.put(late);
      await vi.waitFor(async () => expect((await pipe.find(late.id)).key).toEqual(late));
    }
    await writer.del(hash);
    redis.disconnect();
    writer.disconnect();
  });

  test('are asked for once by all who want the same at the same time', async () => {
    await using server = await redisForTests();
    const redis = client(server.url);
    const hash = `test:${randomUUID()}`;
    const { key } = issueKey();
    await redisKeyRegistry(redis, { hash }).put(key);
    const hget = vi.spyOn(redis, 'hget');
    const directory = redisKeyDirectory(redis, { clock: fakeClock() }, { hash });
    const found = await Promise.all(Array.from({ length: 100 }, async () => directory.find(key.id, signal)));
    expect(found).toEqual(Array.from({ length: 100 }, () => key));
    expect(hget).toHaveBeenCalledOnce();
    await redis.del(hash);
    redis.disconnect();
  });

  test('that are none, or somebody else’s, are as good as absent', async () => {
    await using server = await redisForTests();
    const redis = client(server.url);
    const hash = `test:${randomUUID()}`;
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const { key } = issueKey();
    const directory = redisKeyDirectory(redis, { clock: fakeClock() }, { hash });
    const poison = [
      '',
      'canary',
      '{',
      'null',
      '[]',
      '{}',
      '{"__proto__":{"admin":true}}',
      JSON.stringify(issueKey().key),
      JSON.stringify({ ...key, hash: 'canary' }),
      JSON.stringify({ ...key, admin: 'canary' }),
      'x'.repeat(1_000_000),
    ];
    for (const value of poison) {
      await redis.hset(hash, key.id, value);
      expect(await directory.find(key.id, signal)).toBeUndefined();
    }
    expect(warned).toHaveBeenCalledTimes(poison.length);
    expect(JSON.stringify(warned.mock.calls)).not.toContain('canary');
    warned.mockRestore();
    await redis.del(hash);
    redis.disconnect();
  });

  test('are written by one script, whatever is in them', async () => {
    await using server = await redisForTests();
    const redis = client(server.url);
    const hash = `test:${randomUUID()}`;
    const registry = redisKeyRegistry(redis, { hash });
    const scripts = async (): Promise<number> =>
      Number(/number_of_cached_scripts:(\d+)/.exec(await redis.info('memory'))?.[1]);
    await registry.put(issueKey().key);
    const before = await scripts();
    for (let i = 0; i < 100; i++) {
      await registry.put(
        issueKey({ principal: `"]])redis.call('FLUSHALL')--${i}`, labels: { nul: '\0', crlf: '\r\n' } }).key,
      );
    }
    expect(await scripts()).toBe(before);
    expect(await registry.list()).toHaveLength(101);
    await redis.del(hash);
    redis.disconnect();
  });

  test('are issued, listed and revoked by the program, and a pipeline knows at once', async () => {
    await using server = await redisForTests();
    const redis = client(server.url);
    const hash = `test:${randomUUID()}`;
    await using pipeline = pipelineOver(redis, { hash });
    const text = (await sluiceKeys(server.url, hash, 'issue', '--principal', 'app')).trim();
    const [, id = ''] = /^sk-sl-(\w{12})-/.exec(text) ?? [];
    expect(await statusOf(pipeline, text)).toBe(200);
    expect(await sluiceKeys(server.url, hash, 'list')).toMatch(new RegExp(`${id} +active +app`));
    await sluiceKeys(server.url, hash, 'revoke', id);
    await vi.waitFor(async () => expect(await statusOf(pipeline, text)).toBe(401));
    expect(JSON.stringify(await redis.hgetall(hash))).not.toContain(text.slice(-49, -6));
    await redis.del(hash);
    redis.disconnect();
  });
});

describeWithOwnRedis('when Redis', () => {
  test('ends the connection that listens, nothing is remembered until there is another', async () => {
    await using server = await startRedis();
    const redis = client(server.url);
    const hash = 'keys';
    const { key } = issueKey();
    const registry = redisKeyRegistry(redis, { hash });
    await registry.put(key);
    await using pipe = await reading(redis, { hash, cacheMs: 1_000_000 });
    await pipe.find(key.id);
    expect((await pipe.find(key.id)).asked).toBe(false);
    // While nobody listens, a key is revoked.
    const admin = client(server.url);
    await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await revokeKey(registry, key.id, 0);
    await vi.waitFor(async () => expect((await pipe.find(key.id)).key).toHaveProperty('revokedAt'));
    await vi.waitFor(async () => expect((await pipe.find(key.id)).asked).toBe(false));
    expect((await pipe.find(key.id)).key).toHaveProperty('revokedAt');
    admin.disconnect();
    redis.disconnect();
  });

  test('is killed and comes back, calls are refused with 503 and then served again', async () => {
    await using server = await startRedis();
    const redis = client(server.url);
    const issued = issueKey();
    await redisKeyRegistry(redis, { hash: 'keys' }).put(issued.key);
    await using pipeline = pipelineOver(redis, { hash: 'keys', cacheMs: 1 });
    expect(await statusOf(pipeline, issued.text)).toBe(200);
    await server.kill();
    await vi.waitFor(async () => expect(await statusOf(pipeline, issued.text)).toBe(503));
    await server.restart();
    // It comes back empty.
    await vi.waitFor(async () => expect(await statusOf(pipeline, issued.text)).toBe(401), 10_000);
    await redisKeyRegistry(redis, { hash: 'keys' }).put(issued.key);
    await vi.waitFor(async () => expect(await statusOf(pipeline, issued.text)).toBe(200), 10_000);
    redis.disconnect();
  });

  test('is frozen, known keys are good for as long as was said, and one call alone waits', async () => {
    await using server = await startRedis();
    const redis = client(server.url);
    const { key } = issueKey();
    await redisKeyRegistry(redis, { hash: 'keys' }).put(key);
    await using pipe = await reading(redis, { hash: 'keys', cacheMs: 100, timeoutMs: 50, outageMs: 10_000 });
    expect((await pipe.find(key.id)).key).toEqual(key);
    await pipe.clock.advance(100);
    server.freeze();
    const waiting = pipe.find(key.id);
    await pipe.clock.advance(51);
    expect(await waiting).toEqual({ key, asked: true });
    expect(await pipe.find(key.id)).toEqual({ key, asked: false });
    await expect(Promise.resolve(pipe.directory.find(issueKey().key.id, signal))).rejects.toThrow(
      'Redis did not answer',
    );
    await pipe.clock.advance(10_000);
    const late = pipe.find(key.id);
    late.catch(() => undefined);
    await pipe.clock.advance(51);
    await expect(late).rejects.toThrow('no answer within 50 ms');
    server.thaw();
    redis.disconnect();
  });
});

describeWithOwnRedis('a Redis Cluster', () => {
  test('holds keys as a single server does', async () => {
    await using servers = await startRedisCluster();
    const cluster = new Cluster(servers.primaries.map(({ port }) => ({ host: '127.0.0.1', port })));
    const registry = redisKeyRegistry(cluster);
    const { key } = issueKey();
    await registry.put(key);
    await using pipe = await reading(cluster, { hash: 'sluice:virtual-keys' });
    expect(await pipe.find(key.id)).toEqual({ key, asked: true });
    expect(await pipe.find(key.id)).toEqual({ key, asked: false });
    await revokeKey(registry, key.id, 0);
    await vi.waitFor(async () => expect((await pipe.find(key.id)).key).toHaveProperty('revokedAt'));
    cluster.disconnect();
  });
});

function pipelineOver(redis: Redis, options: RedisKeyDirectoryOptions): Pipeline {
  const answers = Array.from(
    { length: 1_000 },
    () => () => new Response(anthropicMessage(), { headers: { 'content-type': 'application/json' } }),
  );
  const directory = ({ clock }: { readonly clock: Clock }) => redisKeyDirectory(redis, { clock }, options);
  return createPipeline({
    upstream: 'https://upstream.test',
    plugins: [identity()],
    services: [
      provide(KEY_DIRECTORY, directory, { clock: CLOCK }),
      provide(TRANSPORT, () => scriptedTransport(...answers)),
    ],
  });
}

async function statusOf(pipeline: Pipeline, text: IssuedKey['text']): Promise<number> {
  const response = await pipeline.fetch('https://caller.test/v1/messages', {
    method: 'POST',
    headers: { authorization: `Bearer ${text}`, 'content-type': 'application/json' },
    body: '{"model":"any","max_tokens":1,"messages":[]}',
  });
  await response.text();
  return response.status;
}

const program = fileURLToPath(
  new URL('../../packages/plugins/identity/src/cli/sluice-keys.ts', import.meta.url),
);

function sluiceKeys(url: string, hash: string, ...args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [program, ...args, '--redis', url, '--hash', hash], (error, out, told) => {
      if (error === null) resolve(out);
      else reject(new Error(told));
    });
  });
}
