/**
 * Each is one step on one slot. Leases, fences and counters are hashes, so that `keys` (which looks for strings) lists values only.
 * Numbers in Lua are doubles: fences are microseconds, below 2^53 until the year 2255.
 */

/** KEYS: value, fence. ARGV: value, fence number. 1 when it was published. */
export const PUBLISH = `
local published = tonumber(redis.call('HGET', KEYS[2], 'fence') or '0')
if published > tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[2], 'fence', ARGV[2])
redis.call('SET', KEYS[1], ARGV[1])
return 1`;

/**
 * KEYS: lease. ARGV: owner, milliseconds. The fence, or an empty text when another owner holds it. Sent twice (the connection broke before
 * the answer came) it gives the same fence. The server's clock keeps fences growing even when the store was emptied.
 */
export const LEASE = `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local held = redis.call('HMGET', KEYS[1], 'owner', 'until', 'fence')
if held[2] and tonumber(held[2]) > now then
  if held[1] == ARGV[1] then return held[3] end
  return ''
end
local fence = math.max(tonumber(held[3] or '0') + 1, tonumber(time[1]) * 1000000 + tonumber(time[2]))
local text = string.format('%.0f', fence)
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'until', string.format('%.0f', now + tonumber(ARGV[2])), 'fence', text)
redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[2]) + 2592000000)
return text`;

/** KEYS: lease. ARGV: owner, milliseconds (0 gives it back). 1 while it is held. */
export const RENEW = `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local held = redis.call('HMGET', KEYS[1], 'owner', 'until')
if held[1] ~= ARGV[1] or tonumber(held[2]) <= now then return 0 end
redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + tonumber(ARGV[2])))
redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[2]) + 2592000000)
return 1`;

/** KEYS: counter. ARGV: milliseconds that it lives from its first count. */
export const INCREMENT = `
local count = redis.call('HINCRBY', KEYS[1], 'count', 1)
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return count`;
