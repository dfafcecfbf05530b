#!lua flags=allow-oom
-- Take a job back: what waits is cancelled now, what runs at its next micro-batch.
--
-- KEYS  1 job hash, 2 waiting list, 3 active set, 4 deadline set, 5 event stream
-- ARGV  1 job id, 2 why (a reason code)
-- Returns how many articles were cancelled; -1 when there is no such job, -2 when it was cancelled
-- before, -3 when it is finished.
local job = redis.call('HMGET', KEYS[1], 'cancel', 'queued', 'running', 'closed')
redis.call('ZREM', KEYS[4], ARGV[1])
if not job[1] then return -1 end
if job[1] ~= '' then return -2 end
local left = job[2] + job[3]
if left == 0 and job[4] == '1' then return -3 end
redis.call('HSET', KEYS[1], 'cancel', ARGV[2], 'queued', 0)
redis.call('HINCRBY', KEYS[1], 'cancelled', job[2])
redis.call('DEL', KEYS[2])
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('XADD', KEYS[5], 'NOMKSTREAM', 'MAXLEN', '~', 256, '*', 'what', 'cancelled',
  'articles', job[2], 'why', ARGV[2])
return tonumber(job[2])
