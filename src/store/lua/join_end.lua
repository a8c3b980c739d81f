-- ARGV: channel, list id, uri, final status or -1, lineage, newest change seen in it; lineage and version of the head of a state of the
-- list that the caller remembers, its line with the head, its cut or ''; the text that `mend` has answered, the random part of the
-- key; how many places may have been marked in the lineage, or -1; then the lineages of which the state has marks.
-- The pieces take the place of the list, but for what was set since the first of them, which is marked. Answers as `mend`, and: 'G' the
-- list is another than it was at the first piece, so the join has to begin again; 'X' the same, under a new lineage: too much is
-- marked in this one.
-- @part/lists.lua@
-- @part/put_back.lua@
-- @part/lineage.lua@
-- @part/fence.lua@
-- @part/join.lua@
-- @part/mending.lua@
local channel, id, uri, final, lineage, least, at, number, line, cut, seen, random, bound = unpack(ARGV, 1, 13)
final, number, bound = tonumber(final), tonumber(number), tonumber(bound)
local AT_ONCE = 8 -- bytes of marks
local n = next_change(lineage, tonumber(least))
if not n or not is_present(lineage) or at >= lineage then
    return refuse(n)
end
local r = read_list(id)
local key = pieces_key(id, random)
local doomed = {key}
for a = 14, #ARGV do
    doomed[#doomed + 1] = pieces_marks_key(id, random, ARGV[a])
end

-- The pieces are of no use any more.
local function drop(what)
    redis.call('DEL', unpack(doomed))
    if what == 'G' or what == 'X' then
        redis.call('HINCRBY', KEYS[1], 'change', -1)
        return {what, 0, '', 0}
    end
    return {what, r.version or 0, r.at == lineage and '' or r.at, n}
end

if r.state == 'retired' or was_retired(id) then
    return drop('T')
elseif r.version and (r.mine[at] or 0) >= number then
    return drop('C')
end
local begun, late, shape = string.match(seen, '^(%d+) (%l+) (.*)$')
late, begun = late == 'late', tonumber(begun)
local moved = r.version and r.version ~= begun
-- Only updates may have changed the list, each by one version, and only while they mark what they set.
if shape ~= shape_of(r, lineage) or (moved and (r.version > begun + JUMP or marks_end(lineage) <= now_ms()))
    or redis.call('GETRANGE', key, r.length - 1, r.length - 1) == '' then
    return drop('G')
end

local mine, theirs = r.mine, parse_line(line, at, number)
cut = level(r, theirs, at, cut)
if moved then
    local marked, bits, byte, places = marks_key(id, lineage), r.bits, 0, 0
    while true do
        local bit = redis.call('BITPOS', marked, 1, byte)
        if bit < 0 then
            break
        elseif places == bound then
            return drop('X')
        end
        byte, places = math.floor(bit / 8), places + 1
        local first, last = byte * bits, math.min((byte + AT_ONCE) * bits, r.length) - 1
        local was = redis.call('GETRANGE', key, first, last)
        local is = padded(redis.call('GETRANGE', data_key(id), first, last), #was)
        local now = mix(is, was, true, redis.call('GETRANGE', marked, byte, byte + AT_ONCE - 1), bits, final,
                        string.rep('\1', #was))
        if now ~= was then
            redis.call('SETRANGE', key, first, now)
        end
        byte = byte + AT_ONCE
    end
end
if not r.version then
    add_sealed_record(id, uri, r.size, r.bits, decimal(now_ms()))
end
redis.call('PERSIST', key)
redis.call('RENAME', key, data_key(id))
for a = 14, late and 0 or #ARGV do
    if redis.call('EXISTS', doomed[a - 12]) == 1 then
        redis.call('RENAME', doomed[a - 12], marks_key(id, ARGV[a]))
        make_marks(id, ARGV[a])
    end
end
return finish(r, id, theirs, number, cut, lineage, late, n, channel)
