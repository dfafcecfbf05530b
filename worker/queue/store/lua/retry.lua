-- Move articles of one chunk that have ended into a new chunk, to be worked on again.
--
-- KEYS  1 job hash, 2 old chunk hash, 3 new chunk hash, 4 waiting list, 5 active set, 6 ids hash,
--       7 failed hash, 8 event stream
-- ARGV  1 job id, 2 number of the new chunk, 3 its articles (blob), 4 its size, 5 its lane,
--       6 time to live in seconds, 7 how many of them were done (the others had failed),
--       8 how many of these were cached, 9 article ids (JSON list, in order), 10 the old chunk's
--       outcomes as they were read, 11 as they become
-- Returns 1; 0 when the job has another number of chunks by now, or the old chunk other outcomes:
-- read again; -1 when the job has expired, -2 when it was cancelled.
local job = redis.call('HMGET', KEYS[1], 'cancel', 'chunks', 'created')
if not job[1] then return -1 end
if job[1] ~= '' then return -2 end
if job[2] ~= ARGV[2] or redis.call('HGET', KEYS[2], 'outcomes') ~= ARGV[10] then return 0 end
redis.call('HSET', KEYS[3], 'articles', ARGV[3], 'size', ARGV[4], 'lane', ARGV[5],
  'attempts', 0, 'state', 'queued')
redis.call('EXPIRE', KEYS[3], ARGV[6])
redis.call('HSET', KEYS[2], 'outcomes', ARGV[11])
for at, id in ipairs(cjson.decode(ARGV[9])) do
  redis.call('HSET', KEYS[6], id, ARGV[2] .. ':' .. (at - 1))
  redis.call('HDEL', KEYS[7], id)
end
redis.call('HINCRBY', KEYS[1], 'chunks', 1)
-- 0 - n, not -n: Redis 7.0 takes Lua's -0 for no integer.
redis.call('HINCRBY', KEYS[1], 'done', 0 - ARGV[7])
redis.call('HINCRBY', KEYS[1], 'cached', 0 - ARGV[8])
redis.call('HINCRBY', KEYS[1], 'failed', ARGV[7] - ARGV[4])
redis.call('HINCRBY', KEYS[1], 'queued', ARGV[4])
redis.call('RPUSH', KEYS[4], ARGV[2] .. ':' .. ARGV[5])
redis.call('EXPIRE', KEYS[4], ARGV[6])
redis.call('ZADD', KEYS[5], job[3], ARGV[1])
redis.call('XADD', KEYS[8], 'NOMKSTREAM', 'MAXLEN', '~', 256, '*', 'what', 'retried',
  'chunk', ARGV[2], 'articles', ARGV[4])
return 1
