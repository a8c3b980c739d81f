-- ARGV: mark. Gives the open lists of other epochs the present epoch. Answers how many, or -1 when Redis is behind the mark.
-- @part/lists.lua@
local mark = unpack(ARGV)
if tonumber(pool_fields('taken') or 0) < tonumber(mark) then
    return -1
end
local now, adopted = epoch(), 0
for _, id in ipairs(redis.call('ZRANGE', POOL .. 'open', 0, -1)) do
    if fields(id, 'epoch') ~= now then
        redis.call('HSET', list_key(id), 'epoch', now)
        adopted = adopted + 1
    end
end
return adopted
