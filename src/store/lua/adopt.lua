-- ARGV: mark. Gives the open lists of other epochs the present one, unless Redis is behind the mark.
if tonumber(redis.call('HGET', KEYS[1], 'taken') or 0) < tonumber(ARGV[1]) then
    return -1
end
local now, adopted = epoch(), 0
for _, id in ipairs(redis.call('ZRANGE', POOL .. 'open', 0, -1)) do
    if redis.call('HGET', list_key(id), 'epoch') ~= now then
        redis.call('HSET', list_key(id), 'epoch', now)
        adopted = adopted + 1
    end
end
return adopted
