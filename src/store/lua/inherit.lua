-- ARGV: run that has ended, run of its heir, then per list: id, position.
-- Makes lists of the run that has ended the heir's, from the cursor or from `position` on, whichever is further, and hands out
-- the indices that were given back to them. Answers blocks of {record, position, 0, indices}: the lists that are the heir's now.
-- @part/lists.lua@
local ended, heir = unpack(ARGV, 1, 2)
local blocks = {}
for a = 3, #ARGV - 1, 2 do
    local id = ARGV[a]
    local owner, state, cursor, size, reserved = ownership(id)
    -- The heir's already when it lost the reply.
    if (owner == ended or owner == heir) and (state == 'open' or state == 'full') then
        local from = math.max(cursor, tonumber(ARGV[a + 1]))
        local returned = redis.call('LPOP', returned_key(id), size) or {}
        redis.call('HSET', list_key(id), 'owner', heir, 'owned', decimal(now_ms() + DAY), 'cursor', from,
                   'state', from == size and 'full' or 'open')
        if reserved and #returned > 0 then
            redis.call('HSET', list_key(id), 'reserved', '')
        end
        blocks[#blocks + 1] = {record(id), from, 0, returned}
    end
end
return blocks
