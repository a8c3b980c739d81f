-- For the scripts that join a state of a list which the caller remembers with what Redis has of it. Needs part/lists.lua, part/put_back.lua,
-- part/lineage.lua, part/fence.lua and part/join.lua. Of the state the caller gives lineage and version of its head, its line with the
-- head, and its cut or ''.

-- What Redis has of the list; `version` is nil where it has none.
local function read_list(id)
    local r = {}
    r.version, r.state, r.bits, r.size, r.at, r.line, r.cut, r.backup =
        fields(id, 'version', 'state', 'bits', 'size', 'at', 'line', 'cut', 'backup')
    r.version, r.at = tonumber(r.version or nil), r.at or '0'
    if r.version then
        r.size, r.bits = tonumber(r.size), tonumber(r.bits)
    else
        r.size, r.bits = pool_fields('size', 'bits')
        r.size, r.bits = tonumber(r.size), tonumber(r.bits)
    end
    r.length = math.ceil(r.size * r.bits / 8)
    r.mine = parse_line(r.line, r.at, r.version or 0)
    r.cut = r.cut and r.cut ~= '' and r.cut ~= '0' and r.cut or nil
    return r
end

-- Takes out of both lines what fell out of either. Answers the cut of both, and whether it is too late: what the caller remembers
-- fell out, or the sides are not alike up to there.
local function level(r, theirs, at, cut)
    cut = cut ~= '' and cut ~= '0' and cut or nil
    if not r.version then
        return cut, false
    elseif not cut and not r.cut then
        return nil, false
    end
    local last = string.match((not cut or (r.cut and r.cut > cut)) and r.cut or cut, '^[^:]+')
    local differs = at <= last
    for _, line in ipairs({r.mine, theirs}) do
        for lineage in pairs(line) do
            differs = differs or (lineage <= last and r.mine[lineage] ~= theirs[lineage])
        end
    end
    r.cut, cut = cut_up_to(r.mine, r.cut, last), cut_up_to(theirs, cut, last)
    if r.cut == last or cut == last then -- a cut of a version before digests: only what is in both lines is known to be alike
        return last, differs
    end
    return r.cut, at <= last or cut ~= r.cut
end

-- What the list contains but for what is set in `lineage`, as text: that may go on while the list is joined in pieces.
local function shape_of(r, lineage)
    local line = r.line or ''
    if r.version and r.at ~= lineage and r.version > 0 then
        line = (line ~= '' and line .. ' ' or '') .. r.at .. ':' .. decimal(r.version)
    end
    return lineage .. ' ' .. (r.version and 'there' or 'gone') .. ' ' .. (r.backup or '') .. ' ' .. (r.cut or '') .. ' ' .. line
end

-- A join in pieces: the key in which they are put together, and of the marks of a lineage that come with them.
local PIECES_KEPT = 60000 -- ms after the last piece
local function pieces_key(id, random)
    return POOL .. 'list:' .. id .. ':join:' .. random
end

local function pieces_marks_key(id, random, lineage)
    return pieces_key(id, random) .. ':' .. lineage
end

-- What is done when the statuses are in their place: answers {what, version, '', number of the change}. `most`: the higher of both
-- versions. `mixed`: Redis' list had something of its own.
local BASE = 65536 -- for instances without histories: the largest list of which a copy is kept
local function finish(r, id, theirs, number, cut, lineage, late, n, channel)
    local what, mine, most = not r.version and 'W' or late and 'E' or 'U', r.mine, math.max(r.version or 0, number)
    for x, v in pairs(mine) do
        what = what == 'U' and v > (theirs[x] or 0) and 'M' or what
    end
    for x, v in pairs(theirs) do
        mine[x] = math.max(mine[x] or 0, v)
    end
    local line, fell = line_text(mine, lineage, cut)
    local version, set = most + 1 + JUMP, {}
    set = {'version', decimal(version), 'at', lineage, 'line', line}
    if fell then
        set[7], set[8] = 'cut', fell
    end
    -- An instance without histories that has published more than this mends it again, and keeps what was set since.
    if what ~= 'E' then
        local last = #set
        set[last + 1], set[last + 2], set[last + 3], set[last + 4] = 'mended', decimal(number), 'mended_at', decimal(version)
        if r.length <= BASE and redis.call('COPY', data_key(id), base_key(id), 'REPLACE') == 1 then
            redis.call('PEXPIRE', base_key(id), 3600000)
        else
            redis.call('DEL', base_key(id))
        end
    end
    redis.call('HSET', list_key(id), unpack(set))
    make_marks(id, lineage)
    announce(n, id, decimal(version), channel)
    return {what, version, '', n}
end
