-- ARGV: channel, list id, uri, version to be passed, version of the bytes, bytes.
-- Redis went back, and the caller has published more of this list than Redis has. Answers {version, what}: 'C' there was
-- nothing to do, 'W' created again, 'U' raised, 'M' raised further, after an instance had mended it with less, 'T' the list is or
-- was retired.
-- @part/lists.lua@
-- @part/put_back.lua@
local channel, id, uri, least, source, bytes = unpack(ARGV)
least, source = tonumber(least), tonumber(source)
local KEEP = 3600000 -- ms in which an instance that has published more may raise the list further
local base = base_key(id)
local version, mended, mended_at, bits, state = fields(id, 'version', 'mended', 'mended_at', 'bits', 'state')
version, mended, mended_at, bits = tonumber(version), tonumber(mended), tonumber(mended_at), tonumber(bits)

local function raise(text, from, what)
    put_back(id, text, from, least + JUMP, KEEP, channel)
    return {least + JUMP, what}
end

-- Writes `text`, and over it the statuses that were set since the list was mended: those that differ from `base`.
local function overlay(text)
    local now, diff = data_key(id), base .. ':diff'
    redis.call('BITOP', 'XOR', diff, now, base)
    local indices, values, at = {}, {}, redis.call('BITPOS', diff, 1)
    while at >= 0 do
        local byte = math.floor(at / 8)
        local first = byte * 8 / bits
        local a, b = redis.call('GETRANGE', now, byte, byte), redis.call('GETRANGE', base, byte, byte)
        a, b = #a > 0 and string.byte(a) or 0, #b > 0 and string.byte(b) or 0
        for i = 0, 8 / bits - 1 do
            local value = math.floor(a / 2 ^ (i * bits)) % 2 ^ bits
            if value ~= math.floor(b / 2 ^ (i * bits)) % 2 ^ bits then
                indices[#indices + 1] = first + i
                values[first + i] = value
            end
        end
        at = redis.call('BITPOS', diff, 1, byte + 1)
    end
    redis.call('DEL', diff)
    redis.call('SET', now, text)
    write_statuses(id, bits, indices, values)
end

if state == 'retired' or was_retired(id) then
    return {version or 0, 'T'}
elseif not version then
    local pool_size, pool_bits = pool_fields('size', 'bits')
    add_sealed_record(id, uri, pool_size, pool_bits, decimal(now_ms()))
    return raise(bytes, source, 'W')
elseif version < least then
    if source > version then
        return raise(bytes, source, 'U')
    end
    return raise(nil, version, 'U')
elseif mended and source > mended and source < mended_at and redis.call('EXISTS', base) == 1 then
    overlay(bytes)
    redis.call('SET', base, bytes)
    redis.call('PEXPIRE', base, KEEP)
    version = version + 1
    redis.call('HSET', list_key(id), 'version', version, 'mended', source)
    changed(id, version, channel)
    return {version, 'M'}
end
return {version, 'C'}
