-- ARGV: channel, want, min age in ms, then two drafts of id, uri, seed.
-- Takes list by list, in the order of their creation: first the indices that were given back, then from the cursor on.
-- Answers {taken in all, lists sealed, spares, lists too young, blocks of {record, from, count, returned}}.
-- @part/lists.lua@
local channel, want, min_age = unpack(ARGV, 1, 3)
want, min_age = tonumber(want), tonumber(min_age)
local now, time = epoch(), now_ms()
local blocks, taken, sealed, spares, young = {}, 0, 0, 0, 0

local function take_from(id)
    local from, size = fields(id, 'cursor', 'size')
    from, size = tonumber(from), tonumber(size)
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
        if redis.call('HGET', list_key(id), 'reserved') then -- when these will be handed out is not known yet: retire.lua
            redis.call('HSET', list_key(id), 'reserved', '')
        end
        want = want - count - #returned
        taken = taken + count + #returned
        blocks[#blocks + 1] = {record(id), from, count, returned}
    end
end

for _, id in ipairs(redis.call('ZRANGE', POOL .. 'open', 0, -1)) do
    local list_epoch, created, cursor = fields(id, 'epoch', 'created', 'cursor')
    if list_epoch ~= now then
        redis.call('HSET', list_key(id), 'state', 'sealed')
        redis.call('ZREM', POOL .. 'open', id)
        redis.call('DEL', returned_key(id))
        sealed = sealed + 1
    elseif time - tonumber(created) < min_age then
        young = young + 1
        spares = spares + 1
    elseif want > 0 then
        take_from(id)
    elseif cursor == '0' and redis.call('EXISTS', returned_key(id)) == 0 then
        spares = spares + 1
    end
end
-- A list that is too young will soon serve the rest; a new one would be younger still.
for d = 4, 7, 3 do
    if want > 0 and young == 0 and create(ARGV[d], ARGV[d + 1], ARGV[d + 2], now, channel) then
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
