-- ARGV: channel, want, min_age_ms, then two drafts of id, uri, seed.
-- Indices given back first, then the cursor, list by list in the order of their creation.
local now, time = epoch(), now_ms()
local want, min_age = tonumber(ARGV[2]), tonumber(ARGV[3])
local blocks, taken, sealed, spares, young = {}, 0, 0, 0, 0

local function take_from(id)
    local f = redis.call('HMGET', list_key(id), 'cursor', 'size')
    local from, size = tonumber(f[1]), tonumber(f[2])
    local returned = redis.call('LPOP', returned_key(id), want) or {}
    local count = math.min(want - #returned, size - from)
    if count > 0 then
        redis.call('HINCRBY', list_key(id), 'cursor', count)
    end
    if from + count == size and redis.call('EXISTS', returned_key(id)) == 0 then
        redis.call('HSET', list_key(id), 'state', 'full')
        redis.call('ZREM', POOL .. 'open', id)
    end
    if count + #returned > 0 then
        if redis.call('HGET', list_key(id), 'reserved') then -- when these are handed out is not known: retire.lua
            redis.call('HSET', list_key(id), 'reserved', '')
        end
        want = want - count - #returned
        taken = taken + count + #returned
        blocks[#blocks + 1] = {record(id), from, count, returned}
    end
end

for _, id in ipairs(redis.call('ZRANGE', POOL .. 'open', 0, -1)) do
    local f = redis.call('HMGET', list_key(id), 'epoch', 'created', 'cursor')
    if f[1] ~= now then
        redis.call('HSET', list_key(id), 'state', 'sealed')
        redis.call('ZREM', POOL .. 'open', id)
        redis.call('DEL', returned_key(id))
        sealed = sealed + 1
    elseif time - tonumber(f[2]) < min_age then
        young = young + 1
        spares = spares + 1
    elseif want > 0 then
        take_from(id)
    elseif f[3] == '0' and redis.call('EXISTS', returned_key(id)) == 0 then
        spares = spares + 1
    end
end
-- A young list will serve the rest soon: another one would not be older.
for d = 4, 7, 3 do
    if want > 0 and young == 0 and create(ARGV[d], ARGV[d + 1], ARGV[d + 2], now, ARGV[1]) then
        if min_age == 0 then
            take_from(ARGV[d])
        else
            young = 1
            spares = spares + 1
        end
    end
end
local total = tonumber(redis.call('HGET', KEYS[1], 'taken') or 0)
if taken > 0 then
    total = redis.call('HINCRBY', KEYS[1], 'taken', taken)
end
return {total, sealed, spares, young, blocks}
