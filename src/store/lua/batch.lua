-- ARGV: channel, final status or -1, record id, then (only when that is not '') fingerprint, ms to keep;
-- then per group: list id, changes packed as 5 bytes each (uint32 index, uint8 value).
-- Answers {'R', reason, group, position} (both from 0), {'W', versions, changed}, or {'A', versions, changed} when
-- the record tells that it was written before: then nothing was.
local final, lists, order = tonumber(ARGV[2]), {}, {}
local record, first = nil, 4
if ARGV[3] ~= '' then
    record, first = POOL .. 'idempotency:' .. ARGV[3], 6
    local known = redis.call('GET', record)
    if known then
        local print = ARGV[4]
        if string.sub(known, 1, #print) ~= print then
            return {'R', 'K', 0, 0}
        end
        local versions, flags = {}, {}
        for v in string.gmatch(string.sub(known, #print + 1), '%d+') do
            versions[#versions + 1] = tonumber(v)
            flags[#flags + 1] = 0
        end
        return {'A', versions, flags}
    end
end

local function open_list(id)
    if not lists[id] then
        local f = redis.call('HMGET', list_key(id), 'bits', 'size', 'version')
        if not f[1] then
            return nil
        end
        lists[id] = {id = id, bits = tonumber(f[1]), size = tonumber(f[2]), version = tonumber(f[3]), status = {},
                     dirty = {}, seen = {}}
        order[#order + 1] = lists[id]
    end
    return lists[id]
end

-- Applies the changes to the list's table. Answers why not and at which position (from 0), or nil.
local function apply(list, flat)
    local unknown = {}
    for i = 1, #flat, 2 do
        if flat[i] >= list.size then
            return 'I', (i - 1) / 2
        elseif flat[i + 1] >= 2 ^ list.bits then
            return 'V', (i - 1) / 2
        elseif list.status[flat[i]] == nil then
            unknown[#unknown + 1] = flat[i]
        end
    end
    for i, value in ipairs(read_statuses(list.id, list.bits, unknown)) do
        list.status[unknown[i]] = value
    end
    for i = 1, #flat, 2 do
        local index, value = flat[i], flat[i + 1]
        local present = list.status[index]
        if present ~= value then
            if present == final then
                return 'F', (i - 1) / 2
            end
            list.status[index] = value
            if not list.seen[index] then
                list.seen[index] = true
                list.dirty[#list.dirty + 1] = index
            end
        end
    end
end

local groups = {}
for a = first, #ARGV - 1, 2 do
    local list = open_list(ARGV[a])
    if not list then
        return {'R', 'L', #groups, 0}
    end
    local why, at = apply(list, unpack_all('I4B', 2, 5, ARGV[a + 1]))
    if why then
        return {'R', why, #groups, at}
    end
    groups[#groups + 1] = list
end
for _, list in ipairs(order) do
    if #list.dirty > 0 then
        write_statuses(list.id, list.bits, list.dirty, list.status)
        list.version = redis.call('HINCRBY', list_key(list.id), 'version', 1)
        changed(list.id, list.version, ARGV[1])
    end
end
local versions, flags = {}, {}
for i, list in ipairs(groups) do
    versions[i] = list.version
    flags[i] = #list.dirty > 0 and 1 or 0
end
if record then
    redis.call('SET', record, ARGV[4] .. table.concat(versions, ','), 'PX', ARGV[5])
end
return {'W', versions, flags}
