-- ARGV: list id, final status or -1, lineage, newest change seen in it; lineage and version of the head of a state of the list that the
-- caller remembers, its line with the head, its cut or ''; the text that `mend` has answered, the random part of the key; how many
-- bytes stand before this piece, and its bytes; then pairs of a lineage of which the state has marks, and its marks at the piece.
-- Puts the next piece of a long list together, beside the list, which stays as it is. Answers 1; 0: the join has to begin again.
-- @part/lists.lua@
-- @part/put_back.lua@
-- @part/lineage.lua@
-- @part/fence.lua@
-- @part/join.lua@
-- @part/mending.lua@
local id, final, lineage, _, at, number, line, cut, seen, random, from, bytes = unpack(ARGV, 1, 12)
final, number, from = tonumber(final), tonumber(number), tonumber(from)
if not is_present(lineage) then
    return refuse()
end
local r = read_list(id)
local key = pieces_key(id, random)
local begun, late, shape = string.match(seen, '^(%d+) (%l+) (.*)$')
if shape ~= shape_of(r, lineage) or r.state == 'retired' or (r.version or 0) > tonumber(begun) + JUMP
    or redis.call('GETRANGE', key, from, from) ~= '' or (from > 0 and redis.call('GETRANGE', key, from - 1, from - 1) == '') then
    redis.call('DEL', key)
    return 0
end
late = late == 'late'
local mine, theirs = r.mine, parse_line(line, at, number)
level(r, theirs, at, cut)
local _, differ = compare_lines(theirs, mine)
local first, last = from / r.bits, (from + #bytes) / r.bits - 1 -- of the marks
first, last = math.floor(first), math.ceil(last)
local marks = {}
for a = 13, #ARGV - 1, 2 do
    marks[ARGV[a]] = ARGV[a + 1]
end

local function my_marks(x)
    return r.version and redis.call('GETRANGE', marks_key(id, x), first, last) or ''
end

local function marked(step)
    local text = step[3] and marks[step[1]] or not step[3] and my_marks(step[1])
    if text and text ~= '' then
        redis.call('SET', OTHER, text)
        return OTHER
    end
end

local whole, steps = false, {}
if not late then
    whole, steps = plan_join(differ, theirs, mine)
end
local selected = #steps > 0 and select_indices(steps, marked)
redis.call('SET', MINE, padded(redis.call('GETRANGE', data_key(id), from, from + #bytes - 1), #bytes))
join_statuses(MINE, bytes, whole, selected, r.bits, final, #bytes)
redis.call('SETRANGE', key, from, padded(redis.call('GET', MINE), #bytes))
redis.call('PEXPIRE', key, PIECES_KEPT)
for x, text in pairs(late and {} or marks) do
    if (theirs[x] or 0) >= (mine[x] or 0) then
        local here, beside = my_marks(x), pieces_marks_key(id, random, x)
        redis.call('SET', MINE, here)
        redis.call('SET', OTHER, text)
        if redis.call('BITOP', 'OR', MINE, MINE, OTHER) > 0 then
            redis.call('SETRANGE', beside, first, redis.call('GET', MINE))
        end
        redis.call('PEXPIRE', beside, PIECES_KEPT)
    end
end
redis.call('DEL', THEIRS, MINE, MASK, DIFF, OTHER)
return 1
