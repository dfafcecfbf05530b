-- Take the next chunks of a job out of its waiting list, as many as its window has room for.
--
-- A job has at most a window of pending notifications (sent, and not answered by a claim) at a time,
-- so that neither the broker's memory nor the wait of another job's chunks depends on its size.
--
-- KEYS  1 job hash, 2 waiting list, 3 active set, 4 worker set, 5.. notified set of each lane
-- ARGV  1 job id, 2 least window, 3 chunks per live worker, 4 milliseconds a worker counts as live,
--       5 how many to take, whatever the window; 0: what it has room for
-- Returns {stamp, chunk:lane, …}: what to send a message for; the stamp is the time in ms.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local open = redis.call('HGET', KEYS[1], 'open')
if not open then
  redis.call('ZREM', KEYS[3], ARGV[1])
  return {now}
end
local workers = redis.call('ZCOUNT', KEYS[4], now - ARGV[4], '+inf')
local room = tonumber(ARGV[5])
if room == 0 then room = math.max(tonumber(ARGV[2]), workers * ARGV[3]) - open end
local notified = {now}
while room > 0 do
  local next = redis.call('LPOP', KEYS[2])
  if not next then
    redis.call('ZREM', KEYS[3], ARGV[1])
    break
  end
  local chunk, lane = string.match(next, '(%d+):(%d+)')
  redis.call('ZADD', KEYS[5 + lane], now, ARGV[1] .. ':' .. chunk)
  notified[#notified + 1] = next
  room = room - 1
end
if #notified > 1 then redis.call('HINCRBY', KEYS[1], 'open', #notified - 1) end
return notified
