/** What is used of an `ioredis` client, or Cluster, to look keys up. */
export interface RedisReader {
  /** Reads one key. */
  hget(key: string, field: string): Promise<string | null>;
  /** Makes a connection of our own, because one that listens can do nothing else. We close it. */
  duplicate(): RedisListener;
}

/** What is used of the connection that listens. */
export interface RedisListener {
  /** Begins to listen. */
  subscribe(channel: string): Promise<unknown>;
  /** Tells of messages, and of the connection's life. */
  on(event: 'message', listener: (channel: string, message: string) => void): unknown;
  /** Tells that the connection stands, or is gone. */
  on(event: 'ready' | 'close', listener: () => void): unknown;
  /** Tells of what went wrong. */
  on(event: 'error', listener: (error: Error) => void): unknown;
  /** Closes the connection for good. */
  disconnect(): void;
}

/** What is used of an `ioredis` client, or Cluster, to write keys. */
export interface RedisWriter {
  /** Reads all keys. */
  hvals(key: string): Promise<string[]>;
  /** Writes a key and publishes that, in one step. */
  eval(script: string, numberOfKeys: number, ...args: string[]): Promise<unknown>;
}

/** The hash that keys are in, unless another name is chosen. */
export const DEFAULT_HASH = 'sluice:virtual-keys';

/** Where ids of changed keys are published. */
export function channelOf(hash: string): string {
  return `${hash}:changed`;
}
