#!lua flags=allow-oom
-- Note that an article is worked on alone in this attempt. Allowed when the broker is full.
--
-- KEYS  1 chunk hash
-- ARGV  1 JSON: position (of the article), attempt (number)
-- Returns {attempts that worked on the article alone, 1 if one of them went over the time limit}.
-- A repeated call in one attempt counts once: its first answer may have been lost.
local arg = cjson.decode(ARGV[1])
local field = 'alone:' .. arg.position
local attempts = redis.call('HGET', KEYS[1], field) or ''
local mark = ',' .. arg.attempt
if string.sub(attempts, -#mark) ~= mark then
  attempts = attempts .. mark
  redis.call('HSET', KEYS[1], field, attempts)
end
local _, count = string.gsub(attempts, ',', '')
return {count, redis.call('HEXISTS', KEYS[1], 'slow:' .. arg.position)}
