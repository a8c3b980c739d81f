-- ARGV: channel, list id, final status or -1, changes packed as 5 bytes each (uint32 index, uint8 value), lineage, newest change
-- seen in it, whether indices are marked.
-- Answers {version, whether something changed, a letter per change, number of the change, lineage of the version ('': the
-- caller's)}, or nil when there is no such list.
-- Each function that a call creates costs it, and each local that one captures: there is none on the usual way.
local channel, id, final, packed, lineage, least, marks = unpack(ARGV)
final = tonumber(final)
-- The fence, as in part/fence.lua.
local n = redis.call('HINCRBY', KEYS[1], 'change', 1)
local bits, size, version, state, at = fields(id, 'bits', 'size', 'version', 'state', 'at')
local ahead = n - least
if ahead <= 0 or ahead > 1048576 or (at ~= lineage and redis.call('HGET', KEYS[1], 'lineage') ~= lineage) then
    redis.call('HINCRBY', KEYS[1], 'change', -1)
    return redis.error_reply('SLHISTORY the data have another history than the caller')
elseif not bits then
    return false
end
bits, size, version = tonumber(bits), tonumber(size), tonumber(version)
if state == 'retired' then
    return {version, 0, string.rep('T', #packed / 5), n, at == lineage and '' or at or ''}
end
local flat, results, inside, dirty = unpack_all('I4B', 2, 5, packed), {}, {}, false
local values = 2 ^ bits
for i = 1, #flat, 2 do
    if flat[i + 1] >= values then
        return redis.error_reply('SLVALUE value does not fit the list')
    end
    if flat[i] < size then
        inside[#inside + 1] = i
    end
    results[(i + 1) / 2] = 'I'
end

if final < 0 then
    -- No status is final, so nothing is read before the write, whose reply has the former values. That takes a third less of Redis'
    -- time.
    local kind, text = 'u' .. bits, {}
    for first = 1, #inside, OPS do
        local args, count = {}, 0
        for k = first, math.min(first + OPS - 1, #inside) do
            local index, value = flat[inside[k]], flat[inside[k] + 1]
            local bit = index * bits
            text[value] = text[value] or tostring(value)
            args[count + 1], args[count + 2], args[count + 4] = 'SET', kind, text[value]
            args[count + 3] = string.format('%d', bit + 8 - bits - 2 * (bit % 8)) -- as in part/statuses.lua
            count = count + 4
        end
        for k, present in ipairs(redis.call('BITFIELD', data_key(id), unpack(args))) do
            local i = inside[first + k - 1]
            local same = present == flat[i + 1]
            results[(i + 1) / 2] = same and '0' or '1'
            dirty = dirty or not same
        end
        -- What is acknowledged is promised from now on, also where it was so already. So the first mark of an index is a change. In a
        -- list of one bit the marks are at the same places as the statuses.
        if marks == '1' then
            local key = POOL .. 'list:' .. id .. ':marks:' .. lineage
            for k = 3, count, 4 do
                if bits > 1 then
                    local index = flat[inside[first + (k - 3) / 4]]
                    args[k - 1], args[k] = 'u1', string.format('%d', index + 7 - 2 * (index % 8))
                end
                args[k + 1] = '1'
            end
            if count == 4 then
                dirty = redis.call('SETBIT', key, args[3], '1') == 0 or dirty
            elseif count > 4 then
                for _, before in ipairs(redis.call('BITFIELD', key, unpack(args))) do
                    dirty = dirty or before == 0
                end
            end
        end
    end
else
    -- @part/statuses.lua@
    local indices, status, changes, seen = {}, {}, {}, {}
    for k, i in ipairs(inside) do
        indices[k] = flat[i]
    end
    for k, value in ipairs(read_statuses(id, bits, indices)) do
        status[indices[k]] = value
    end
    for _, i in ipairs(inside) do
        local index, value = flat[i], flat[i + 1]
        if status[index] == value then
            results[(i + 1) / 2] = '0'
        elseif status[index] == final then
            results[(i + 1) / 2] = 'F'
        else
            results[(i + 1) / 2] = '1'
            status[index] = value
            if not seen[index] then
                seen[index] = true
                changes[#changes + 1] = index
            end
        end
    end
    write_statuses(id, bits, changes, status)
    dirty = #changes > 0
    if marks == '1' then
        -- @part/lineage.lua@
        -- @part/fence.lua@
        -- @part/marks.lua@
        indices = {}
        for _, i in ipairs(inside) do
            if results[(i + 1) / 2] ~= 'F' then
                indices[#indices + 1] = flat[i]
            end
        end
        dirty = #indices > 0 and mark(id, lineage, indices) or dirty
    end
end
if dirty then
    if at ~= lineage then
        -- @part/lineage.lua@
        -- @part/fence.lua@
        touch(id, lineage, at, version)
        at = lineage
    end
    version = redis.call('HINCRBY', list_key(id), 'version', 1)
    redis.call('ZADD', POOL .. 'changes', n, id)
    redis.call('PUBLISH', channel, id .. ' ' .. version)
end
return {version, dirty and 1 or 0, table.concat(results), n, at == lineage and '' or at or ''}
