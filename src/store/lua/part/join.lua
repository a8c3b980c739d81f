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

-- Too late: marks that are needed are no longer kept. They are needed from the first lineage on in which the other side has more
-- than where all bytes come from.
local function is_late(differ, theirs, mine, now)
    local whole, mixed
    for _, lineage in ipairs(differ) do
        local side = (theirs[lineage] or 0) > (mine[lineage] or 0)
        if whole == nil then
            whole = side
        end
        mixed = mixed or side ~= whole
        if mixed and marks_end(lineage) <= now then
            return true
        end
    end
    return false
end

-- Takes the lineages up to `last` out of a line, into its cut.
local function cut_up_to(line, cut, last)
    local low = {}
    for lineage in pairs(line) do
        if lineage <= last then
            low[#low + 1] = lineage
        end
    end
    table.sort(low)
    for _, lineage in ipairs(low) do
        cut, line[lineage] = cut_at(cut, lineage, string.format('%.0f', line[lineage])), nil
    end
    return last .. (cut and string.sub(cut, 30) or ':0000000000')
end

-- Whether a side is taken as a whole (true: theirs), and in which later lineages the other side has the later word, or the first one
-- again: {lineage, whether that is the other side, whether that is theirs}.
local function plan_join(differ, theirs, mine)
    local whole, steps = false, {}
    for i, lineage in ipairs(differ) do
        local side = (theirs[lineage] or 0) > (mine[lineage] or 0)
        if i == 1 then
            whole = side
        elseif side ~= whole or #steps > 0 then
            steps[#steps + 1] = {lineage, side ~= whole, side}
        end
    end
    return whole, steps
end

-- Redis has operations on whole strings; in Lua each byte would cost as much as a hundred there. These keys live within a call.
local THEIRS, MINE, MASK, DIFF, OTHER = POOL .. 'join:theirs', POOL .. 'join:mine', POOL .. 'join:mask', POOL .. 'join:diff',
    POOL .. 'join:other'

-- The key of the indices at which the side that is not taken as a whole has the later word; nil: there are none. `marked` gives the key
-- of the marks of a step, or nil, and may use OTHER.
local function select_indices(steps, marked)
    local selected
    for i, step in ipairs(steps) do
        local key = marked(step)
        if key and not selected and step[2] then
            selected = key
            if i < #steps then
                redis.call('BITOP', 'OR', MASK, key)
                selected = MASK
            end
        elseif key and selected and step[2] then
            redis.call('BITOP', 'OR', MASK, MASK, key)
        elseif key and selected then
            redis.call('BITOP', 'AND', DIFF, MASK, key)
            redis.call('BITOP', 'XOR', MASK, MASK, DIFF)
        end
    end
    return selected
end

-- `mine` and `theirs` as bytes, index by index: of the side that is not `whole` (true: theirs) where a bit of `selected` is set, and
-- final statuses of either. `offset`: how many bytes stand before them. Costs for each byte in which they differ.
local function mix(mine, theirs, whole, selected, bits, final, differs)
    local parts, known, values, each, last = {}, {}, 2 ^ bits, 8 / bits, 0
    local base, other = mine, theirs
    if whole then
        base, other = theirs, mine
    end
    local first, run_end = string.find(differs, '%Z+')
    while first do
        parts[#parts + 1] = string.sub(base, last + 1, first - 1)
        for i = first - 1, run_end - 1 do
            local a, b = string.byte(base, i + 1), string.byte(other, i + 1)
            local marks = string.byte(selected, math.floor(i / bits) + 1) or 0
            marks = math.floor(marks / 2 ^ (i % bits * each)) % 2 ^ each
            local at = (a * 256 + b) * 256 + marks
            local char = known[at]
            if not char then
                local out, shift = 0, 1
                for _ = 1, each do
                    local x, y = math.floor(a / shift) % values, math.floor(b / shift) % values
                    if x == final or y == final then
                        out = out + final * shift
                    else
                        out = out + (marks % 2 == 1 and y or x) * shift
                    end
                    marks, shift = math.floor(marks / 2), shift * values
                end
                char = string.char(out)
                known[at] = char
            end
            parts[#parts + 1] = char
        end
        last = run_end
        first, run_end = string.find(differs, '%Z+', last + 1)
    end
    parts[#parts + 1] = string.sub(base, last + 1)
    return table.concat(parts)
end

local function padded(text, length)
    return #text < length and text .. string.rep('\0', length - #text) or text
end

-- Puts the statuses of both sides together, those of Redis at `mine` and `theirs` as bytes, and leaves them in `mine`.
local function join_statuses(mine, theirs, whole, selected, bits, final, length)
    if final < 0 and not selected then
        if whole then
            redis.call('SET', mine, theirs)
        end
        return
    end
    redis.call('SET', THEIRS, theirs)
    if bits == 1 and final >= 0 then
        redis.call('BITOP', final == 1 and 'OR' or 'AND', mine, mine, THEIRS)
        return
    end
    redis.call('BITOP', 'XOR', DIFF, mine, THEIRS)
    if bits == 1 then
        redis.call('BITOP', 'AND', DIFF, DIFF, selected)
        redis.call('BITOP', 'XOR', mine, whole and THEIRS or mine, DIFF)
        return
    end
    local here = padded(redis.call('GET', mine) or '', length)
    local joined = mix(here, padded(theirs, length), whole, selected and redis.call('GET', selected) or '', bits, final,
                       redis.call('GET', DIFF) or '')
    if joined ~= here then
        redis.call('SET', mine, joined)
    end
end

-- A line as text without `at`, its head, of at most 15; and what `cut` is then (nil: nothing fell out).
local function line_text(line, at, cut)
    local all, parts = {}, {}
    for lineage in pairs(line) do
        if lineage ~= at then
            all[#all + 1] = lineage
        end
    end
    table.sort(all)
    for i, lineage in ipairs(all) do
        if i <= #all - 15 then
            cut = cut_at(cut, lineage, string.format('%.0f', line[lineage]))
        else
            parts[#parts + 1] = lineage .. ':' .. string.format('%.0f', line[lineage])
        end
    end
    return table.concat(parts, ' '), cut
end
