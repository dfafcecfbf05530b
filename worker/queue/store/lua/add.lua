-- Accept chunks into a job, all or none.
--
-- KEYS  1 job hash, 2 ids hash, 3 waiting list, 4 active set, 5.. one chunk hash per chunk
-- ARGV  1 JSON: job (id), first (number of the first chunk), ttl_seconds, chunks (list of lane,
--         size, ids in order, outcomes: JSON text if the chunk is cached and done at once, else "")
--       2.. articles of each chunk (blob)
-- Returns 1 when the chunks were added; 0 when another client has added chunks or one of the ids in
-- the meantime; -1 when the job has expired; -2 when it was cancelled.
local arg = cjson.decode(ARGV[1])
local job = redis.call('HMGET', KEYS[1], 'cancel', 'chunks', 'created')
if not job[1] then return -1 end
if job[1] ~= '' then return -2 end
if tonumber(job[2]) ~= arg.first then return 0 end
for _, chunk in ipairs(arg.chunks) do
  for _, place in ipairs(redis.call('HMGET', KEYS[2], unpack(chunk.ids))) do
    if place then return 0 end
  end
end
local queued, cached = 0, 0
for index, chunk in ipairs(arg.chunks) do
  local key, number = KEYS[4 + index], arg.first + index - 1
  local state = chunk.outcomes == '' and 'queued' or 'done'
  redis.call('HSET', key, 'articles', ARGV[1 + index], 'size', chunk.size, 'lane', chunk.lane,
    'attempts', 0, 'state', state)
  redis.call('EXPIRE', key, arg.ttl_seconds)
  for position, id in ipairs(chunk.ids) do
    redis.call('HSET', KEYS[2], id, number .. ':' .. (position - 1))
  end
  if state == 'done' then
    redis.call('HSET', key, 'outcomes', chunk.outcomes)
    cached = cached + chunk.size
  else
    redis.call('RPUSH', KEYS[3], number .. ':' .. chunk.lane)
    queued = queued + chunk.size
  end
end
redis.call('EXPIRE', KEYS[2], arg.ttl_seconds)
if queued > 0 then
  redis.call('EXPIRE', KEYS[3], arg.ttl_seconds)
  redis.call('ZADD', KEYS[4], job[3], arg.job)
end
redis.call('HINCRBY', KEYS[1], 'chunks', #arg.chunks)
redis.call('HINCRBY', KEYS[1], 'total', queued + cached)
redis.call('HINCRBY', KEYS[1], 'queued', queued)
redis.call('HINCRBY', KEYS[1], 'done', cached)
redis.call('HINCRBY', KEYS[1], 'cached', cached)
return 1
