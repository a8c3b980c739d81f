-- ARGV: channel, ms that a list stays after its last reservation (0: none is retired now), ms for which the caller may still
-- hand out references that it holds, ms for which a retired list is kept, how many lists it holds references of, their
-- ids, then ids of lists to look at. Answers {ids that are retired, ids that are gone for good}.
local now, after, lease, keep = now_ms(), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local first = 6 + tonumber(ARGV[5])
local retired, gone = {}, {}
local watched

-- Whoever looks answers for what it holds, for the time of its lease. If longer than that nobody has looked (nobody ran, or
-- lists did not end), references may have been handed out of which no list tells: all lists count from now on.
if after > 0 then
    local f = redis.call('HMGET', KEYS[1], 'watched', 'looked')
    local looked = tonumber(f[2] or '')
    watched = tonumber(f[1] or '')
    if not watched or not looked or now > looked then
        watched = now + lease
    end
    redis.call('HSET', KEYS[1], 'watched', string.format('%.0f', watched), 'looked', string.format('%.0f', now + lease))
end

local function drop(id)
    redis.call('SADD', POOL .. 'retired', id) -- for ever: nothing makes this list again
    redis.call('SREM', POOL .. 'lists', id)
    redis.call('ZREM', POOL .. 'changes', id)
    redis.call('DEL', list_key(id), data_key(id), returned_key(id), base_key(id))
end

for a = 6, first - 1 do
    local state = redis.call('HGET', list_key(ARGV[a]), 'state')
    if state and state ~= 'retired' then
        redis.call('HSET', list_key(ARGV[a]), 'reserved', string.format('%.0f', now + lease))
    end
end
for a = first, #ARGV do
    local id = ARGV[a]
    local f = redis.call('HMGET', list_key(id), 'state', 'reserved', 'retired', 'version')
    if not f[1] then
        gone[#gone + 1] = redis.call('SISMEMBER', POOL .. 'retired', id) == 1 and id or nil
    elseif f[1] == 'retired' then
        retired[#retired + 1] = id
        if now > tonumber(f[3]) + keep then
            drop(id)
        end
    elseif after > 0 and f[1] ~= 'open' then
        if not tonumber(f[2] or '') then -- when is not known: not before now
            redis.call('HSET', list_key(id), 'reserved', string.format('%.0f', now + lease))
        elseif now > math.max(tonumber(f[2]), watched) + after then
            redis.call('HSET', list_key(id), 'state', 'retired', 'epoch', '', 'retired', string.format('%.0f', now))
            changed(id, tonumber(f[4]), ARGV[1])
            retired[#retired + 1] = id
        end
    end
end
return {retired, gone}
