-- ARGV: list id, indices as packed little-endian uint32. Answers how many were accepted.
local f = redis.call('HMGET', list_key(ARGV[1]), 'epoch', 'state', 'number', 'size')
if f[1] ~= epoch() or f[2] == 'sealed' then
    return 0
end
local indices, size = unpack_all('I4', 1, 4, ARGV[2]), tonumber(f[4])
for _, index in ipairs(indices) do
    if index >= size then
        return redis.error_reply('SLINDEX index outside the list')
    end
end
for first = 1, #indices, OPS do
    redis.call('RPUSH', returned_key(ARGV[1]), unpack(indices, first, math.min(first + OPS - 1, #indices)))
end
if f[2] == 'full' and #indices > 0 then
    redis.call('HSET', list_key(ARGV[1]), 'state', 'open')
    redis.call('ZADD', POOL .. 'open', f[3], ARGV[1])
end
return #indices
