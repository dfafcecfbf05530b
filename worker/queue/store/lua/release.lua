#!lua flags=allow-oom
-- Give a chunk back, to be claimed again. Also when the broker's memory is full.
--
-- KEYS  1 job hash, 2 chunk hash, 3 lease set, 4 event stream, 5.. notified set of each lane
-- ARGV  1 member (job:chunk), 2 fencing token of the holder; or "" for whoever it is, if its lease
--       is over, 3 chunk number, 4 why
-- Returns {lane, time in ms}. The lane is -1 when nothing was given back (it is not the token's, its
-- lease is live), -2 when it needs no notification (its job is cancelled or has expired).
local chunk = redis.call('HMGET', KEYS[2], 'state', 'token', 'lane', 'size')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[2] == '' then
  if tonumber(redis.call('ZSCORE', KEYS[3], ARGV[1]) or '0') > now then return {-1, now} end
elseif chunk[2] ~= ARGV[2] then
  return {-1, now}
end
redis.call('ZREM', KEYS[3], ARGV[1])
local cancel = redis.call('HGET', KEYS[1], 'cancel')
if not cancel or chunk[1] ~= 'running' then return {-2, now} end
redis.call('HSET', KEYS[2], 'state', 'queued')
redis.call('HDEL', KEYS[2], 'token', 'task', 'worker', 'since')
redis.call('HINCRBY', KEYS[1], 'running', -chunk[4])
redis.call('HINCRBY', KEYS[1], cancel == '' and 'queued' or 'cancelled', chunk[4])
redis.call('XADD', KEYS[4], 'NOMKSTREAM', 'MAXLEN', '~', 256, '*', 'what', 'released',
  'chunk', ARGV[3], 'why', ARGV[4])
if cancel ~= '' then return {-2, now} end
-- It has waited once: it takes the express lane of its priority now.
local lane = chunk[3] - chunk[3] % 2
redis.call('HSET', KEYS[2], 'lane', lane)
redis.call('ZADD', KEYS[5 + lane], now, ARGV[1])
redis.call('HINCRBY', KEYS[1], 'open', 1)
return {lane, now}
