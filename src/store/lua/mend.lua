-- ARGV: channel, list id, uri, final status or -1, lineage, newest change seen in it; then a state of the list that the caller
-- remembers and Redis may have lost: lineage and version of its head, its line with the head, its cut or '', its bytes, then pairs
-- of a lineage and its marks.
-- Joins it with what Redis has. Answers {what, version, lineage of the version ('': the caller's), number of the change}: 'C' Redis
-- contains it; 'W' the list was made again, sealed; 'U' what Redis has is an ancestor of it; 'M' both had something of their own; 'E'
-- it is too late for that, and only final statuses were taken; 'T' the list is or was retired.
-- @part/lists.lua@
-- @part/put_back.lua@
-- @part/lineage.lua@
-- @part/fence.lua@
-- @part/join.lua@
local channel, id, uri, final, lineage, least, at, number, line, cut, bytes = unpack(ARGV, 1, 11)
final, number = tonumber(final), tonumber(number)
local KEEP, BASE = 3600000, 65536 -- for instances without histories: ms, and the largest list, of which a copy is kept
local n = next_change(lineage, tonumber(least))
-- A state of a later lineage than the present one asks for a new one first.
if not n or not is_present(lineage) or at >= lineage then
    return refuse(n)
end
local marks = {}
for a = 12, #ARGV - 1, 2 do
    marks[ARGV[a]] = ARGV[a + 1]
end
local version, state, bits, size, my_at, my_line, my_cut = fields(id, 'version', 'state', 'bits', 'size', 'at', 'line', 'cut')
local made = not version
if state == 'retired' or was_retired(id) then
    return {'T', tonumber(version or 0), my_at == lineage and '' or my_at or '', n}
elseif made then
    size, bits = pool_fields('size', 'bits')
    add_sealed_record(id, uri, size, bits, decimal(now_ms()))
    version = 0
end
version, size, bits = tonumber(version), tonumber(size), tonumber(bits)
local theirs, mine = parse_line(line, at, number), parse_line(my_line, my_at, version)
if not made and (mine[at] or 0) >= number then
    return {'C', version, my_at == lineage and '' or my_at or '', n}
end

local all, differ = compare_lines(theirs, mine)
cut = cut ~= '' and cut ~= '0' and cut or nil
my_cut = my_cut and my_cut ~= '' and my_cut ~= '0' and my_cut or nil
if not cut or (my_cut and my_cut > cut) then
    cut = my_cut
end
local late = is_late(differ, theirs, mine, at, cut, now_ms())
local length, data = math.ceil(size * bits / 8), data_key(id)

local function has_more(x)
    return (theirs[x] or 0) > (mine[x] or 0)
end

-- The key of what is marked in a lineage, as wide as the statuses; nil: nothing.
local function mask_in(x)
    local marked = marks[x]
    if not has_more(x) then
        if bits == 1 then
            return marks_key(id, x)
        end
        marked = redis.call('GET', marks_key(id, x))
    end
    if marked then
        redis.call('SET', MASK, mask_of(marked, bits, length))
    end
    return marked and MASK
end

-- Lineage by lineage in which they differ: of the first one everything, of the later ones what is marked. What both have alike is
-- in either already.
local function join()
    local whole, mixed = has_more(differ[1]), false
    if whole then
        redis.call('COPY', THEIRS, RESULT, 'REPLACE')
    end
    for i, x in ipairs(differ) do
        local mask = i > 1 and (mixed or has_more(x) ~= whole) and mask_in(x)
        mixed = mixed or mask
        if mask then
            choose(has_more(x) and THEIRS or data, mask)
        end
    end
end

-- What the caller has marked in lineages of which Redis has no more is marked here, too.
local function take_marks()
    for _, x in ipairs(all) do
        if (theirs[x] or 0) >= (mine[x] or 0) and marks[x] and string.find(marks[x], '[^%z]') then
            redis.call('SET', MASK, marks[x])
            redis.call('BITOP', 'OR', marks_key(id, x), marks_key(id, x), MASK)
            make_marks(id, x)
        end
    end
end

if redis.call('GETRANGE', data, length - 1, length - 1) == '' then -- statuses that were never set are not there yet
    redis.call('SETRANGE', data, length - 1, '\0')
end
redis.call('SET', THEIRS, padded(bytes, length))
redis.call('COPY', data, RESULT, 'REPLACE')
if not late and #differ > 0 then
    join()
end
for _, side in ipairs(final >= 0 and {THEIRS, data} or {}) do
    take_finals(side, bits, final)
end
if not late then
    take_marks()
end
redis.call('COPY', RESULT, data, 'REPLACE')
redis.call('DEL', THEIRS, RESULT, MASK, DIFF)

local what = made and 'W' or late and 'E' or 'U'
for x, v in pairs(mine) do
    what = what == 'U' and v > (theirs[x] or 0) and 'M' or what
end
for x, v in pairs(theirs) do
    mine[x] = math.max(mine[x] or 0, v)
end
local my_text, fell = line_text(mine, lineage, cut)
local as_was = math.max(version, number)
version = as_was + 1 + JUMP
redis.call('HSET', list_key(id), 'version', decimal(version), 'at', lineage, 'line', my_text)
if fell then
    redis.call('HSET', list_key(id), 'cut', fell)
end
make_marks(id, lineage)
-- An instance without histories that has published more than this mends it again, and keeps what was set since.
if what ~= 'E' then
    redis.call('HSET', list_key(id), 'mended', decimal(number), 'mended_at', decimal(version))
    redis.call('DEL', base_key(id))
    if length <= BASE and redis.call('COPY', data_key(id), base_key(id), 'REPLACE') == 1 then
        redis.call('PEXPIRE', base_key(id), KEEP)
    end
end
announce(n, id, decimal(version), channel)
return {what, version, '', n}
