-- Become, or stay, the one reconciler.
--
-- KEYS  1 leader
-- ARGV  1 name, 2 milliseconds it leads for
-- Returns 1 when it leads, else 0.
local leader = redis.call('GET', KEYS[1])
if leader and leader ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
