-- ARGV: run, list id, position, indices as packed little-endian uint32. The process `run` is about to end and hands out nothing
-- more: its heir gets the indices (inherit.lua), and nobody else. Answers how many were accepted: all, or none.
-- @part/lists.lua@
local run, id, position, packed = unpack(ARGV)
local owner, state, cursor, size = ownership(id)
if owner ~= run or (state ~= 'open' and state ~= 'full') then
    return 0
end
local indices = unpack_all('I4', 1, 4, packed)
for _, index in ipairs(indices) do
    if index >= size then
        return redis.error_reply('SLINDEX index outside the list')
    end
end
for first = 1, #indices, OPS do
    redis.call('RPUSH', returned_key(id), unpack(indices, first, math.min(first + OPS - 1, #indices)))
end
redis.call('HSET', list_key(id), 'cursor', math.max(cursor, tonumber(position)), 'state', 'open')
return #indices
