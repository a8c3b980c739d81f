-- For scripts that read or make records of lists.
local function returned_key(id)
    return POOL .. 'list:' .. id .. ':returned'
end

-- Fields of the pool: `local size, bits = pool_fields('size', 'bits')`.
local function pool_fields(...)
    return unpack(redis.call('HMGET', KEYS[1], ...))
end

-- Redis' master_replid, which changes when Redis was restarted, failed over, or has got its first replica.
local function epoch()
    return string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
end

local function now_ms()
    local t = redis.call('TIME')
    return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

-- A time in ms, or another whole number up to 2^53, as text without an exponent.
local function decimal(n)
    return string.format('%.0f', n)
end

-- A record as sl_decode_record reads it; nil when there is no such list, or its key holds something else than a hash.
local function record(id)
    local found = redis.pcall('HMGET', list_key(id), 'uri', 'seed', 'size', 'bits', 'state', 'cursor', 'version',
                              'at', 'line', 'cut')
    if found.err and not string.find(found.err, '^WRONGTYPE') then
        error(found)
    elseif found.err or not found[1] then
        return nil
    end
    local uri, seed, size, bits, state, cursor, version, at, line, cut = unpack(found)
    local change = redis.call('ZSCORE', POOL .. 'changes', id)
    return {id, uri, seed, tonumber(size), tonumber(bits), state, tonumber(cursor), tonumber(version),
            tonumber(change or 0), at or '', line or '', cut or ''}
end

-- Whether these are what sl_decode_record takes for a lineage, and a line.
local function is_lineage(text)
    return not text or text == '' or text == '0' or
        #text == 29 and string.find(text, '^%x+%-%x+$') == 1 and string.sub(text, 13, 13) == '-' and not string.find(text, '%u')
end

local function is_line(text)
    local n, last, length = 0, '', 0
    for part, at, version in string.gmatch(text or '', '((%S+):(%d+))') do
        if not is_lineage(at) or (n > 0 and at <= last) or #version > 15 or string.sub(version, 1, 1) == '0' then
            return false
        end
        n, last, length = n + 1, at, length + #part
    end
    return n < 16 and length + math.max(0, n - 1) == #(text or '')
end

-- Whether that is what sl_cut_parse takes: a lineage alone (of a version before digests), or with ten hex digits.
local function is_cut(text)
    return is_lineage(text) or
        #text == 40 and is_lineage(string.sub(text, 1, 29)) and string.find(text, '^:%x+$', 30) == 30 and not string.find(text, '%u')
end

-- Whose the list is, and how far: owner, state, cursor, size, reserved. Owner is false when the record is damaged: a caller would
-- not be able to read it, and goes on without this list.
local function ownership(id)
    local found = redis.pcall('HMGET', list_key(id), 'owner', 'state', 'cursor', 'size', 'reserved', 'bits', 'version', 'uri', 'seed',
                              'at', 'line', 'cut')
    if found.err and not string.find(found.err, '^WRONGTYPE') then
        error(found)
    end
    local cursor, size = tonumber(found[3] or ''), tonumber(found[4] or '')
    if found.err or not cursor or not size or not tonumber(found[6] or '') or not tonumber(found[7] or '') or not found[8] or
        #(found[9] or '') ~= 32 or not is_lineage(found[10]) or not is_line(found[11]) or not is_cut(found[12]) then
        return false
    end
    return found[1], found[2], cursor, size, found[5]
end

-- The pool had this list once, and it was dropped after its retirement: it is never made again.
local function was_retired(id)
    return redis.call('SISMEMBER', POOL .. 'retired', id) == 1
end

-- Makes the record of a list. `r` has its fields: uri, size, bits, seed, cursor, epoch, state, created, number.
local function add_record(id, r)
    redis.call('HSET', list_key(id), 'uri', r.uri, 'bits', r.bits, 'size', r.size, 'version', 0, 'cursor', r.cursor,
               'seed', r.seed, 'epoch', r.epoch, 'state', r.state, 'created', r.created, 'number', r.number)
    redis.call('SADD', POOL .. 'lists', id)
end

-- Until when a list counts as its owner's, counted from now: then anybody may seal it.
local DAY = 86400000 -- ms
