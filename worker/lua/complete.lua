-- Record a chunk's outcomes and results, once.
--
-- KEYS  1 job hash, 2 chunk hash, 3 lease set, 4.. one result key per computed result
-- ARGV  1 lease member (job:chunk), 2 fencing token, 3 outcomes (JSON), 4 articles done,
--       5 of these found by digest, 6 articles failed, 7 time to live of results in seconds,
--       8.. one result blob per result key
-- Returns 1, or 0 when the token is not the chunk's (a late result of a task that lost it).
if redis.call('HGET', KEYS[2], 'token') ~= ARGV[2] then return 0 end
-- An expired job must not come back as a few counters without a time to live.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
for at = 4, #KEYS do
  redis.call('SET', KEYS[at], ARGV[at + 4], 'EX', ARGV[7])
end
local size = tonumber(redis.call('HGET', KEYS[2], 'size'))
redis.call('HSET', KEYS[2], 'state', 'done', 'outcomes', ARGV[3])
redis.call('HDEL', KEYS[2], 'token', 'task')
redis.call('HINCRBY', KEYS[1], 'running', -size)
redis.call('HINCRBY', KEYS[1], 'done', ARGV[4])
redis.call('HINCRBY', KEYS[1], 'cached', ARGV[5])
redis.call('HINCRBY', KEYS[1], 'failed', ARGV[6])
redis.call('ZREM', KEYS[3], ARGV[1])
return 1
