-- ARGV: since, limit. Answers {number of the last change, epoch, records of the lists that changed after `since`}.
-- @part/lists.lua@
local since, limit = unpack(ARGV)
local records = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', POOL .. 'changes', '(' .. since, '+inf', 'LIMIT', 0, limit)) do
    records[#records + 1] = record(id)
end
return {tonumber(pool_fields('change') or 0), epoch(), records}
