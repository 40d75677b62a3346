import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { type RedisServer, startRedis } from './redis.ts';

const SLOTS = 16_384;

/** How a cluster is set up. */
export interface RedisClusterOptions {
  /** Replicas of each primary, which take over when it dies. Default: 0. */
  readonly replicas?: number;
}

/** A Redis cluster of the test's own. */
export interface RedisCluster extends AsyncDisposable {
  /** Its three primaries, in order of their slots. */
  readonly primaries: readonly RedisServer[];
  /** Their replicas, if any. */
  readonly replicas: readonly RedisServer[];
}

/** Starts a cluster of three primaries, and waits until all of it is of one mind. */
export async function startRedisCluster({ replicas = 0 }: RedisClusterOptions = {}): Promise<RedisCluster> {
  const args = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '1000'];
  const start = (): Promise<RedisServer> => startRedis({ args });
  const nodes = await Promise.all(Array.from({ length: 3 * (1 + replicas) }, start));
  const clients = nodes.map(({ port }) => new Redis(port, '127.0.0.1'));
  const primaries = nodes.slice(0, 3);
  try {
    const share = Math.ceil(SLOTS / 3);
    await Promise.all(
      clients.slice(0, 3).map(async (client, index) => {
        const from = index * share;
        const length = Math.min(share, SLOTS - from);
        await client.call('CLUSTER', 'ADDSLOTS', ...Array.from({ length }, (_, i) => from + i));
        await client.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
      }),
    );
    const [first, ...others] = clients as [Redis, ...Redis[]];
    await Promise.all(
      others.map((_, index) => first.call('CLUSTER', 'MEET', '127.0.0.1', nodes[index + 1]?.port ?? 0)),
    );
    await until(async () => {
      const known = await Promise.all(clients.map((client) => knownNodes(client)));
      return known.every((count) => count === nodes.length);
    });
    const ids = await Promise.all(clients.slice(0, 3).map((client) => client.call('CLUSTER', 'MYID')));
    await Promise.all(
      clients.slice(3).map((client, index) => client.call('CLUSTER', 'REPLICATE', String(ids[index % 3]))),
    );
    await until(async () => {
      const infos = await Promise.all(clients.map((client) => client.call('CLUSTER', 'INFO')));
      const links = await Promise.all(clients.slice(3).map((client) => client.info('replication')));
      return (
        infos.every((info) => String(info).includes('cluster_state:ok')) &&
        links.every((link) => link.includes('master_link_status:up'))
      );
    });
  } catch (error) {
    for (const node of nodes) await node[Symbol.asyncDispose]();
    throw error;
  } finally {
    for (const client of clients) client.disconnect();
  }
  return {
    primaries,
    replicas: nodes.slice(3),
    async [Symbol.asyncDispose]() {
      for (const node of nodes) await node[Symbol.asyncDispose]();
    },
  };
}

async function knownNodes(client: Redis): Promise<number> {
  const text = String(await client.call('CLUSTER', 'NODES'));
  return text
    .trim()
    .split('\n')
    .filter((line) => !line.includes('handshake')).length;
}

async function until(reached: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (await reached()) return;
    await sleep(50);
  }
  throw new Error('the cluster did not come up within 10 s');
}
