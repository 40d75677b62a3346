/*
 * Every script reads the keys it is given and no others, takes the time from the server, and is a constant: nothing of a
 * request ever becomes part of its text. Times are microseconds. KEYS[1] is the record of the reservation, KEYS[2…] the
 * counters, one for each claim; a claim is seven arguments.
 *
 *   r  rate     string  "<whole> <part>": when everything that was taken will have been worked off
 *   w  window   hash    u: units used; e: the earliest deadline; i<id>: "<deadline> <charged> <floor>"
 *   s  slot     zset    id: deadline
 *
 * A value that is not ours counts as none, and is written over.
 */

/** What the scripts share. */
const COMMON = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local function int(value)
  return string.format('%.0f', value)
end

local function read(command, key, ...)
  local value = redis.pcall(command, key, ...)
  if type(value) == 'table' and value.err then
    redis.call('DEL', key)
    return false
  end
  return value
end

local function rate(key, parts)
  local value = read('GET', key)
  local whole, part = string.match(value or '', '^(%d+) (%d+)$')
  whole, part = tonumber(whole), tonumber(part)
  if not whole or whole <= now then return now, 0 end
  return whole, part % parts
end

local function put_rate(key, whole, part)
  if whole <= now then
    redis.call('DEL', key)
  else
    redis.call('SET', key, int(whole) .. ' ' .. int(part), 'PX', int(math.ceil((whole - now) / 1000) + 1000))
  end
end

local function held(value)
  local deadline, charged, floor = string.match(value or '', '^(%d+) (%d+) (%d+)$')
  return tonumber(deadline), tonumber(charged), tonumber(floor)
end

local function field(key, name)
  return tonumber(string.match(read('HGET', key, name) or '', '^%-?%d+$') or nil)
end

local function used(key)
  return field(key, 'u') or 0
end
`;

/**
 * ARGV: id, milliseconds that the reservation may last, milliseconds that the record is kept; then for each claim
 * kind, enforced, and
 *   r  whole, part of the cost; parts; whole, part of the capacity   (the need is nothing where capacity is "-")
 *   w  cost, limit, floor, end of the window with grace (ms), -
 *   s  cost, limit, lease (ms), -, -
 * Answers admitted, then for each claim: ok, backlog or use.
 */
export const RESERVE: string = `${COMMON}
local id, lease, keep = ARGV[1], ARGV[2] * 1000, ARGV[3]
local before = id ~= '' and read('GET', KEYS[1])
local count = #KEYS - 1
local found, oks, admitted = {}, {}, 1

local function lapse(key)
  local earliest = field(key, 'e')
  if not earliest or earliest > now then return end
  local all = redis.call('HGETALL', key)
  local back, next = 0, nil
  for i = 1, #all, 2 do
    if string.sub(all[i], 1, 1) == 'i' then
      local deadline, charged, floor = held(all[i + 1])
      if not deadline then
        redis.call('HDEL', key, all[i])
      elseif deadline > now then
        if not next or deadline < next then next = deadline end
      elseif charged > floor then
        back = back + charged - floor
        redis.call('HSET', key, all[i], int(deadline) .. ' ' .. int(floor) .. ' ' .. int(floor))
      end
    end
  end
  if back > 0 then redis.call('HSET', key, 'u', int(used(key) - back)) end
  if next then redis.call('HSET', key, 'e', int(next)) else redis.call('HDEL', key, 'e') end
end

for i = 1, count do
  local key, at = KEYS[i + 1], 3 + (i - 1) * 7
  local kind = ARGV[at + 1]
  local ok
  if kind == 'r' then
    local parts = tonumber(ARGV[at + 5])
    local whole, part = rate(key, parts)
    found[i] = { whole, part }
    if ARGV[at + 6] == '-' then
      ok = whole <= now
    else
      local need = part + ARGV[at + 4]
      local length = whole - now + ARGV[at + 3]
      if need >= parts then
        need = need - parts
        length = length + 1
      end
      local capacity = tonumber(ARGV[at + 6])
      ok = length < capacity or (length == capacity and need <= tonumber(ARGV[at + 7]))
    end
  elseif kind == 'w' then
    lapse(key)
    found[i] = used(key)
    ok = found[i] + ARGV[at + 3] <= tonumber(ARGV[at + 4])
  else
    read('ZREMRANGEBYSCORE', key, '-inf', int(now))
    found[i] = read('ZCARD', key) or 0
    ok = found[i] + ARGV[at + 3] <= tonumber(ARGV[at + 4])
  end
  oks[i] = ok or before
  if not oks[i] and ARGV[at + 2] == '1' then admitted = 0 end
