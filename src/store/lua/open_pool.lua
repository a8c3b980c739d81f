-- ARGV: pool name, size, bits; KEYS[2]: the set of all pools. Fixes size and bits when the pool is first opened.
-- Answers {size, bits, lists, taken, change, epoch, open lists of other epochs}.
-- @part/lists.lua@
local name, size, bits = unpack(ARGV)
redis.call('HSETNX', KEYS[1], 'size', size)
redis.call('HSETNX', KEYS[1], 'bits', bits)
redis.call('HSETNX', KEYS[1], 'change', 0)
redis.call('HSETNX', KEYS[1], 'taken', 0)
redis.call('SADD', KEYS[2], name)
local pool_size, pool_bits, taken, change = pool_fields('size', 'bits', 'taken', 'change')
local now, foreign = epoch(), 0
for _, id in ipairs(redis.call('ZRANGE', POOL .. 'open', 0, -1)) do
    if fields(id, 'epoch') ~= now then
        foreign = foreign + 1
    end
end
return {tonumber(pool_size), tonumber(pool_bits), redis.call('SCARD', POOL .. 'lists'), tonumber(taken),
        tonumber(change), now, foreign}
