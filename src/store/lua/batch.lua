-- ARGV: channel, final status or -1, lineage, newest change seen in it, whether indices are marked, record id, then (only when that
-- is not '') fingerprint, ms to keep; then per group: list id, changes packed as 5 bytes each (uint32 index, uint8 value).
-- Answers {'W', versions, changed, lineages of the versions ('': the caller's), number of the change} when it was written; {'A',
-- versions, changed, lineages, 0} when the record says that it was written before, and nothing is now; {'R', reason, group, position},
-- both from 0, when it is refused, and nothing is written.
-- @part/lineage.lua@
-- @part/fence.lua@
-- @part/statuses.lua@
-- @part/marks.lua@
local channel, final, lineage, least, marks, record_id, fingerprint, keep = unpack(ARGV, 1, 8) -- the last two only with a record
final = tonumber(final)
local lists, order = {}, {}
local record, first = nil, 7

-- A record has the versions as decimals with commas, and that is what a version without histories reads. Each is followed by its
-- lineage where that is another than the one before, with letters from `g` on for the digits.
local function spell(id)
    return (string.gsub(id, '%d', function(digit) return string.char(string.byte('g') + digit) end))
end
local function unspell(text)
    return (string.gsub(text, '[g-p]', function(letter) return string.byte(letter) - string.byte('g') end))
end

if record_id ~= '' then
    record, first = POOL .. 'idempotency:' .. record_id, 9
    local known = redis.call('GET', record)
    if known then
        if string.sub(known, 1, #fingerprint) ~= fingerprint then
            return {'R', 'K', 0, 0}
        end
        -- A repeated answer has to write something, or there would be nothing for the replicas to confirm.
        redis.call('PEXPIRE', record, keep)
        local versions, flags, heads, last = {}, {}, {}, ''
        for v, spelt in string.gmatch(string.sub(known, #fingerprint + 1), '(%d+)([%l-]*)') do
            last = spelt ~= '' and unspell(spelt) or last
            versions[#versions + 1] = tonumber(v)
            flags[#flags + 1] = 0
            heads[#heads + 1] = last ~= '' and last or '0'
        end
        return {'A', versions, flags, heads, 0}
    end
end
local number = next_change(lineage, tonumber(least))
if not number then
    return refuse()
end

local foreign = false -- there is a list whose head is not of the caller's lineage
local function open_list(id)
    if not lists[id] then
        local bits, size, version, state, at = fields(id, 'bits', 'size', 'version', 'state', 'at')
        foreign = foreign or at ~= lineage
        if not bits then
            return nil
        end
        lists[id] = {id = id, bits = tonumber(bits), size = tonumber(size), version = tonumber(version), at = at,
                     retired = state == 'retired', indices = {}, status = {}, dirty = {}, seen = {}, count = 0}
        order[#order + 1] = lists[id]
    end
    return lists[id]
end

-- Where a batch changes at least one status in SPARSE bytes of a list, those bytes are read and written in one piece. That takes
-- a tenth of the time of as many operations of BITFIELD, and a tenth of the bytes in the append-only file and for replicas.
local SPARSE, CHUNK, floor = 16, 2000, math.floor

local function load_bytes(list)
    local key, bytes = data_key(list.id), {}
    local s = redis.call('GETRANGE', key, list.low, list.high)
    for from = 1, #s, CHUNK do
        local part = {string.byte(s, from, from + CHUNK - 1)}
        for i = 1, #part do
            bytes[from + i - 1] = part[i]
        end
    end
    for i = #s + 1, list.high - list.low + 1 do
        bytes[i] = 0
    end
    list.bytes = bytes
end

local function write_bytes(list)
    local parts, bytes = {}, list.bytes
    for from = 1, #bytes, CHUNK do
        parts[#parts + 1] = string.char(unpack(bytes, from, math.min(from + CHUNK - 1, #bytes)))
    end
    redis.call('SETRANGE', data_key(list.id), list.low, table.concat(parts))
end

-- Applies the changes to the list's bytes. Answers nil, or the reason and the position (from 0) of the change that is refused.
local function apply_dense(list, flat)
    local bits, size, bytes, low, values = list.bits, list.size, list.bytes, list.low, 2 ^ list.bits
    for i = 1, #flat, 2 do
        local index, value = flat[i], flat[i + 1]
        if index >= size then
            return 'I', (i - 1) / 2
        elseif value >= values then
            return 'V', (i - 1) / 2
        end
    end
    for i = 1, #flat, 2 do
        local index, value = flat[i], flat[i + 1]
        local bit = index * bits
        local at, shift = floor(bit / 8) - low + 1, 2 ^ (bit % 8)
        local present = floor(bytes[at] / shift) % values
        if present ~= value then
            if present == final then
                return 'F', (i - 1) / 2
            end
            bytes[at] = bytes[at] + (value - present) * shift
            list.dirty[1] = index
        end
    end
end

-- The same on the list's table of statuses.
local function apply_sparse(list, flat)
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
    local flat = list and unpack_all('I4B', 2, 5, ARGV[a + 1])
    groups[#groups + 1] = {list = list, flat = flat}
    for i = 1, list and #flat or 0, 2 do
        local at = floor(flat[i] * list.bits / 8)
        list.indices[#list.indices + 1] = flat[i]
        if flat[i] < list.size then
            list.low = math.min(list.low or at, at)
            list.high = math.max(list.high or at, at)
            list.count = list.count + 1
        end
    end
end
if foreign and not is_present(lineage) then
    return refuse(number)
end
for g, group in ipairs(groups) do
    local list = group.list
    if not list then
        return {'R', 'L', g - 1, 0}
    elseif list.retired then
        return {'R', 'T', g - 1, 0}
    end
    if list.low and not list.bytes and list.high - list.low < SPARSE * list.count then
        load_bytes(list)
    end
    local apply = list.bytes and apply_dense or apply_sparse
    local why, at = apply(list, group.flat)
    if why then
        return {'R', why, g - 1, at}
    end
end
local used -- whether a list has the number already; each has one of its own
for _, list in ipairs(order) do
    local fresh = marks == '1' and #list.indices > 0 and mark(list.id, lineage, list.indices)
    list.changed = fresh or #list.dirty > 0
    if #list.dirty > 0 and list.bytes then
        write_bytes(list)
    elseif #list.dirty > 0 then
        write_statuses(list.id, list.bits, list.dirty, list.status)
    end
    if list.changed then
        if list.at ~= lineage then
            touch(list.id, lineage, list.at, list.version)
            list.at = lineage
        end
        number = used and redis.call('HINCRBY', KEYS[1], 'change', 1) or number
        used = true
        list.version = redis.call('HINCRBY', list_key(list.id), 'version', 1)
        announce(number, list.id, list.version, channel)
    end
end
local versions, flags, heads, spelt, last = {}, {}, {}, {}, ''
for i, group in ipairs(groups) do
    local at = group.list.at or '0'
    versions[i] = group.list.version
    flags[i] = group.list.changed and 1 or 0
    heads[i] = at == lineage and '' or at
    spelt[i] = versions[i] .. (at ~= last and at ~= '' and spell(at) or '')
    last = at
end
if record then
    redis.call('SET', record, fingerprint .. table.concat(spelt, ','), 'PX', keep)
end
return {'W', versions, flags, heads, number}
