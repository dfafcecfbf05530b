#!lua flags=allow-oom
-- Note that an article is worked on alone in this attempt. Also when the broker's memory is full.
--
-- KEYS  1 chunk hash
-- ARGV  1 position of the article, 2 number of the attempt
-- Returns {how many attempts have worked on it alone, 1 if one of them went over the time limit}.
-- Said twice in one attempt it is counted once: the first answer was lost on the way.
local field = 'alone:' .. ARGV[1]
local said = redis.call('HGET', KEYS[1], field) or ''
local mark = ',' .. ARGV[2]
if string.sub(said, -#mark) ~= mark then
  said = said .. mark
  redis.call('HSET', KEYS[1], field, said)
end
local _, count = string.gsub(said, ',', '')
return {count, redis.call('HEXISTS', KEYS[1], 'slow:' .. ARGV[1])}
