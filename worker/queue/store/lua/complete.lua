#!lua flags=allow-oom
-- Record a chunk's outcomes and results, once. Allowed when the broker's memory is full: a full
-- broker grants no claims, so only the results of chunks that are already claimed are added.
--
-- KEYS  1 job hash, 2 chunk hash, 3 lease set, 4 event stream, 5 failed hash, 6 stats hash,
--       7 reasons hash, 8.. one result key per computed result
-- ARGV  1 JSON: member (job:chunk), token (fencing token), outcomes (JSON text), ttl_seconds,
--         counts (object: state or "cached" to number), letters (object: article id to dead
--         letter), stats and reasons (objects: field to amount to add), event (list of fields and
--         values)
--       2.. one result per result key (blob)
-- Returns 1 when the chunk was recorded; 0 when the token is not the chunk's (a late result from a
-- task that lost it) or the job has expired.
local arg = cjson.decode(ARGV[1])
if redis.call('HGET', KEYS[2], 'token') ~= arg.token then return 0 end
-- An expired job must not come back as a few counters without a time to live.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
for index = 8, #KEYS do
  redis.call('SET', KEYS[index], ARGV[index - 6], 'EX', arg.ttl_seconds)
end
local size = redis.call('HGET', KEYS[2], 'size')
redis.call('HSET', KEYS[2], 'state', 'done', 'outcomes', arg.outcomes)
redis.call('HDEL', KEYS[2], 'token', 'task', 'worker', 'since', 'stage')
redis.call('ZREM', KEYS[3], arg.member)
redis.call('HINCRBY', KEYS[1], 'running', -size)
for state, count in pairs(arg.counts) do
  redis.call('HINCRBY', KEYS[1], state, count)
end
if next(arg.letters) then
  for id, letter in pairs(arg.letters) do redis.call('HSET', KEYS[5], id, letter) end
  redis.call('EXPIRE', KEYS[5], arg.ttl_seconds)
end
for field, amount in pairs(arg.stats) do
  redis.call('HINCRBYFLOAT', KEYS[6], field, amount)
end
if next(arg.reasons) then
  for field, amount in pairs(arg.reasons) do redis.call('HINCRBY', KEYS[7], field, amount) end
  redis.call('EXPIRE', KEYS[7], arg.ttl_seconds)
end
redis.call('XADD', KEYS[4], 'NOMKSTREAM', 'MAXLEN', '~', 256, '*', unpack(arg.event))
return 1
