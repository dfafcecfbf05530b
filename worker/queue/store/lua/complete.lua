#!lua flags=allow-oom
-- Record a chunk's outcomes and results, once. Also when the broker's memory is full: a full
-- broker grants no claims, so no more than what is in hand comes on top.
--
-- KEYS  1 job hash, 2 chunk hash, 3 lease set, 4 event stream, 5 failed hash, 6 stats hash,
--       7 reasons hash, 8.. one result key per computed result
-- ARGV  1 member (job:chunk), 2 fencing token, 3 outcomes (JSON), 4 time to live in seconds,
--       5 counts by state, and of "cached" (JSON object), 6 dead letters (JSON object, article id
--       to letter), 7 additions to the stats (JSON object), 8 event (JSON list of fields and
--       values), 9 additions to the reasons (JSON object), 10.. one result blob per result key
-- Returns 1, or 0 when the token is not the chunk's (a late result of a task that lost it).
if redis.call('HGET', KEYS[2], 'token') ~= ARGV[2] then return 0 end
-- An expired job must not come back as a few counters without a time to live.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
for at = 8, #KEYS do
  redis.call('SET', KEYS[at], ARGV[at + 2], 'EX', ARGV[4])
end
local size = redis.call('HGET', KEYS[2], 'size')
redis.call('HSET', KEYS[2], 'state', 'done', 'outcomes', ARGV[3])
redis.call('HDEL', KEYS[2], 'token', 'task', 'worker', 'since', 'stage')
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('HINCRBY', KEYS[1], 'running', -size)
for state, count in pairs(cjson.decode(ARGV[5])) do
  redis.call('HINCRBY', KEYS[1], state, count)
end
local letters = cjson.decode(ARGV[6])
if next(letters) then
  for id, letter in pairs(letters) do redis.call('HSET', KEYS[5], id, letter) end
  redis.call('EXPIRE', KEYS[5], ARGV[4])
end
for field, amount in pairs(cjson.decode(ARGV[7])) do
  redis.call('HINCRBYFLOAT', KEYS[6], field, amount)
end
local reasons = cjson.decode(ARGV[9])
if next(reasons) then
  for field, amount in pairs(reasons) do redis.call('HINCRBY', KEYS[7], field, amount) end
  redis.call('EXPIRE', KEYS[7], ARGV[4])
end
redis.call('XADD', KEYS[4], 'NOMKSTREAM', 'MAXLEN', '~', 256, '*', unpack(cjson.decode(ARGV[8])))
return 1
