-- Claim a chunk for one task.
--
-- KEYS  1 job hash, 2 chunk hash, 3 lease set, 4 event stream, 5.. notified set of each lane
-- ARGV  1 JSON: member (job:chunk), task (id), token (fencing token), lease_ms, retried (true if
--         Celery is retrying this very task, so that its former holder is gone), worker,
--         chunk (number)
-- Returns {answer, attempts, profile, articles, last stage}. The answer is claimed, gone (no such
-- job or chunk), done, cancelled, or held (another task has a live lease); only claimed comes
-- with the other values. A claim repeated with its own token succeeds again and counts once: its
-- first answer may have been lost.
local arg = cjson.decode(ARGV[1])
local chunk = redis.call('HMGET', KEYS[2], 'state', 'token', 'task', 'lane', 'size')
local state, lane = chunk[1], tonumber(chunk[4] or '0')
local function answer_notification()
  local was_pending = redis.call('ZREM', KEYS[5 + lane], arg.member) == 1
  if was_pending and redis.call('EXISTS', KEYS[1]) == 1 then
    redis.call('HINCRBY', KEYS[1], 'open', -1)
  end
end
local function refuse(answer)
  answer_notification()
  return {answer, 0}
end
local job = redis.call('HMGET', KEYS[1], 'cancel', 'profile')
if not state or not job[2] then return refuse('gone') end
if state == 'done' then return refuse('done') end
if job[1] ~= '' and state == 'queued' then return refuse('cancelled') end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local repeated = state == 'running' and chunk[2] == arg.token
if state == 'running' and not repeated then
  local lease_end = tonumber(redis.call('ZSCORE', KEYS[3], arg.member) or '0')
  local takes_over = chunk[3] == arg.task and arg.retried
  if lease_end > now and not takes_over then return {'held', 0} end
end

-- A full broker refuses this first write, so nothing is written.
local last_stage = redis.call('HGET', KEYS[2], 'stage') or ''
redis.call('HSET', KEYS[2], 'state', 'running', 'task', arg.task, 'token', arg.token,
  'worker', arg.worker, 'since', now)
redis.call('ZADD', KEYS[3], now + arg.lease_ms, arg.member)
if state == 'queued' then
  redis.call('HINCRBY', KEYS[1], 'queued', -chunk[5])
  redis.call('HINCRBY', KEYS[1], 'running', chunk[5])
  answer_notification()
end
local attempts = redis.call('HINCRBY', KEYS[2], 'attempts', repeated and 0 or 1)
redis.call('XADD', KEYS[4], 'NOMKSTREAM', 'MAXLEN', '~', 256, '*', 'what', 'claimed',
  'chunk', arg.chunk, 'worker', arg.worker, 'articles', chunk[5], 'attempts', attempts)
return {'claimed', attempts, job[2], redis.call('HGET', KEYS[2], 'articles'), last_stage}
