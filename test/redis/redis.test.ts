import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { startRedisCluster } from '../support/redis-cluster.ts';
import {
  describeWithOwnRedis,
  describeWithRedis,
  redisForTests,
  type RedisServer,
  startRedis,
} from '../support/redis.ts';
import { thrownBy } from '../support/thrown-by.ts';

function client({ url }: Pick<RedisServer, 'url'>): Redis {
  const redis = new Redis(url, {
    commandTimeout: 200,
    maxRetriesPerRequest: 0,
    retryStrategy: () => 20,
  });
  redis.on('error', () => undefined);
  return redis;
}

describeWithRedis('a Redis server for tests', () => {
  test('answers', async () => {
    await using server = await redisForTests();
    const redis = client(server);
    expect(await redis.ping()).toBe('PONG');
    redis.disconnect();
  });
});

describeWithOwnRedis('a Redis server of the test’s own', () => {
  test('can be frozen, thawed, killed and started again on its port', async () => {
    await using server = await startRedis();
    const redis = client(server);
    await redis.set('key', 'value');

    server.freeze();
    expect(await thrownBy(redis.get('key'))).toMatchObject({ message: 'Command timed out' });
    server.thaw();
    expect(await redis.get('key')).toBe('value');

    await server.kill();
    await thrownBy(redis.get('key'));
    await server.restart();
    const again = client(server);
    expect(await again.get('key')).toBeNull();
    await server.stop();
    await thrownBy(again.get('key'));
    redis.disconnect();
    again.disconnect();
  });

  test('can be full: writes fail and reads go on', async () => {
    await using server = await startRedis({ maxMemoryBytes: 4 << 20 });
    const redis = client(server);
    await redis.set('key', 'value');
    for (let i = 0; i < 8; i++) await redis.set(`k${i}`, 'x'.repeat(1 << 20)).catch(() => undefined);
    expect(await thrownBy(redis.set('more', 'x'.repeat(1 << 20)))).toMatchObject({
      message: expect.stringMatching(/^OOM/) as string,
    });
    expect(await redis.get('key')).toBe('value');
    redis.disconnect();
  });

  test('can be one of a cluster whose replicas take over', async () => {
    await using cluster = await startRedisCluster({ replicas: 1 });
    expect(cluster.primaries).toHaveLength(3);
    expect(cluster.replicas).toHaveLength(3);
    await cluster.primaries[0]?.kill();
    const replica = client(cluster.replicas[0] as RedisServer);
    await expect.poll(async () => replica.info('replication'), { timeout: 10_000 }).toContain('role:master');
    replica.disconnect();
  });
});
