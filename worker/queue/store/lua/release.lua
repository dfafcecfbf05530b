#!lua flags=allow-oom
-- Release a chunk, so that it can be claimed again. Allowed when the broker's memory is full.
--
-- KEYS  1 job hash, 2 chunk hash, 3 lease set, 4 event stream, 5.. notified set of each lane
-- ARGV  1 JSON: member (job:chunk), token (fencing token of the holder; "" for any holder whose
--         lease has expired), chunk (number), why
-- Returns {lane, time in ms}. The lane is -1 when nothing was released (the token is not the
-- chunk's, or its lease is live), -2 when no notification is needed (the job is cancelled or gone,
-- or the chunk is not running).
local arg = cjson.decode(ARGV[1])
local chunk = redis.call('HMGET', KEYS[2], 'state', 'token', 'lane', 'size')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if arg.token == '' then
  if tonumber(redis.call('ZSCORE', KEYS[3], arg.member) or '0') > now then return {-1, now} end
elseif chunk[2] ~= arg.token then
  return {-1, now}
end
redis.call('ZREM', KEYS[3], arg.member)
local cancel = redis.call('HGET', KEYS[1], 'cancel')
if not cancel or chunk[1] ~= 'running' then return {-2, now} end
redis.call('HSET', KEYS[2], 'state', 'queued')
redis.call('HDEL', KEYS[2], 'token', 'task', 'worker', 'since')
redis.call('HINCRBY', KEYS[1], 'running', -chunk[4])
redis.call('HINCRBY', KEYS[1], cancel == '' and 'queued' or 'cancelled', chunk[4])
redis.call('XADD', KEYS[4], 'NOMKSTREAM', 'MAXLEN', '~', 256, '*', 'what', 'released',
  'chunk', arg.chunk, 'why', arg.why)
if cancel ~= '' then return {-2, now} end
-- The chunk has waited once already, so it now takes the express lane of its priority.
local lane = chunk[3] - chunk[3] % 2
redis.call('HSET', KEYS[2], 'lane', lane)
redis.call('ZADD', KEYS[5 + lane], now, arg.member)
redis.call('HINCRBY', KEYS[1], 'open', 1)
return {lane, now}
