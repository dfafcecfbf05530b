-- Take the next chunks of a job off its waiting list, as many as its window has room for.
--
-- The window limits a job's pending notifications (sent, but not yet answered by a claim), so that
-- neither the broker's memory nor the wait of another job's chunks depends on the job's size.
--
-- KEYS  1 job hash, 2 waiting list, 3 active set, 4 worker set, 5.. notified set of each lane
-- ARGV  1 JSON: job (id), least_window, window_per_worker (chunks per live worker), live_ms (how
--         long a worker counts as live), only (how many to take regardless of the window; 0:
--         as many as the window has room for)
-- Returns {time in ms, chunk:lane, …}: the chunks to send messages for.
local arg = cjson.decode(ARGV[1])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local pending = redis.call('HGET', KEYS[1], 'open')
if not pending then
  redis.call('ZREM', KEYS[3], arg.job)
  return {now}
end
local workers = redis.call('ZCOUNT', KEYS[4], now - arg.live_ms, '+inf')
local room = arg.only
if room == 0 then room = math.max(arg.least_window, workers * arg.window_per_worker) - pending end
local notified = {now}
while room > 0 do
  local entry = redis.call('LPOP', KEYS[2])
  if not entry then
    redis.call('ZREM', KEYS[3], arg.job)
    break
  end
  local chunk, lane = string.match(entry, '(%d+):(%d+)')
  redis.call('ZADD', KEYS[5 + lane], now, arg.job .. ':' .. chunk)
  notified[#notified + 1] = entry
  room = room - 1
end
if #notified > 1 then redis.call('HINCRBY', KEYS[1], 'open', #notified - 1) end
return notified
