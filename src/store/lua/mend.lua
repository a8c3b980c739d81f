-- ARGV: channel, list id, uri, seed of 32 bytes, version to be passed, version of the bytes, bytes.
-- Redis went back, and the caller has published more of this list than is here. Answers {version, what}: 0 nothing was to
-- do, 1 made again, 2 raised, 3 what an instance had mended before was raised further,
-- 4 the list is retired, or was.
local id, least, source, bytes = ARGV[2], tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]
local JUMP = 1048576 -- a mended list is ahead of every version from before, so that all instances see that it was mended
local KEEP = 3600000 -- ms for which instances that know more are waited for
local base = base_key(id)
local f = redis.call('HMGET', list_key(id), 'version', 'mended', 'mended_at', 'bits', 'state')
local version, mended, mended_at, bits = tonumber(f[1]), tonumber(f[2]), tonumber(f[3]), tonumber(f[4])

local function write(text, from, at, what)
    put_back(id, text, from, at, KEEP, ARGV[1])
    return {at, what}
end

-- The statuses that were set since the list was mended, over those of `text`.
local function overlay(text)
    local now, was, diff = data_key(id), base, base .. ':diff'
    redis.call('BITOP', 'XOR', diff, now, was)
    local found, at = {}, redis.call('BITPOS', diff, 1)
    while at >= 0 do
        local byte = math.floor(at / 8)
        local first = byte * 8 / bits
        local a, b = redis.call('GETRANGE', now, byte, byte), redis.call('GETRANGE', was, byte, byte)
        a, b = #a > 0 and string.byte(a) or 0, #b > 0 and string.byte(b) or 0
        for i = 0, 8 / bits - 1 do
            local value = math.floor(a / 2 ^ (i * bits)) % 2 ^ bits
            if value ~= math.floor(b / 2 ^ (i * bits)) % 2 ^ bits then
                found[#found + 1] = first + i
                found[first + i + 0.5] = value
            end
        end
        at = redis.call('BITPOS', diff, 1, byte + 1)
    end
    redis.call('DEL', diff)
    redis.call('SET', now, text)
    local values = {}
    for _, index in ipairs(found) do
        values[index] = found[index + 0.5]
    end
    write_statuses(id, bits, found, values)
end

if f[5] == 'retired' or redis.call('SISMEMBER', POOL .. 'retired', id) == 1 then
    return {version or 0, 4}
elseif not version then
    local pool = redis.call('HMGET', KEYS[1], 'size', 'bits')
    redis.call('HSET', list_key(id), 'uri', ARGV[3], 'bits', pool[2], 'size', pool[1], 'version', 0, 'cursor', pool[1],
               'seed', ARGV[4], 'epoch', '', 'state', 'sealed', 'created', string.format('%.0f', now_ms()), 'number', 0)
    redis.call('SADD', POOL .. 'lists', id)
    return write(bytes, source, least + JUMP, 1)
elseif version < least then
    if source > version then
        return write(bytes, source, least + JUMP, 2)
    end
    return write(nil, version, least + JUMP, 2)
elseif mended and source > mended and source < mended_at and redis.call('EXISTS', base) == 1 then
    overlay(bytes)
    redis.call('SET', base, bytes)
    redis.call('PEXPIRE', base, KEEP)
    version = version + 1
    redis.call('HSET', list_key(id), 'version', version, 'mended', source)
    changed(id, version, ARGV[1])
    return {version, 3}
end
return {version, 0}
