#!lua flags=allow-oom
-- Cancel a job: waiting articles immediately, running ones at their next micro-batch.
--
-- KEYS  1 job hash, 2 waiting list, 3 active set, 4 deadline set, 5 event stream
-- ARGV  1 JSON: job (id), why (reason code)
-- Returns the number of articles cancelled immediately; -1 when there is no such job, -2 when it
-- was cancelled before, -3 when it is finished.
local arg = cjson.decode(ARGV[1])
local job = redis.call('HMGET', KEYS[1], 'cancel', 'queued', 'running', 'closed')
redis.call('ZREM', KEYS[4], arg.job)
if not job[1] then return -1 end
if job[1] ~= '' then return -2 end
local left = job[2] + job[3]
if left == 0 and job[4] == '1' then return -3 end
redis.call('HSET', KEYS[1], 'cancel', arg.why, 'queued', 0)
redis.call('HINCRBY', KEYS[1], 'cancelled', job[2])
redis.call('DEL', KEYS[2])
redis.call('ZREM', KEYS[3], arg.job)
redis.call('XADD', KEYS[5], 'NOMKSTREAM', 'MAXLEN', '~', 256, '*', 'what', 'cancelled',
  'articles', job[2], 'why', arg.why)
return tonumber(job[2])
