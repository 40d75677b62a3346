/** An argument of a Redis command. */
type Argument = string | Buffer | number;

/** What `redisCacheStore` calls of an `ioredis` client; `Redis` and `Cluster` have it. */
export interface RedisClient {
  /** Sends a command; replies are strings. */
  call(command: string, ...args: Argument[]): Promise<unknown>;
  /** Sends a command; replies are buffers. */
  callBuffer(command: string, ...args: Argument[]): Promise<unknown>;
  /** Without a listener for `error`, ioredis writes each failed reconnect to the console. */
  on(event: 'error', listener: () => void): unknown;
  /** Whether there is one already. */
  listenerCount(event: 'error'): number;
}

/** What is called of the client that hears of purges; it can do nothing else meanwhile. */
export interface RedisSubscriber {
  /** Begins to hear a channel. */
  subscribe(channel: string): Promise<unknown>;
  /** Messages. */
  on(event: 'message', listener: (channel: string) => void): unknown;
  /** Each new connection (`ready`), and its loss. */
  on(event: 'ready' | 'close' | 'error', listener: () => void): unknown;
  /** Takes a listener away. */
  off(event: 'message', listener: (channel: string) => void): unknown;
  /** Takes a listener away. */
  off(event: 'ready' | 'close' | 'error', listener: () => void): unknown;
}

/**
 * Options for `new Redis(url, { ...REDIS_SETTINGS })`. With ioredis's defaults a call waits for a dead server for more
 * than a minute, and for a frozen one for ever.
 */
export const REDIS_SETTINGS: {
  readonly connectTimeout: number;
  readonly commandTimeout: number;
  readonly socketTimeout: number;
  readonly enableOfflineQueue: boolean;
  readonly maxRetriesPerRequest: number;
  readonly autoResendUnfulfilledCommands: boolean;
  readonly retryStrategy: (times: number) => number;
  readonly reconnectOnError: (error: Error) => boolean;
} = {
  connectTimeout: 500,
  commandTimeout: 100,
  // A connection on which something waits and nothing comes is closed, and its queue goes with it.
  socketTimeout: 1_000,
  // Without a connection a command fails at once: it would be a miss anyway.
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 6), 2_000),
  // After a failover the old primary refuses writes: the name may lead to the new one by now.
  reconnectOnError: (error) => error.message.startsWith('READONLY'),
};

/** Options for `new Cluster(nodes, { ...REDIS_CLUSTER_SETTINGS })`. */
export const REDIS_CLUSTER_SETTINGS: {
  readonly enableOfflineQueue: boolean;
  readonly slotsRefreshTimeout: number;
  readonly maxRedirections: number;
  readonly retryDelayOnClusterDown: number;
  readonly retryDelayOnFailover: number;
  readonly clusterRetryStrategy: (times: number) => number;
  readonly redisOptions: typeof REDIS_SETTINGS;
} = {
  enableOfflineQueue: false,
  slotsRefreshTimeout: 500,
  // One for a slot that has moved, one more for a map that was older than that.
  maxRedirections: 2,
  retryDelayOnClusterDown: 0,
  retryDelayOnFailover: 0,
  clusterRetryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 6), 2_000),
  redisOptions: REDIS_SETTINGS,
};
