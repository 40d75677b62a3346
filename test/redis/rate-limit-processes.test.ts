import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LimitRule, RateLimitOptions } from '@sluice/rate-limit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWithRedis, redisForTests } from '../support/redis.ts';
import { limitedBy } from './rate-limit-pipeline.ts';
import type { WorkerOrder } from './rate-limit-worker.ts';

const DAY_MS = 86_400_000;
const PROCESSES = 4;
const CALLERS_EACH = 16;

/** How many calls were admitted and refused, in all processes together. */
interface Counts {
  readonly admitted: number;
  readonly refused: number;
}

describeWithRedis('limits of several processes', () => {
  let server: Awaited<ReturnType<typeof redisForTests>>;
  const children: ChildProcess[] = [];
  let workers: readonly ChildProcess[] = [];
  beforeAll(async () => {
    server = await redisForTests();
    workers = await Promise.all(Array.from({ length: PROCESSES }, worker));
  });
  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    await server[Symbol.asyncDispose]();
  });

  async function worker(): Promise<ChildProcess> {
    const child = fork(new URL('./rate-limit-worker.ts', import.meta.url), {
      stdio: 'inherit',
      execArgv: [],
    });
    children.push(child);
    await once(child, 'message');
    return child;
  }

  async function counted(child: ChildProcess): Promise<Counts> {
    const [counts] = (await once(child, 'message')) as [Counts];
    return counts;
  }

  const optionsOf = (rule: Partial<LimitRule>): RateLimitOptions => ({
    rules: [{ name: 'rule', by: 'global', ...rule } as LimitRule],
    prices: { '*': { input: 1, output: 2 } },
    // Two processors, and five processes at work.
    storeTimeoutMs: 10_000,
  });

  // Every call is 10 tokens of input and 5 of output: 20 millionths. Each limit is that of a hundred calls.
  test.each<[string, Partial<LimitRule>]>([
    ['requests', { of: 'requests', limit: 100, windowMs: DAY_MS }],
    ['input tokens', { of: 'input-tokens', limit: 1_000, windowMs: DAY_MS }],
    ['output tokens', { of: 'output-tokens', limit: 500, windowMs: DAY_MS }],
    ['tokens', { of: 'tokens', limit: 1_500, windowMs: DAY_MS }],
    ['cost', { of: 'cost', limit: 0.02, windowMs: DAY_MS / 10, burst: 0.002 }],
    ['a quota of requests', { of: 'requests', limit: 100, calendar: 'month' }],
    ['a quota of tokens', { of: 'tokens', limit: 1_500, calendar: 'month' }],
    ['a quota of cost', { of: 'cost', limit: 0.01, calendar: 'day' }],
    ['concurrent calls', { of: 'concurrent-calls', limit: 100 }],
  ])(
    'of %s admit exactly the limit to 64 callers in 4 processes',
    async (name, rule) => {
      const silent = rule.of === 'concurrent-calls';
      const prefix = `processes-${process.pid}-${performance.now()}:`;
      const order: WorkerOrder = {
        url: server.url,
        prefix,
        options: optionsOf(rule),
        silent,
        callers: CALLERS_EACH,
        callsEach: name === 'a quota of cost' ? 10 : 5,
      };
      const counts = await Promise.all(
        workers.map((child) => {
          child.send(order);
          return counted(child);
        }),
      );
      const admitted = counts.reduce((sum, one) => sum + one.admitted, 0);
      const limit = rule.of !== 'cost' ? 100 : ((rule.burst ?? rule.limit ?? 0) * 1e6) / 20;
      expect(admitted).toBe(limit);
    },
    30_000,
  );

  test('a process that is killed gives its places and its reservations back', async () => {
    const prefix = `killed-${process.pid}-${performance.now()}:`;
    const options: RateLimitOptions = {
      rules: [
        { name: 'parallel', of: 'concurrent-calls', limit: 3, by: 'global' },
        { name: 'quota', of: 'tokens', limit: 45, calendar: 'month', by: 'global' },
      ],
      leaseMs: 1_000,
      storeTimeoutMs: 10_000,
    };
    const child = await worker();
    const order: WorkerOrder = {
      url: server.url,
      prefix,
      options,
      silent: true,
      totalMs: 1_500,
      callers: 3,
      callsEach: 1,
    };
    child.send(order);
    expect(await counted(child)).toEqual({ admitted: 3, refused: 0 });
    child.kill('SIGKILL');

    await using here = limitedBy({ url: server.url, prefix, options });
    expect(await here.call()).toBe(429);
    // The places after a second. The quota after the calls' deadline and a little: it was 45, of which 30 were sent.
    await sleep(7_000);
    const statuses = [await here.call(), await here.call()];
    expect(statuses).toEqual([200, 429]);
  }, 20_000);
});
