-- For scripts that put two states of one list together, index by index: that of each index is the one of the later lineage, within
-- one lineage of the side that has more of it, and final statuses win. Needs part/fence.lua.

-- A line as a table, lineage to version; with its head, which the field `line` does not have.
local function parse_line(text, at, version)
    local line = {}
    for lineage, n in string.gmatch(text or '', '([^ :]+):(%d+)') do
        line[lineage] = tonumber(n)
    end
    if tonumber(version) > 0 then
        line[at or '0'] = tonumber(version)
    end
    return line
end

-- The lineages of both lines, ascending, and those of them in which they differ.
local function compare_lines(theirs, mine)
    local all, differ = {}, {}
    for lineage in pairs(theirs) do
        all[#all + 1] = lineage
    end
    for lineage in pairs(mine) do
        if not theirs[lineage] then
            all[#all + 1] = lineage
        end
    end
    table.sort(all)
    for _, lineage in ipairs(all) do
        if theirs[lineage] ~= mine[lineage] then
            differ[#differ + 1] = lineage
        end
    end
    return all, differ
end

-- Too late: what would have to be compared fell out of a line, or marks that are needed are no longer kept. They are needed from
-- the first lineage on in which the other side has more than where all bytes come from.
local function is_late(differ, theirs, mine, at, cut, now)
    local whole, mixed
    for _, lineage in ipairs(differ) do
        local side = (theirs[lineage] or 0) > (mine[lineage] or 0)
        if whole == nil then
            whole = side
        end
        mixed = mixed or side ~= whole
        if (mixed and marks_end(lineage) <= now) or (cut and lineage <= cut) then
            return true
        end
    end
    return cut and at <= cut
end

local function padded(text, length)
    return #text < length and text .. string.rep('\0', length - #text) or string.sub(text, 1, length)
end

-- Statuses are put together by Redis' operations on whole strings, which stay where they are: in Lua each byte would cost as much
-- as a hundred there.
local THEIRS, RESULT, MASK, DIFF = POOL .. 'join:theirs', POOL .. 'join:result', POOL .. 'join:mask', POOL .. 'join:diff'

-- RESULT gets the bits of `side` where `mask` has one.
local function choose(side, mask)
    redis.call('BITOP', 'XOR', DIFF, RESULT, side)
    redis.call('BITOP', 'AND', DIFF, DIFF, mask)
    redis.call('BITOP', 'XOR', RESULT, RESULT, DIFF)
end

-- Marks (a bit for each index) as a mask (`bits` bits for each).
local function mask_of(marks, bits, length)
    if bits == 1 then
        return padded(marks, length)
    end
    local wide = {}
    for byte = 0, 255 do
        local value, out = byte, {}
        for i = 1, bits do
            out[i] = 0
            for j = 0, 8 / bits - 1 do
                out[i] = out[i] + value % 2 * (2 ^ bits - 1) * 2 ^ (j * bits)
                value = math.floor(value / 2)
            end
        end
        wide[string.char(byte)] = string.char(unpack(out))
    end
    return padded((string.gsub(marks, '.', wide)), length)
end

-- RESULT gets the final statuses of `side`.
local function take_finals(side, bits, final)
    if bits == 1 then
        redis.call('BITOP', final == 1 and 'OR' or 'AND', RESULT, RESULT, side)
        return
    end
    redis.call('BITOP', 'XOR', DIFF, RESULT, side)
    local differs, values = redis.call('GET', DIFF) or '', 2 ^ bits
    local first, last = string.find(differs, '[^%z]+')
    local mine = first and redis.call('GET', RESULT)
    local theirs = first and redis.call('GET', side)
    while first do
        local run = {}
        for i = first, last do
            local present, other, shift = string.byte(mine, i), string.byte(theirs, i), 1
            for _ = 1, 8 / bits do
                local value = math.floor(other / shift) % values
                if value == final then
                    present = present + (value - math.floor(present / shift) % values) * shift
                end
                shift = shift * values
            end
            run[#run + 1] = string.char(present)
        end
        redis.call('SETRANGE', RESULT, first - 1, table.concat(run))
        first, last = string.find(differs, '[^%z]+', last + 1)
    end
end

-- A line as text without `at`, its head, of at most 15; and what `cut` is then (nil: nothing fell out).
local function line_text(line, at, cut)
    local all, parts = {}, {}
    for lineage in pairs(line) do
        if lineage ~= at and not (cut and lineage <= cut) then
            all[#all + 1] = lineage
        end
    end
    table.sort(all)
    for i, lineage in ipairs(all) do
        if i <= #all - 15 then
            cut = cut_at(lineage)
        else
            parts[#parts + 1] = lineage .. ':' .. string.format('%.0f', line[lineage])
        end
    end
    return table.concat(parts, ' '), cut
end
