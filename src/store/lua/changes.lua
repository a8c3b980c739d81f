-- ARGV: since, limit.
local records = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', POOL .. 'changes', '(' .. ARGV[1], '+inf', 'LIMIT', 0, ARGV[2])) do
    records[#records + 1] = record(id)
end
return {tonumber(redis.call('HGET', KEYS[1], 'change') or 0), epoch(), records}
