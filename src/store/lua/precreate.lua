-- ARGV: channel, spares, then drafts of id, uri, seed. Creates lists until `spares` untouched ones are open.
local now, spares = epoch(), 0
for _, id in ipairs(redis.call('ZRANGE', POOL .. 'open', 0, -1)) do
    local f = redis.call('HMGET', list_key(id), 'epoch', 'cursor')
    if f[1] == now and f[2] == '0' and redis.call('EXISTS', returned_key(id)) == 0 then
        spares = spares + 1
    end
end
local made = {}
for d = 3, #ARGV - 2, 3 do
    if spares < tonumber(ARGV[2]) and create(ARGV[d], ARGV[d + 1], ARGV[d + 2], now, ARGV[1]) then
        spares = spares + 1
        made[#made + 1] = record(ARGV[d])
    end
end
return made
