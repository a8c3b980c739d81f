-- ARGV: channel, run, want, then per list that is to be taken from, in that order: id, position.
-- Takes from lists of the process `run` only, of each from its cursor or from `position` on, whichever is further: the process
-- remembers what it has taken, also when Redis has gone back.
-- Answers {ids of those from which `run` takes no more, lists of instances without owners that were sealed, blocks of
-- {record, from, count, {}}}.
-- @part/lists.lua@
local prefix, run, want = unpack(ARGV, 1, 3)
want = tonumber(want)
local over, blocks, taken, sealed = {}, {}, 0, 0

local function take_from(id, position)
    local owner, state, cursor, size, reserved = ownership(id)
    if owner ~= run or state ~= 'open' then
        return false
    end
    local from = math.max(cursor, position)
    local count = math.min(want - taken, size - from)
    if count <= 0 then
        return false
    end
    redis.call('HSET', list_key(id), 'cursor', from + count, 'state', from + count == size and 'full' or 'open')
    if reserved then -- when these will be handed out is not known yet: retire.lua
        redis.call('HSET', list_key(id), 'reserved', '')
    end
    taken = taken + count
    blocks[#blocks + 1] = {record(id), from, count, {}}
    return true
end

-- Whether an instance lives that knows no owners: it shows its options, and not the channel of those that do.
local function without_owners_lives()
    local living = {}
    for _, channel in ipairs(redis.call('PUBSUB', 'CHANNELS', prefix .. '/2:*')) do
        living[string.match(channel, ':([^:]+)$')] = true
    end
    for _, channel in ipairs(redis.call('PUBSUB', 'CHANNELS', prefix .. ':*')) do
        if not living[string.match(channel, ':([^:]+)$')] then
            return true
        end
    end
    return false
end

-- Lists that have no owner are in `open`. Only instances that know no owners take from them.
if redis.call('EXISTS', POOL .. 'open') == 1 and not without_owners_lives() then
    for _, id in ipairs(redis.call('ZRANGE', POOL .. 'open', 0, 999)) do
        if fields(id, 'state') == 'open' then
            redis.call('HSET', list_key(id), 'state', 'sealed')
        end
        redis.call('DEL', returned_key(id))
        redis.call('ZREM', POOL .. 'open', id)
        sealed = sealed + 1
    end
end
for a = 4, #ARGV - 1, 2 do
    if taken < want and not take_from(ARGV[a], tonumber(ARGV[a + 1])) then
        over[#over + 1] = ARGV[a]
    end
end
if taken > 0 then
    redis.call('HINCRBY', KEYS[1], 'taken', taken)
end
return {over, sealed, blocks}
