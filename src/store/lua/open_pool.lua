-- ARGV: pool name, size, bits. Fixes size and bits at the first call ever.
redis.call('HSETNX', KEYS[1], 'size', ARGV[2])
redis.call('HSETNX', KEYS[1], 'bits', ARGV[3])
redis.call('HSETNX', KEYS[1], 'change', 0)
redis.call('HSETNX', KEYS[1], 'taken', 0)
redis.call('SADD', KEYS[2], ARGV[1])
local pool = redis.call('HMGET', KEYS[1], 'size', 'bits', 'taken', 'change')
local now, foreign = epoch(), 0
for _, id in ipairs(redis.call('ZRANGE', POOL .. 'open', 0, -1)) do
    if redis.call('HGET', list_key(id), 'epoch') ~= now then
        foreign = foreign + 1
    end
end
return {tonumber(pool[1]), tonumber(pool[2]), redis.call('SCARD', POOL .. 'lists'), tonumber(pool[3]),
        tonumber(pool[4]), now, foreign}
