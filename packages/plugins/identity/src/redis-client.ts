/** What is used of an `ioredis` client, or Cluster, to look keys up. */
export interface RedisReader {
  hget(key: string, field: string): Promise<string | null>;
  /** A connection of our own, because one that listens can do nothing else. We close it. */
  duplicate(): RedisListener;
}

/** What is used of the connection that listens. */
export interface RedisListener {
  subscribe(channel: string): Promise<unknown>;
  on(event: 'message', listener: (channel: string, message: string) => void): unknown;
  on(event: 'ready' | 'close', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  disconnect(): void;
}

/** What is used of an `ioredis` client, or Cluster, to write keys. */
export interface RedisWriter {
  hvals(key: string): Promise<string[]>;
  eval(script: string, numberOfKeys: number, ...args: string[]): Promise<unknown>;
}

/** The hash that keys are in, unless another name is chosen. */
export const DEFAULT_HASH = 'sluice:virtual-keys';

/** Where ids of changed keys are published. */
export function channelOf(hash: string): string {
  return `${hash}:changed`;
}
