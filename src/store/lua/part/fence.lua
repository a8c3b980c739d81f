-- For scripts that change a list: they are fenced, and note in which lineage. Needs part/lineage.lua.
-- The caller gives its lineage, the number of the newest change that it has seen in it, and whether what is acknowledged is marked.
local NEAR = 1048576

-- Numbers the change, and that number is the fence. Data that went back, or on to another lineage, count from elsewhere: no number
-- is given then, and nothing is written.
local function next_change(lineage, least)
    local n = redis.call('HINCRBY', KEYS[1], 'change', 1)
    if n <= least or n > least + NEAR then
        redis.call('HINCRBY', KEYS[1], 'change', -1)
        return nil
    end
    return n
end

-- Whether the pool is in the caller's lineage. A list whose head is of that lineage tells the same, together with the number: those of
-- a later one are further ahead.
local function is_present(lineage)
    return redis.call('HGET', KEYS[1], 'lineage') == lineage
end

local function refuse(number)
    if number then
        redis.call('HINCRBY', KEYS[1], 'change', -1)
    end
    return redis.error_reply('SLHISTORY the data have another history than the caller')
end

local function marks_key(id, lineage)
    return POOL .. 'list:' .. id .. ':marks:' .. lineage
end

-- Marks are kept for an hour longer than any is set. The key is made with the first change in the lineage, so that it always expires.
local function make_marks(id, lineage)
    redis.call('SET', marks_key(id, lineage), '', 'NX')
    redis.call('PEXPIREAT', marks_key(id, lineage), string.format('%.0f', marks_end(lineage) + 3600000))
end

-- `cut` remembers what fell out of a line: the highest lineage, and a digest of all of it, lowest first. Two lists with one cut are
-- alike up to it. Every product is below 2^53, so the numbers are exact; core/history.c has the same digest.
local PRIME = 1099511627689
local function cut_at(cut, lineage, version)
    local name = lineage == '0' and '000000000000-0000000000000001' or lineage
    if cut and cut ~= '' and not string.find(cut, ':', 1, true) then
        return name -- of a version before digests
    end
    local digest = tonumber(string.match(cut or '', ':(%x+)$') or '0', 16)
    for _, byte in ipairs({string.byte(lineage .. ':' .. version, 1, -1)}) do
        digest = (digest * 4099 + byte) % PRIME
    end
    -- '0' would say that nothing fell out
    return string.format('%s:%05x%05x', name, math.floor(digest / 1048576), digest % 1048576)
end

-- Appends a lineage and its last version to a line; of more than 15 the lowest falls out, which `cut` remembers.
local function longer_line(line, cut, lineage, version)
    line = (line and line ~= '' and line .. ' ' or '') .. lineage .. ':' .. version
    local _, n = string.gsub(line, ':', '')
    for _ = 16, n do
        local lowest, before, rest = string.match(line, '^([^:]+):(%d+) (.*)$')
        cut, line = cut_at(cut, lowest, before), rest
    end
    return line, cut
end

-- The head of list `id` is of `lineage` from now on; it was version `version` of `at` (false: from before there were lineages).
local function touch(id, lineage, at, version)
    local line, cut = fields(id, 'line', 'cut')
    if tonumber(version) > 0 then
        line, cut = longer_line(line, cut, at or '0', version)
    end
    if cut then
        redis.call('HSET', list_key(id), 'at', lineage, 'line', line, 'cut', cut)
    else
        redis.call('HSET', list_key(id), 'at', lineage, 'line', line or '')
    end
    make_marks(id, lineage)
end

-- Tells the subscribers of change number `n`.
local function announce(n, id, version, channel)
    redis.call('ZADD', POOL .. 'changes', n, id)
    redis.call('PUBLISH', channel, id .. ' ' .. version)
end
