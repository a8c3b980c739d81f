-- ARGV: list id, indices as packed little-endian uint32. Answers how many were accepted: all, or none.
-- @part/lists.lua@
local id, packed = unpack(ARGV)
local list_epoch, state, number, size = fields(id, 'epoch', 'state', 'number', 'size')
if list_epoch ~= epoch() or state == 'sealed' then
    return 0
end
local indices = unpack_all('I4', 1, 4, packed)
for _, index in ipairs(indices) do
    if index >= tonumber(size) then
        return redis.error_reply('SLINDEX index outside the list')
    end
end
for first = 1, #indices, OPS do
    redis.call('RPUSH', returned_key(id), unpack(indices, first, math.min(first + OPS - 1, #indices)))
end
if state == 'full' and #indices > 0 then
    redis.call('HSET', list_key(id), 'state', 'open')
    redis.call('ZADD', POOL .. 'open', number, id)
end
return #indices
