-- ARGV: channel, list id, uri, final status or -1, lineage, newest change seen in it; then a state of the list that the caller
-- remembers and Redis may have lost: lineage and version of its head, its line with the head, its cut or ''; how many bytes a list may
-- have that is joined in this call; the state's bytes ('' for a longer list), then pairs of a lineage and its marks.
-- Joins it with what Redis has. Answers {what, version, lineage of the version ('': the caller's), number of the change}: 'C' Redis
-- contains it; 'W' the list was made again, sealed; 'U' what Redis has is an ancestor of it; 'M' both had something of their own; 'E'
-- it is too late for that, and only final statuses were taken; 'T' the list is or was retired; 'Q' nothing was done: the list is long, and is
-- joined by join_piece and join_end, which want the text that follows.
-- @part/lists.lua@
-- @part/put_back.lua@
-- @part/lineage.lua@
-- @part/fence.lua@
-- @part/join.lua@
-- @part/mending.lua@
local channel, id, uri, final, lineage, least, at, number, line, cut, longest, bytes = unpack(ARGV, 1, 12)
final, number = tonumber(final), tonumber(number)
local n = next_change(lineage, tonumber(least))
-- A state of a later lineage than the present one asks for a new one first.
if not n or not is_present(lineage) or at >= lineage then
    return refuse(n)
end
local r = read_list(id)
if r.state == 'retired' or was_retired(id) then
    return {'T', r.version or 0, r.at == lineage and '' or r.at, n}
elseif r.version and (r.mine[at] or 0) >= number then
    return {'C', r.version, r.at == lineage and '' or r.at, n}
end
local mine, theirs = r.mine, parse_line(line, at, number)
local shape, late = shape_of(r, lineage)
cut, late = level(r, theirs, at, cut)
local all, differ = compare_lines(theirs, mine)
late = late or is_late(differ, theirs, mine, now_ms())
if r.length > tonumber(longest) and number > 0 then
    return {'Q', r.version or 0, '', n, decimal(r.version or 0) .. (late and ' late ' or ' joined ') .. shape}
end

local marks = {}
for a = 13, #ARGV - 1, 2 do
    marks[ARGV[a]] = ARGV[a + 1]
end

-- The key of the marks of a step; nil: there are none.
local function marked(step)
    if not step[3] then
        return marks_key(id, step[1])
    elseif marks[step[1]] then
        redis.call('SET', OTHER, marks[step[1]])
        return OTHER
    end
end

if not r.version then
    add_sealed_record(id, uri, r.size, r.bits, decimal(now_ms()))
end
local whole, steps = false, {}
if not late then
    whole, steps = plan_join(differ, theirs, mine)
end
local selected = #steps > 0 and select_indices(steps, marked)
join_statuses(data_key(id), #bytes > r.length and string.sub(bytes, 1, r.length) or bytes, whole, selected, r.bits, final, r.length)
-- What the caller has marked in lineages of which Redis has no more is marked here, too.
for _, x in ipairs(late and {} or all) do
    if (theirs[x] or 0) >= (mine[x] or 0) and marks[x] and string.find(marks[x], '%Z') then
        if not redis.call('SET', marks_key(id, x), marks[x], 'NX') then
            redis.call('SET', OTHER, marks[x])
            redis.call('BITOP', 'OR', marks_key(id, x), marks_key(id, x), OTHER)
        end
        make_marks(id, x)
    end
end
redis.call('DEL', THEIRS, MASK, DIFF, OTHER)
return finish(r, id, theirs, number, cut, lineage, late, n, channel)
