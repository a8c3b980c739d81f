-- For scripts that mark what they acknowledge. Needs part/fence.lua and part/statuses.lua.
-- Marks `indices`, as a list of one bit each. Answers whether one of them was not marked before.
local function mark(id, lineage, indices)
    local key, fresh = marks_key(id, lineage), false
    if #indices == 1 then
        return redis.call('SETBIT', key, bit_offset(1, indices[1]), 1) == 0
    end
    for first = 1, #indices, OPS do
        local args, n = {}, 0
        for i = first, math.min(first + OPS - 1, #indices) do
            args[n + 1], args[n + 2], args[n + 3], args[n + 4] = 'SET', 'u1', bit_offset(1, indices[i]), '1'
            n = n + 4
        end
        for _, before in ipairs(redis.call('BITFIELD', key, unpack(args))) do
            fresh = fresh or before == 0
        end
    end
    return fresh
end
