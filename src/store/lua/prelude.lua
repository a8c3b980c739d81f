-- Stands before every script. KEYS[1] is statuslist:{<pool>}:config; the pool's other keys are made from it.
local POOL = string.sub(KEYS[1], 1, -7)
local PACK = 500 -- Lua's unpack and a call's arguments are limited to some 8,000 values
local OPS = 1000 -- operations per BITFIELD

local function list_key(id)
    return POOL .. 'list:' .. id .. ':config'
end

local function data_key(id)
    return POOL .. 'list:' .. id .. ':data'
end

local function returned_key(id)
    return POOL .. 'list:' .. id .. ':returned'
end

-- The statuses of a list that was mended or imported, as they were then; lives for a while only.
local function base_key(id)
    return POOL .. 'list:' .. id .. ':base'
end

-- The replication id changes whenever the data may have gone back: at a restart, a failover, a restored backup.
local function epoch()
    return string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
end

local function now_ms()
    local t = redis.call('TIME')
    return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

-- As sl_decode_record reads it; nil when there is no such list.
local function record(id)
    local f = redis.call('HMGET', list_key(id), 'uri', 'seed', 'size', 'bits', 'state', 'cursor', 'version')
    if not f[1] then
        return nil
    end
    local change = redis.call('ZSCORE', POOL .. 'changes', id)
    return {id, f[1], f[2], tonumber(f[3]), tonumber(f[4]), f[5], tonumber(f[6]), tonumber(f[7]),
            tonumber(change or 0)}
end

-- Numbers the change and tells the subscribers. Answers the number.
local function changed(id, version, channel)
    local n = redis.call('HINCRBY', KEYS[1], 'change', 1)
    redis.call('ZADD', POOL .. 'changes', n, id)
    redis.call('PUBLISH', channel, id .. ' ' .. version)
    return n
end

-- A list after Redis went back, or out of a backup: sealed, at version `at`, with the statuses `bytes` (nil: those that it has),
-- which are of version `from`. What is there then is kept beside it for `keep` ms.
local function put_back(id, bytes, from, at, keep, channel)
    if bytes then
        redis.call('SET', data_key(id), bytes)
    end
    redis.call('HSET', list_key(id), 'version', at, 'state', 'sealed', 'mended', from, 'mended_at', at)
    redis.call('COPY', data_key(id), base_key(id), 'REPLACE')
    redis.call('PEXPIRE', base_key(id), keep)
    redis.call('ZREM', POOL .. 'open', id)
    redis.call('DEL', returned_key(id))
    changed(id, at, channel)
end

-- False when the pool has that list already: a caller that lost the reply comes again with the same draft.
local function create(id, uri, seed, now, channel)
    if redis.call('SISMEMBER', POOL .. 'lists', id) == 1 or redis.call('SISMEMBER', POOL .. 'retired', id) == 1 then
        return false
    end
    local pool = redis.call('HMGET', KEYS[1], 'size', 'bits')
    local n = changed(id, 0, channel)
    redis.call('HSET', list_key(id), 'uri', uri, 'bits', pool[2], 'size', pool[1], 'version', 0, 'cursor', 0, 'seed',
               seed, 'epoch', now, 'state', 'open', 'created', string.format('%.0f', now_ms()), 'number', n)
    redis.call('SADD', POOL .. 'lists', id)
    redis.call('ZADD', POOL .. 'open', n, id)
    return true
end

-- The numbers of a string that repeats `format` (`width` values and `size` bytes each), flat.
local function unpack_all(format, width, size, packed)
    local all, at, n = {}, 0, #packed / size
    for first = 1, n, PACK do
        local count = math.min(PACK, n - first + 1)
        local part = {struct.unpack('<' .. string.rep(format, count), packed, (first - 1) * size + 1)}
        for i = 1, count * width do
            all[at + i] = part[i]
        end
        at = at + count * width
    end
    return all
end

-- Lists count from the least significant bit of a byte, BITFIELD from the most significant. Redis writes a number that it is
-- given with %.17g: no exponent, no fraction.
local function bit_offset(bits, index)
    local bit = index * bits
    return bit + 8 - bits - 2 * (bit % 8)
end

-- The statuses at `indices`, in that order.
local function read_statuses(id, bits, indices)
    local values, kind = {}, 'u' .. bits
    for first = 1, #indices, OPS do
        local args = {}
        for i = first, math.min(first + OPS - 1, #indices) do
            args[#args + 1] = 'GET'
            args[#args + 1] = kind
            args[#args + 1] = bit_offset(bits, indices[i])
        end
        for _, v in ipairs(redis.call('BITFIELD_RO', data_key(id), unpack(args))) do
            values[#values + 1] = v
        end
    end
    return values
end

local function write_statuses(id, bits, indices, values)
    local kind = 'u' .. bits
    for first = 1, #indices, OPS do
        local args = {}
        for i = first, math.min(first + OPS - 1, #indices) do
            args[#args + 1] = 'SET'
            args[#args + 1] = kind
            args[#args + 1] = bit_offset(bits, indices[i])
            args[#args + 1] = values[indices[i]]
        end
        redis.call('BITFIELD', data_key(id), unpack(args))
    end
end