end

if admitted == 1 and not before and id ~= '' then
  local marks = {}
  for i = 1, count do
    local key, at = KEYS[i + 1], 3 + (i - 1) * 7
    local kind = ARGV[at + 1]
    marks[i] = '-'
    if oks[i] then
      marks[i] = '0'
      if kind == 'r' then
        local parts = tonumber(ARGV[at + 5])
        local whole, part = found[i][1] + ARGV[at + 3], found[i][2] + ARGV[at + 4]
        if part >= parts then
          whole = whole + 1
          part = part - parts
        end
        put_rate(key, whole, part)
        found[i] = { whole, part }
        marks[i] = int(part > 0 and whole + 1 or whole)
      elseif kind == 'w' then
        local deadline = now + lease
        redis.call('HSET', key, 'i' .. id, int(deadline) .. ' ' .. ARGV[at + 3] .. ' ' .. ARGV[at + 5])
        found[i] = found[i] + ARGV[at + 3]
        redis.call('HSET', key, 'u', int(found[i]))
        local earliest = field(key, 'e')
        if not earliest or deadline < earliest then redis.call('HSET', key, 'e', int(deadline)) end
        redis.call('PEXPIREAT', key, ARGV[at + 6])
      else
        redis.call('ZADD', key, int(now + ARGV[at + 5] * 1000), id)
        found[i] = found[i] + 1
        if redis.call('PTTL', key) < tonumber(ARGV[at + 5]) then redis.call('PEXPIRE', key, ARGV[at + 5]) end
      end
    end
  end
  redis.call('SET', KEYS[1], table.concat(marks, ' '), 'PX', keep)
end

local answer = { admitted, int(now) }
for i = 1, count do
  local value = found[i]
  if type(value) == 'table' then
    value = value[1] - now
    if found[i][2] > 0 then value = value + 1 end
  end
  answer[#answer + 1] = oks[i] and 1 or 0
  answer[#answer + 1] = value
end
return answer
`;

/**
 * ARGV: id, granted, milliseconds that a late arrival is watched for; then for each claim kind, and
 *   r  whole, part of the reserved cost; whole, part of the actual; parts; -
 *   w  actual, end of the window with grace (ms), -, -, -, -
 *   s  -, -, -, -, -, -
 */
export const SETTLE: string = `${COMMON}
local id, granted, watch = ARGV[1], ARGV[2] == '1', ARGV[3]
local record = read('GET', KEYS[1])
if record == 's' or (granted and not record) then return 0 end

local marks = {}
for mark in string.gmatch(record or '', '%S+') do marks[#marks + 1] = mark end

for i = 1, #KEYS - 1 do
  local key, at = KEYS[i + 1], 3 + (i - 1) * 7
  local kind, mark = ARGV[at + 1], marks[i]
  if mark ~= '-' then
    if kind == 'r' then
      local parts = tonumber(ARGV[at + 6])
      local whole, part = rate(key, parts)
      local more, rest = ARGV[at + 4] + 0, ARGV[at + 5] + 0
      if mark then
        more, rest = more - ARGV[at + 2], rest - ARGV[at + 3]
        if rest < 0 then
          rest = rest + parts
          more = more - 1
        end
        if more < 0 then
          local left = math.max(0, mark - now)
          if -more > left then more, rest = -left, 0 end
        end
      end
      whole, part = whole + more, part + rest
      if part >= parts then
        whole = whole + 1
        part = part - parts
      end
      put_rate(key, whole, part)
    elseif kind == 'w' then
      local _, charged = held(read('HGET', key, 'i' .. id))
      redis.call('HDEL', key, 'i' .. id)
      redis.call('HSET', key, 'u', int(used(key) + ARGV[at + 2] - (charged or 0)))
      redis.call('PEXPIREAT', key, ARGV[at + 3])
    else
      read('ZREM', key, id)
    end
  end
end

if granted then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], 's', 'PX', watch)
end
return 1
`;

/** KEYS[1]: a slot. ARGV: lease (ms), ids. */
export const RENEW: string = `${COMMON}
read('ZCARD', KEYS[1])
for i = 2, #ARGV do
  redis.call('ZADD', KEYS[1], int(now + ARGV[1] * 1000), ARGV[i])
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
`;

/** KEYS[1]: a rate. ARGV: parts, least backlog. */
export const LOWER: string = `${COMMON}
local whole = rate(KEYS[1], tonumber(ARGV[1]))
local least = now + ARGV[2]
if least > whole then put_rate(KEYS[1], least, 0) end
return 1
`;
