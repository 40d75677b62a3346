import { REDIS_SETTINGS } from '@sluice/cache';
import type { LimitRule } from '@sluice/rate-limit';
import { Redis } from 'ioredis';
import { describe, expect, test, vi } from 'vitest';
import { MOUNTS } from '../support/mounts.ts';
import { describeWithOwnRedis, type RedisServer, startRedis } from '../support/redis.ts';
import { tcpProxy } from '../support/tcp-proxy.ts';
import { expectEnding } from './expect-ending.ts';
import { ANSWERED, refusedWith } from './fault.ts';
import { nothingIsLeft } from './nothing-is-left.ts';
import { seeBySocket } from './see.ts';
import { type WholeOptions, type WholeStage, wholeStage } from './whole-stage.ts';

const NODE = MOUNTS.find(({ name }) => name === 'node:http') ?? expect.fail('no mount for node:http');
const PREFIX = 'sluice:faults:';
/** Longest that a call may take while Redis is away; one command's time limit and a slow machine. */
const CALL_MS = 1_000;
/** Limits that go on without Redis, each process with its share. A quota would not: see below. */
const RULES: readonly LimitRule[] = [
  { name: 'rpm', of: 'requests', limit: 100_000, windowMs: 60_000 },
  { name: 'tokens', of: 'tokens', limit: 100_000_000, windowMs: 60_000 },
  { name: 'parallel', of: 'concurrent-calls', limit: 1_000 },
];

const uncaught = nothingIsLeft();
let asked = 0;

/** Asks as many times, in turn streamed and not, never the same; and each is answered, soon. */
async function answers(stage: WholeStage, calls: number): Promise<void> {
  for (let n = 0; n < calls; n++) {
    const stream = n % 2 === 0;
    const startedAt = performance.now();
    const messages = [{ role: 'user', content: `Question ${++asked}` }];
    const seen = await seeBySocket(stage, { model: 'm', max_tokens: 9, stream, messages }, stage.keys.acme);
    expectEnding(seen, ANSWERED, stream);
    expect(performance.now() - startedAt).toBeLessThan(CALL_MS);
  }
}

interface Given {
  readonly server: RedisServer;
  /** Another connection to it. */
  readonly admin: Redis;
}

/** What can befall a Redis, and how it comes back. */
const OUTAGES: readonly {
  readonly name: string;
  readonly away: (given: Given) => Promise<unknown>;
  readonly back?: (given: Given) => Promise<unknown>;
}[] = [
  {
    name: 'F-30 it is killed',
    away: ({ server }) => server.kill(),
    back: ({ server }) => server.restart(),
  },
  {
    name: 'F-31 it is stopped where it stands',
    away: async ({ server }) => server.freeze(),
    back: async ({ server }) => server.thaw(),
  },
  {
    name: 'F-33 it has become a replica, and takes no writes',
    away: ({ admin }) => admin.replicaof('127.0.0.1', 1),
    back: ({ admin }) => admin.replicaof('NO', 'ONE'),
  },
  {
    name: 'F-34 it is full',
    away: ({ admin }) => admin.config('SET', 'maxmemory', '1'),
    back: ({ admin }) => admin.config('SET', 'maxmemory', '0'),
  },
  { name: 'F-35 it has lost everything', away: ({ admin }) => admin.flushall() },
  { name: 'F-37 it has forgotten its scripts', away: ({ admin }) => admin.script('FLUSH') },
  {
    name: 'F-37 it wants a password that nobody has',
    async away({ admin }) {
      await admin.config('SET', 'requirepass', 'unknown');
      await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    },
    back: ({ admin }) => admin.config('SET', 'requirepass', ''),
  },
  {
    name: 'F-38 others have written to its keys',
    async away({ admin }) {
      for (const key of await admin.keys(`${PREFIX}*`)) await admin.set(key, 'not ours');
    },
  },
];

describeWithOwnRedis('the standard pipeline on a Redis', () => {
  const withRedis = async (
    url: string,
    options: WholeOptions,
    use: (stage: WholeStage) => Promise<void>,
  ): Promise<void> => {
    const redis = new Redis(url, REDIS_SETTINGS);
    redis.on('error', () => undefined);
    try {
      await using stage = await wholeStage(NODE, {
        redis,
        redisPrefix: PREFIX,
        rateLimit: { rules: RULES },
        ...options,
      });
      await use(stage);
    } finally {
      redis.disconnect();
    }
    expect(uncaught).toEqual([]);
  };

  describe.each(OUTAGES)('$name:', ({ away, back }) => {
    test('calls are answered all the same, and nothing is left undone', async () => {
      await using server = await startRedis();
      const admin = new Redis(server.url);
      admin.on('error', () => undefined);
      try {
        await withRedis(server.url, {}, async (stage) => {
          await answers(stage, 4);
          await away({ server, admin });
          await answers(stage, 6);
          await back?.({ server, admin });
          await answers(stage, 4);
          await stage.expectInOrder(14);
        });
      } finally {
        admin.disconnect();
      }
    });
  });

  test('F-29 that is not there at the start: the app starts, and answers', async () => {
    await using server = await startRedis();
    await server.kill();
    await withRedis(server.url, {}, async (stage) => {
      const startedAt = performance.now();
      await stage.pipeline.start();
      expect(performance.now() - startedAt).toBeLessThan(1_000);
      await answers(stage, 6);
      await server.restart();
      await stage.expectInOrder(6);
    });
  });

  test('F-30 that is killed: a quota is closed, and says so in the dialect', async () => {
    await using server = await startRedis();
    const quota: LimitRule = { name: 'quota', of: 'requests', limit: 100, calendar: 'month' };
    // On a busy machine 50 ms may pass without an outage.
    const rateLimit = { rules: [quota], storeTimeoutMs: 2_000 };
    await withRedis(server.url, { rateLimit }, async (stage) => {
      await answers(stage, 2);
      await server.kill();
      const seen = await seeBySocket(stage, { model: 'm', messages: [] }, stage.keys.acme);
      expectEnding(seen, refusedWith(503, 'overloaded'), false);
      expect(stage.eu.requests).toHaveLength(2);
      await server.restart();
      await vi.waitFor(() => answers(stage, 1), 5_000);
      await stage.expectInOrder(stage.outcomes.length);
    });
  });

  test('F-32 that takes 200 ms: calls do not wait for it', async () => {
    await using server = await startRedis();
    await using slow = await tcpProxy(server.port);
    await withRedis(slow.url, {}, async (stage) => {
      await answers(stage, 2);
      slow.delayMs = 200;
      await answers(stage, 6);
      slow.delayMs = 0;
      await stage.expectInOrder(8);
    });
  });
});
