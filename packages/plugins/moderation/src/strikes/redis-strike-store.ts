import type { StrikeCount, StrikeStore } from './strike-store.ts';

/** What is used of an `ioredis` client or Cluster. */
export interface StrikeRedis {
  /** Runs a Lua script. */
  eval(script: string, keys: number, ...args: (string | number)[]): Promise<unknown>;
  /** Milliseconds until a key goes. */
  pttl(key: string): Promise<number>;
  /** Removes a key. */
  del(key: string): Promise<number>;
}

const DAY_MS = 86_400_000;

// One hash tag, so that a cluster keeps a caller's keys together. The server's clock counts, as all processes share it.
const STRIKE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local row = redis.call('INCR', KEYS[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[1])
redis.call('ZADD', KEYS[2], now, time[1] .. '.' .. time[2] .. '.' .. row)
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -1001)
redis.call('PEXPIRE', KEYS[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return { row, redis.call('ZCARD', KEYS[2]) }`;

const SUSPEND = `
redis.call('DEL', KEYS[1], KEYS[2])
if redis.call('PTTL', KEYS[3]) < tonumber(ARGV[1]) then redis.call('SET', KEYS[3], 1, 'PX', ARGV[1]) end
return 1`;

/** Counts in Redis: shared by all processes. */
export function redisStrikeStore(redis: StrikeRedis, prefix = 'sluice:strikes'): StrikeStore {
  const keys = (caller: string): [string, string, string] => {
    const own = `${prefix}:{${Buffer.from(caller).toString('base64url')}}`;
    return [`${own}:row`, `${own}:day`, `${own}:suspended`];
  };
  return {
    async suspendedMs(caller) {
      return Math.max(0, await redis.pttl(keys(caller)[2]));
    },
    async strike(caller): Promise<StrikeCount> {
      const [row, day] = keys(caller);
      const counts = (await redis.eval(STRIKE, 2, row, day, DAY_MS)) as readonly [number, number];
      return { inARow: Number(counts[0]), perDay: Number(counts[1]) };
    },
    async forgive(caller) {
      await redis.del(keys(caller)[0]);
    },
    async suspend(caller, forMs) {
      await redis.eval(SUSPEND, 3, ...keys(caller), Math.max(1, Math.ceil(forMs)));
    },
  };
}
