-- Become or remain the leading reconciler.
--
-- KEYS  1 leader
-- ARGV  1 JSON: name (of the reconciler), lead_ms (how long it leads)
-- Returns 1 if the reconciler leads, else 0.
local arg = cjson.decode(ARGV[1])
local leader = redis.call('GET', KEYS[1])
if leader and leader ~= arg.name then return 0 end
redis.call('SET', KEYS[1], arg.name, 'PX', arg.lead_ms)
return 1
