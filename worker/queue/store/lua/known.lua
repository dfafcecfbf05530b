-- Which results are there; those that are live on for a full term.
--
-- KEYS  result keys
-- ARGV  1 time to live in seconds
-- Returns 1 or 0 for each key.
local found = {}
for at, key in ipairs(KEYS) do found[at] = redis.call('EXPIRE', key, ARGV[1]) end
return found
