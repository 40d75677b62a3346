/** The server's own clock in milliseconds: those of the processes may differ. */
const NOW = `local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)`;

/** Whether KEYS[n], the time of the last purge, lies within the last ARGV[m] milliseconds. */
const purgedWithin = (key: string, ageMs: string): string =>
  `tonumber(redis.call('GET', ${key}) or '-1') >= now - tonumber(${ageMs})`;

/**
 * KEYS: index, last purge. ARGV: key, how long it is kept, how long ago it was asked for. Returns 0 if the tag was purged
 * since. What has expired leaves the index on the way, a few at a time, so that it stays as large as what it names.
 */
export const ADD_TO_INDEX: string = `${NOW}
if ${purgedWithin('KEYS[2]', 'ARGV[3]')} then return 0 end
local old = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 20)
if #old > 0 then redis.call('ZREM', KEYS[1], unpack(old)) end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[2]), ARGV[1])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1`;

/** KEYS: last purge. ARGV: how long ago. */
export const PURGED_SINCE: string = `${NOW}
if ${purgedWithin('KEYS[1]', 'ARGV[1]')} then return 1 end
return 0`;

/**
 * KEYS: last purge, index, a new name for it, names that are to be worked off. ARGV: how long it is remembered, the new
 * name. Puts the index aside, so that what is added from now on stays in the next one. Returns what is to be worked off,
 * which is more where a purge has failed or another one goes on.
 */
export const START_PURGE: string = `${NOW}
redis.call('SET', KEYS[1], string.format('%.0f', now), 'PX', ARGV[1])
if redis.call('EXISTS', KEYS[2]) == 1 then
  local left = redis.call('PTTL', KEYS[2])
  redis.call('RENAME', KEYS[2], KEYS[3])
  redis.call('SADD', KEYS[4], ARGV[2])
  if redis.call('PTTL', KEYS[4]) < left then redis.call('PEXPIRE', KEYS[4], left) end
end
return redis.call('SMEMBERS', KEYS[4])`;

/** KEYS: entry, lease. ARGV: value, how long it is kept, the lease. A lease that was lost writes nothing: fencing. */
export const SET_IF_HELD: string = `
if redis.call('GET', KEYS[2]) ~= ARGV[3] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('DEL', KEYS[2])
return 1`;

/** KEYS: lease. ARGV: the lease, how much longer. */
export const RENEW: string = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`;

/** KEYS: lease. ARGV: the lease. */
export const RELEASE: string = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`;
