-- Move ended articles of one chunk into a new chunk, so that they are processed again.
--
-- KEYS  1 job hash, 2 old chunk hash, 3 new chunk hash, 4 waiting list, 5 active set, 6 ids hash,
--       7 failed hash, 8 event stream
-- ARGV  1 JSON: job (id), chunk (number of the new one), size, lane, ttl_seconds, done (how many of
--         the articles were done; the others had failed), cached (how many of those were cached),
--         ids (in order), outcomes_before and outcomes_after (of the old chunk, JSON text)
--       2 articles of the new chunk (blob)
-- Returns 1 when the articles were moved; 0 when the job's number of chunks or the old chunk's
-- outcomes have changed, so that the caller must read them again; -1 when the job has expired, -2
-- when it was cancelled.
local arg = cjson.decode(ARGV[1])
local job = redis.call('HMGET', KEYS[1], 'cancel', 'chunks', 'created')
if not job[1] then return -1 end
if job[1] ~= '' then return -2 end
if tonumber(job[2]) ~= arg.chunk then return 0 end
if redis.call('HGET', KEYS[2], 'outcomes') ~= arg.outcomes_before then return 0 end
redis.call('HSET', KEYS[3], 'articles', ARGV[2], 'size', arg.size, 'lane', arg.lane,
  'attempts', 0, 'state', 'queued')
redis.call('EXPIRE', KEYS[3], arg.ttl_seconds)
redis.call('HSET', KEYS[2], 'outcomes', arg.outcomes_after)
for index, id in ipairs(arg.ids) do
  redis.call('HSET', KEYS[6], id, arg.chunk .. ':' .. (index - 1))
  redis.call('HDEL', KEYS[7], id)
end
redis.call('HINCRBY', KEYS[1], 'chunks', 1)
-- 0 - n, not -n: Redis 7.0 does not accept Lua's -0 as an integer.
redis.call('HINCRBY', KEYS[1], 'done', 0 - arg.done)
redis.call('HINCRBY', KEYS[1], 'cached', 0 - arg.cached)
redis.call('HINCRBY', KEYS[1], 'failed', arg.done - arg.size)
redis.call('HINCRBY', KEYS[1], 'queued', arg.size)
redis.call('RPUSH', KEYS[4], arg.chunk .. ':' .. arg.lane)
redis.call('EXPIRE', KEYS[4], arg.ttl_seconds)
redis.call('ZADD', KEYS[5], job[3], arg.job)
redis.call('XADD', KEYS[8], 'NOMKSTREAM', 'MAXLEN', '~', 256, '*', 'what', 'retried',
  'chunk', arg.chunk, 'articles', arg.size)
return 1
