import { rawConnection, rawRequest, rawResponse } from '@sluice/core/testing';
import { REDIS_SETTINGS } from '@sluice/cache';
import { Redis } from 'ioredis';
import { expect, test, vi } from 'vitest';
import { gatedUpstream } from '../support/gated-upstream.ts';
import { MOUNTS } from '../support/mounts.ts';
import { describeWithRedis, redisForTests } from '../support/redis.ts';
import { nothingIsLeft } from './nothing-is-left.ts';
import { RULES, type WholeOptions, wholeStage } from './whole-stage.ts';

const NODE = MOUNTS.find(({ name }) => name === 'node:http') ?? expect.fail('no mount for node:http');
const STREAMS = 500;
const ENDS = 'may end';
const NEVER_ENDS = 'never ends';

const uncaught = nothingIsLeft();

/** A question of its own for each call: none is answered from the cache. */
const question = (n: number, stream: boolean): object => ({
  model: 'claude-haiku-4-5',
  max_tokens: 100,
  stream,
  messages: [{ role: 'user', content: `Call ${n} ${n % 2 === 0 ? ENDS : NEVER_ENDS}` }],
});

/** Drains with {@link STREAMS} live streams of which every other one can end (F-45). */
async function drainsInOrder(options: WholeOptions = {}): Promise<void> {
  await using upstream = await gatedUpstream();
  await using stage = await wholeStage(NODE, {
    endpoints: [{ id: 'eu', region: 'eu', url: upstream.url }],
    ...options,
  });
  const headers = { 'content-type': 'application/json', 'x-api-key': stage.keys.acme };
  const clients = await Promise.all(
    Array.from({ length: STREAMS }, async (_, n) => {
      const client = await rawConnection(stage.baseUrl);
      client.send(rawRequest({ headers, body: question(n, true) }));
      return client;
    }),
  );
  await Promise.all(clients.map((client) => client.received((soFar) => soFar.includes('Half of it'))));
  expect(upstream.live).toBe(STREAMS);

  const drained = stage.pipeline.drain(60_000);
  using late = await rawConnection(stage.baseUrl);
  late.send(rawRequest({ headers, body: question(STREAMS, false) }));
  const refused = rawResponse(await late.received());
  expect(refused?.status).toBe(503);
  const said = Object.fromEntries(
    (refused?.headers ?? []).map(([name, value]) => [name.toLowerCase(), value]),
  );
  expect(said).toMatchObject({ connection: 'close', 'retry-after': '1' });
  expect(JSON.parse(refused?.body.toString() ?? '')).toMatchObject({ type: 'error' });

  upstream.release(ENDS);
  await vi.waitFor(() => expect(upstream.live).toBe(STREAMS / 2), 20_000);
  await vi.waitFor(() => {
    expect(stage.outcomes.filter(({ kind }) => kind === 'completed')).toHaveLength(STREAMS / 2);
  }, 20_000);
  // The time is up. What has been asked to drain may be asked again, with less of it.
  await stage.pipeline.drain(1);
  await drained;
  const texts = await Promise.all(
    clients.map(async (client) => {
      const soFar = await client.received((bytes) => rawResponse(bytes)?.complete === true);
      client.close();
      return rawResponse(soFar)?.body.toString() ?? '';
    }),
  );
  for (const [n, text] of texts.entries()) {
    if (n % 2 === 0) expect(text).toMatch(/and the rest.*message_stop" ?\}\n\n$/s);
    else expect(text).toMatch(/\n\nevent: error\ndata: \{"type":"error",.*\}\n\n$/);
  }
  const ends = stage.outcomes.map(({ kind }) => kind).toSorted();
  expect(ends).toEqual([
    ...Array<string>(STREAMS / 2).fill('completed'),
    ...Array<string>(STREAMS / 2).fill('shutdown'),
  ]);
  await vi.waitFor(() => expect(upstream.live).toBe(0));
  expect(upstream.asked).toBe(STREAMS);
  await stage.expectInOrder(STREAMS);
  expect(uncaught).toEqual([]);
}

test('a drain with 500 live streams lets those end that can, and tells the others', async () => {
  await drainsInOrder();
});

describeWithRedis('with its stores on Redis', () => {
  test('a drain with 500 live streams gives every place back', async () => {
    await using server = await redisForTests();
    const redisPrefix = `sluice:test:${process.pid}:drain:`;
    // What is right is tested here, and not how soon.
    const patient = { commandTimeout: 20_000, socketTimeout: 20_000 };
    const redis = new Redis(server.url, { ...REDIS_SETTINGS, ...patient, lazyConnect: true });
    await redis.connect();
    try {
      await drainsInOrder({ redis, redisPrefix, rateLimit: { rules: RULES, storeTimeoutMs: 10_000 } });
    } finally {
      redis.disconnect();
    }
  });
});
