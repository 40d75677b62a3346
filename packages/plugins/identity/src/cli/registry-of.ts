import { fileKeyRegistry } from '../file-key-registry.ts';
import type { KeyRegistry } from '../key-registry.ts';
import { redisKeyRegistry } from '../redis-key-registry.ts';
import type { RedisWriter } from '../redis-client.ts';
import { type Command, UsageError } from './arguments.ts';

/** As much of ioredis as is needed to connect. */
interface Ioredis {
  readonly Redis: new (
    url: string,
    options: { readonly maxRetriesPerRequest: number; readonly connectTimeout: number },
  ) => RedisWriter & { on(event: 'error', listener: () => void): unknown; disconnect(): void };
}

/** The keys that a command is about, and how to let go of them. */
interface OpenRegistry {
  readonly registry: KeyRegistry;
  readonly close: () => void;
}

/** Opens what the command names. */
export async function registryOf({ file, redis, hash }: Command): Promise<OpenRegistry> {
  if (file !== undefined) return { registry: fileKeyRegistry(file), close: () => undefined };
  const { Redis } = await ioredis();
  const client = new Redis(redis as string, { maxRetriesPerRequest: 0, connectTimeout: 5_000 });
  // A command that fails says the same.
  client.on('error', () => undefined);
  return {
    registry: redisKeyRegistry(client, hash === undefined ? {} : { hash }),
    close: () => {
      client.disconnect();
    },
  };
}

async function ioredis(): Promise<Ioredis> {
  // A variable, because the package is the user's: it may not be there.
  const name: string = 'ioredis';
  try {
    return (await import(name)) as Ioredis;
  } catch (error) {
    throw new UsageError('--redis needs the package ioredis; install it beside @sluice/identity.', {
      cause: error,
    });
  }
}
