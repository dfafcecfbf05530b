-- Give a claimed chunk back, to be claimed again.
--
-- KEYS  1 job hash, 2 chunk hash, 3 lease set
-- ARGV  1 lease member (job:chunk), 2 fencing token
-- Returns 1, or 0 when the token is not the chunk's.
if redis.call('HGET', KEYS[2], 'token') ~= ARGV[2] then return 0 end
-- An expired job must not come back as a few counters without a time to live.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local size = tonumber(redis.call('HGET', KEYS[2], 'size'))
redis.call('HSET', KEYS[2], 'state', 'queued')
redis.call('HDEL', KEYS[2], 'token', 'task')
redis.call('HINCRBY', KEYS[1], 'running', -size)
redis.call('HINCRBY', KEYS[1], 'queued', size)
redis.call('ZREM', KEYS[3], ARGV[1])
return 1
