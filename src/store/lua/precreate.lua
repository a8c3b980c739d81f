-- ARGV: channel, run, lineage, newest change seen in it, then drafts of id, uri, seed.
-- Makes the lists that the pool does not have yet, for the process `run`.
-- Answers the records of the drafts that `run` may take from: a caller that lost the reply sends the same drafts again.
-- @part/lists.lua@
-- @part/lineage.lua@
-- @part/fence.lua@
local channel, run, lineage, least = unpack(ARGV, 1, 4)
local number = next_change(lineage, tonumber(least))
if not number or not is_present(lineage) then
    return refuse(number)
end

-- Makes a list from a draft, for the process `run` alone: it is not in `open`, and has no epoch, so processes of versions
-- without owners neither take from it nor seal it. False when the pool has it, or had it.
local function create(id, uri, seed, n)
    if redis.call('SISMEMBER', POOL .. 'lists', id) == 1 or was_retired(id) then
        return false
    end
    local size, bits = pool_fields('size', 'bits')
    local now = now_ms()
    add_record(id, {uri = uri, size = size, bits = bits, seed = seed, cursor = 0, epoch = '', state = 'open',
                    created = decimal(now), number = n})
    redis.call('HSET', list_key(id), 'owner', run, 'owned', decimal(now + DAY))
    announce(n, id, 0, channel)
    return true
end

local mine = {}
for d = 5, #ARGV - 2, 3 do
    local id, uri, seed = unpack(ARGV, d, d + 2)
    number = number or redis.call('HINCRBY', KEYS[1], 'change', 1) -- each list has one of its own
    local made = create(id, uri, seed, number)
    number = not made and number or nil
    local owner, state = ownership(id)
    if owner == run and state == 'open' then
        if not made then -- a write also now, which replicas confirm
            redis.call('HSET', list_key(id), 'owned', decimal(now_ms() + DAY))
        end
        mine[#mine + 1] = record(id)
    end
end
if number then -- no list has it
    redis.call('HINCRBY', KEYS[1], 'change', -1)
end
return mine
