#!lua flags=allow-oom
-- Renew a lease, and report whether to continue. Allowed when the broker's memory is full.
--
-- KEYS  1 job hash, 2 chunk hash, 3 lease set, 4 Celery's set of unacknowledged messages
-- ARGV  1 JSON: member (job:chunk), token (fencing token), lease_ms, stage (the stage that
--         begins, or ""), delivery (tag of the message, whose visibility timeout is renewed too)
-- Returns "lost" when the token is no longer the chunk's or the job is gone, "cancelled" when the
-- job is cancelled, else "held".
local arg = cjson.decode(ARGV[1])
if redis.call('HGET', KEYS[2], 'token') ~= arg.token then return 'lost' end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[3], 'XX', now + arg.lease_ms, arg.member)
redis.call('ZADD', KEYS[4], 'XX', time[1], arg.delivery)
if arg.stage ~= '' then redis.call('HSET', KEYS[2], 'stage', arg.stage) end
local cancel = redis.call('HGET', KEYS[1], 'cancel')
if not cancel then return 'lost' end
return cancel == '' and 'held' or 'cancelled'
