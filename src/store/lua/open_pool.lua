-- ARGV: pool name, size, bits; KEYS[2]: the set of all pools. Then, from a process that takes part in the pool's history: 1 when it
-- has not opened the pool before, 1 when a list does not contain what it remembers of it; the lineage in which it was last, the
-- number of the newest change that it has seen in it, and the number with which it began; that lineage's parent and the number
-- with which that ended; the highest lineage it knows; 16 random hex digits.
-- Fixes size and bits when the pool is first opened, and begins a new lineage where the data may not be what the process takes
-- them for. Answers {size, bits, lists, change, replid, run id, lineage or '', why it was begun now ('': it was not), whether one of
-- those since the process' own was begun because the data may have gone back, the number with which it began, its parent or '', the
-- number with which that ended, ms for which indices are still to be marked}.
-- @part/lists.lua@
-- @part/lineage.lua@
local name, size, bits, first, back, mine, least, begun, parent, parent_end, highest, random = unpack(ARGV)
-- What is there already is not written: a Redis that is full refuses every write, but can be read.
for i, field in ipairs({'size', 'bits', 'change', 'taken'}) do
    if not pool_fields(field) then
        redis.call('HSETNX', KEYS[1], field, ({size, bits, 0, 0})[i])
    end
end
if redis.call('SISMEMBER', KEYS[2], name) == 0 then
    redis.call('SADD', KEYS[2], name)
end
local pool_size, pool_bits, change, present, parents, folded, began, noted =
    pool_fields('size', 'bits', 'change', 'lineage', 'lineages', 'folded', 'begun', 'replid')
local info = redis.call('INFO', 'server') .. redis.call('INFO', 'replication')
local replid, run = string.match(info, 'master_replid:(%x+)'), string.match(info, 'run_id:(%x+)')
parents, folded = parents or '', folded or ''
change, began = tonumber(change), tonumber(began or 0)

-- The last `n` words of a text.
local function last_words(text, n)
    local words = {}
    for word in string.gmatch(text, '%S+') do
        words[#words + 1] = word
    end
    return table.concat(words, ' ', math.max(1, #words - n + 1))
end

-- The number with which a lineage ended that is an ancestor, or the present number in the present one; nil for all others.
local function end_of(lineage)
    if lineage == present then
        return change
    end
    return tonumber(string.match(' ' .. parents .. ' ', ' ' .. string.gsub(lineage, '%-', '%%-') .. ':(%d+) '))
end

-- Where the caller stands. One that has seen no write in a lineage that was folded stands where its parent ended.
local function gone_back()
    local at, seen = mine, tonumber(least)
    if least == begun and string.find(' ' .. folded .. ' ', ' ' .. mine .. ' ', 1, true) then
        at, seen = parent, tonumber(parent_end)
    end
    local ended = end_of(at)
    return not ended or ended < seen
end

-- Why a new lineage has to begin; '' when it has not.
local function reason()
    if present and noted ~= replid then
        return 'replid'
    elseif first == '1' then
        return 'first'
    elseif gone_back() then
        return 'back'
    elseif back == '1' and (mine == present or highest > present) then
        return 'list'
    end
    return ''
end

-- A lineage in which nothing was written is folded: it leaves the list of ancestors, and only its id is kept. Otherwise starts of
-- processes alone would drive the ancestors out that matter.
local function draw(why)
    if present and change == began then
        folded = last_words(folded .. ' ' .. present, 64)
    else -- a pool without a lineage, new or flushed, was in '0': so the first one has a parent, too, and can be folded
        parents = last_words(parents .. ' ' .. (present or '0') .. ':' .. decimal(change), 15)
    end
    local ms = math.max(now_ms(), drawn_ms(present or '0') + 1, drawn_ms(highest) + 1)
    present = string.format('%012x-%s%s', ms, string.sub(random, 1, 15), why == 'first' and '0' or '1')
    -- Far enough, and at random, that the numbers of two lineages do not meet.
    change = change + 4194304 + tonumber(string.sub(random, 1, 6), 16)
    began = change
    redis.call('HSET', KEYS[1], 'lineage', present, 'lineages', parents, 'folded', folded, 'begun', decimal(began),
               'replid', replid, 'change', decimal(change))
end

local why = first and reason() or ''
if why ~= '' then
    draw(why)
end
local forked = 0
for lineage in string.gmatch(folded .. ' ' .. parents .. ' ' .. (present or ''), '%x+%-%x+') do
    if lineage > (mine or '0') and string.sub(lineage, -1) == '1' then
        forked = 1
    end
end
local last, ended = string.match(parents, '(%S+):(%d+)$')
local keep = 0
if present then
    -- With a margin of ten minutes, in which the clock of Redis may go back; but never for longer than that from now on.
    keep = math.max(0, math.min(marks_end(present) - now_ms(), marks_window(present)) + 600000)
end
return {tonumber(pool_size), tonumber(pool_bits), redis.call('SCARD', POOL .. 'lists'), change, replid, run, present or '', why, forked, began, last or '', tonumber(ended or 0), keep}
