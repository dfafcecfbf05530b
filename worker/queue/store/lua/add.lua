-- Accept chunks into a job, all or none.
--
-- KEYS  1 job hash, 2 ids hash, 3 waiting list, 4 active set, 5.. one chunk hash per chunk
-- ARGV  1 job id, 2 number of the first chunk, 3 time to live in seconds, then for each chunk five:
--       lane, articles (blob), size, article ids (JSON list, in order), outcomes (JSON) where its
--       results are known and it is done at once, else ""
-- Returns 1; 0 when the job has another number of chunks by now, or one of the ids (somebody else
-- submits to it too); -1 when it has expired, -2 when it was cancelled.
local job = redis.call('HMGET', KEYS[1], 'cancel', 'chunks', 'created')
if not job[1] then return -1 end
if job[1] ~= '' then return -2 end
if job[2] ~= ARGV[2] then return 0 end
local chunk_ids = {}
for at = 5, #KEYS do
  chunk_ids[at] = cjson.decode(ARGV[5 * at - 18])
  for _, place in ipairs(redis.call('HMGET', KEYS[2], unpack(chunk_ids[at]))) do
    if place then return 0 end
  end
end
local queued, known = 0, 0
for at = 5, #KEYS do
  local number = ARGV[2] + at - 5
  local lane, articles, size, _, outcomes = unpack(ARGV, 5 * at - 21, 5 * at - 17)
  local state = outcomes == '' and 'queued' or 'done'
  redis.call('HSET', KEYS[at], 'articles', articles, 'size', size, 'lane', lane,
    'attempts', 0, 'state', state)
  redis.call('EXPIRE', KEYS[at], ARGV[3])
  for position, id in ipairs(chunk_ids[at]) do
    redis.call('HSET', KEYS[2], id, number .. ':' .. (position - 1))
  end
  if state == 'done' then
    redis.call('HSET', KEYS[at], 'outcomes', outcomes)
    known = known + size
  else
    redis.call('RPUSH', KEYS[3], number .. ':' .. lane)
    queued = queued + size
  end
end
redis.call('EXPIRE', KEYS[2], ARGV[3])
if queued > 0 then
  redis.call('EXPIRE', KEYS[3], ARGV[3])
  redis.call('ZADD', KEYS[4], job[3], ARGV[1])
end
redis.call('HINCRBY', KEYS[1], 'chunks', #KEYS - 4)
redis.call('HINCRBY', KEYS[1], 'total', queued + known)
redis.call('HINCRBY', KEYS[1], 'queued', queued)
redis.call('HINCRBY', KEYS[1], 'done', known)
redis.call('HINCRBY', KEYS[1], 'cached', known)
return 1
