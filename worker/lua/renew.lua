-- Prolong a lease.
--
-- KEYS  1 chunk hash, 2 lease set
-- ARGV  1 lease member (job:chunk), 2 fencing token, 3 lease in milliseconds
-- Returns 1, or 0 when the token is no longer the chunk's: another task has it.
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[2] then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[2], 'XX', now + tonumber(ARGV[3]), ARGV[1])
return 1
