-- Take a chunk for one task.
--
-- KEYS  1 job hash, 2 chunk hash, 3 lease set
-- ARGV  1 lease member (job:chunk), 2 task id, 3 fencing token, 4 lease in milliseconds,
--       5 "1" when this very message came back (retried or redelivered), else "0"
-- Returns {verdict, attempts}: verdict is claimed, gone (no such job or chunk), done, cancelled,
-- or held (another task has a live lease).
local state = redis.call('HGET', KEYS[2], 'state')
if not state or redis.call('EXISTS', KEYS[1]) == 0 then return {'gone', 0} end
if state == 'done' then return {'done', 0} end
if redis.call('HGET', KEYS[1], 'cancel') == '1' then return {'cancelled', 0} end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease = tonumber(redis.call('ZSCORE', KEYS[3], ARGV[1]) or '0')
local mine = redis.call('HGET', KEYS[2], 'task') == ARGV[2] and ARGV[5] == '1'
if state == 'running' and lease > now and not mine then return {'held', 0} end

if state == 'queued' then
  local size = tonumber(redis.call('HGET', KEYS[2], 'size'))
  redis.call('HINCRBY', KEYS[1], 'queued', -size)
  redis.call('HINCRBY', KEYS[1], 'running', size)
end
local attempts = redis.call('HINCRBY', KEYS[2], 'attempts', 1)
redis.call('HSET', KEYS[2], 'state', 'running', 'task', ARGV[2], 'token', ARGV[3])
redis.call('ZADD', KEYS[3], now + tonumber(ARGV[4]), ARGV[1])
return {'claimed', attempts}
