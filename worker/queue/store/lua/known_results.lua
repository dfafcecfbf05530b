-- Report which results exist, and restart the time to live of each of them.
--
-- KEYS  result keys
-- ARGV  1 JSON: ttl_seconds
-- Returns 1 or 0 for each key.
local arg = cjson.decode(ARGV[1])
local exists = {}
for index, key in ipairs(KEYS) do
  exists[index] = redis.call('EXPIRE', key, arg.ttl_seconds)
end
return exists
