-- Take a chunk for one task.
--
-- KEYS  1 job hash, 2 chunk hash, 3 lease set, 4 event stream, 5.. notified set of each lane
-- ARGV  1 member (job:chunk), 2 task id, 3 fencing token, 4 lease in milliseconds,
--       5 "1" when this very task was retried (its former holder is gone), else "0",
--       6 worker, 7 chunk number
-- Returns {verdict, attempts, profile, articles, last stage}: verdict is claimed, gone (no such
-- job or chunk), done, cancelled, or held (another task has a live lease). Only claimed has the
-- rest. A claim that is repeated with its own token is claimed again, and not counted twice: its
-- answer was lost on the way.
local chunk = redis.call('HMGET', KEYS[2], 'state', 'token', 'task', 'lane', 'size')
local state, lane = chunk[1], tonumber(chunk[4] or '0')
local function drop_pending()
  if redis.call('ZREM', KEYS[5 + lane], ARGV[1]) == 1 and redis.call('EXISTS', KEYS[1]) == 1 then
    redis.call('HINCRBY', KEYS[1], 'open', -1)
  end
end
local function drop(verdict)
  drop_pending()
  return {verdict, 0}
end
local job = redis.call('HMGET', KEYS[1], 'cancel', 'profile')
if not state or not job[2] then return drop('gone') end
if state == 'done' then return drop('done') end
if job[1] ~= '' and state == 'queued' then return drop('cancelled') end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local again = state == 'running' and chunk[2] == ARGV[3]
if state == 'running' and not again then
  local lease = tonumber(redis.call('ZSCORE', KEYS[3], ARGV[1]) or '0')
  local mine = chunk[3] == ARGV[2] and ARGV[5] == '1'
  if lease > now and not mine then return {'held', 0} end
end

-- The first write is one that a full broker refuses, so that it refuses all of them.
local last = redis.call('HGET', KEYS[2], 'stage') or ''
redis.call('HSET', KEYS[2], 'state', 'running', 'task', ARGV[2], 'token', ARGV[3],
  'worker', ARGV[6], 'since', now)
redis.call('ZADD', KEYS[3], now + tonumber(ARGV[4]), ARGV[1])
if state == 'queued' then
  redis.call('HINCRBY', KEYS[1], 'queued', -chunk[5])
  redis.call('HINCRBY', KEYS[1], 'running', chunk[5])
  drop_pending()
end
local attempts = redis.call('HINCRBY', KEYS[2], 'attempts', again and 0 or 1)
redis.call('XADD', KEYS[4], 'NOMKSTREAM', 'MAXLEN', '~', 256, '*', 'what', 'claimed',
  'chunk', ARGV[7], 'worker', ARGV[6], 'articles', chunk[5], 'attempts', attempts)
return {'claimed', attempts, job[2], redis.call('HGET', KEYS[2], 'articles'), last}
