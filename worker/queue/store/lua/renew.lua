#!lua flags=allow-oom
-- Prolong a lease, and learn whether to go on. Also when the broker's memory is full.
--
-- KEYS  1 job hash, 2 chunk hash, 3 lease set, 4 Celery's set of messages in hand
-- ARGV  1 member (job:chunk), 2 fencing token, 3 lease in milliseconds, 4 stage that begins, or "",
--       5 delivery tag of the message: Celery's patience with it begins anew
-- Returns "lost" when the token is no longer the chunk's, "cancelled" when the job is taken back,
-- else "held".
if redis.call('HGET', KEYS[2], 'token') ~= ARGV[2] then return 'lost' end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[3], 'XX', now + tonumber(ARGV[3]), ARGV[1])
redis.call('ZADD', KEYS[4], 'XX', time[1], ARGV[5])
if ARGV[4] ~= '' then redis.call('HSET', KEYS[2], 'stage', ARGV[4]) end
local cancel = redis.call('HGET', KEYS[1], 'cancel')
if not cancel then return 'lost' end
return cancel == '' and 'held' or 'cancelled'
