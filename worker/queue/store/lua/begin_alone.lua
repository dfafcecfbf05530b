#!lua flags=allow-oom
-- Record that an article is processed alone in this attempt. Allowed when the broker's memory is
-- full.
--
-- KEYS  1 chunk hash
-- ARGV  1 JSON: position (of the article), attempt (number)
-- Returns {number of attempts that processed the article alone, 1 if one of them exceeded the time
-- limit, else 0}. A repeated call in one attempt counts once: the first answer may have been lost.
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
