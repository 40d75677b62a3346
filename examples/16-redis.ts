// Three processes of one app, which share a limit and a cache on Redis: that of REDIS_URL, else a redis-server started for
// this example. Without either it says so, and ends.
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import Anthropic from '@anthropic-ai/sdk';
import { REDIS_SETTINGS } from '@sluice/cache';
import { fakeUpstream } from '@sluice/core/testing';
import { standardPipeline } from '@sluice/standard';
import { Redis } from 'ioredis';
import { redisOrNone } from './support/redis.ts';

const [redisUrl, upstreamUrl = '', prefix = ''] = process.argv.slice(2).filter((word) => word !== '--exit');
await (redisUrl === undefined ? parent() : oneOfThree(redisUrl));

/** A process of the app. It asks the questions that it is sent, and says how each was answered. */
async function oneOfThree(url: string): Promise<void> {
  // #region redis
  const redis = new Redis(url, { ...REDIS_SETTINGS }); // Of @sluice/cache: nothing waits for a dead server.
  await once(redis, 'ready');
  const pipeline = standardPipeline({
    upstream: upstreamUrl, // https://api.anthropic.com
    redis,
    redisPrefix: prefix, // Needed only where several apps share a Redis.
    cache: true,
    rateLimit: {
      rules: [{ name: 'hourly', of: 'requests', limit: 12, windowMs: 3_600_000 }],
      instances: 3, // Should Redis be out, each process grants a third.
    },
  });
  // #endregion
  const client = new Anthropic({ apiKey: 'not-a-key', fetch: pipeline.fetch, maxRetries: 0 });
  const ask = (content: string): Promise<string> =>
    client.messages
      .create({ model: 'any', max_tokens: 100, messages: [{ role: 'user', content }] })
      .then(() => 'answered')
      .catch((error: unknown) => (error instanceof Anthropic.APIError ? `${error.status}` : String(error)));
  process.on('message', (questions: readonly string[]) => {
    void Promise.all(questions.map(ask)).then((answers) => process.send?.(answers));
  });
  process.once('disconnect', () => {
    void pipeline.close().then(() => {
      redis.disconnect(); // The client is yours, and so is closing it, after the pipeline.
    });
  });
}

/** Starts three processes, and sends them questions. */
async function parent(): Promise<void> {
  await using redis = await redisOrNone();
  if (redis === undefined) {
    console.log('Neither REDIS_URL nor a redis-server on the PATH: nothing is shown.');
    return;
  }
  await using upstream = await fakeUpstream();
  const names = [redis.url, upstream.url, `sluice:example-${process.pid}-${Date.now()}:`];
  const processes = [1, 2, 3].map(() => fork(import.meta.filename, names));
  const asked = async (n: number, questions: readonly string[]): Promise<readonly string[]> => {
    const answered = once(processes[n] as (typeof processes)[number], 'message');
    processes[n]?.send(questions);
    return ((await answered) as [readonly string[]])[0];
  };

  for (const n of [0, 1, 2]) assert.deepEqual(await asked(n, ['What is shared?']), ['answered']);
  console.log(`The same question in three processes: ${upstream.requests.length} call upstream.`);
  assert.equal(upstream.requests.length, 1);

  const questions = (n: number): string[] =>
    Array.from({ length: 8 }, (_, i) => `Process ${n}, question ${i}`);
  const answers = (await Promise.all([0, 1, 2].map((n) => asked(n, questions(n))))).flat();
  const count = (wanted: string): number => answers.filter((answer) => answer === wanted).length;
  console.log(`24 more, all at once: ${count('answered')} answered, ${count('429')} refused.`);
  // A dozen an hour, one of which was used up: in all processes together, not in each.
  assert.deepEqual([count('answered'), count('429')], [11, 13]);

  const ended = Promise.all(processes.map((child) => once(child, 'exit')));
  for (const child of processes) child.disconnect();
  await ended;
}
