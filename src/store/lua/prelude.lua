-- Stands before every script. KEYS[1] is statuslist:{<pool>}:config; the pool's other keys are made from it.
local POOL = string.sub(KEYS[1], 1, -7)
local PACK = 500 -- Lua's unpack and a call's arguments are limited to some 8,000 values
local OPS = 1000 -- operations per BITFIELD
-- The version of a mended or imported list is ahead by this of every version from before, so that each instance sees that it
-- was mended, and with less than what it has published. The number is that of store/store.h.
local JUMP = @SL_MEND_JUMP@
local NO_SEED = string.rep('\0', 32) -- of a list from which nothing is ever taken

local function list_key(id)
    return POOL .. 'list:' .. id .. ':config'
end

local function data_key(id)
    return POOL .. 'list:' .. id .. ':data'
end

local function returned_key(id)
    return POOL .. 'list:' .. id .. ':returned'
end

-- The statuses of a list that was mended or imported, as they were at that moment; expires.
local function base_key(id)
    return POOL .. 'list:' .. id .. ':base'
end

-- Fields of a list, of the pool: `local size, bits = fields(id, 'size', 'bits')`. A field that is not there is false.
local function fields(id, ...)
    return unpack(redis.call('HMGET', list_key(id), ...))
end

local function pool_fields(...)
    return unpack(redis.call('HMGET', KEYS[1], ...))
end

-- Redis' master_replid, which changes whenever the data may have gone back: at a restart, a failover, a restored backup.
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

-- As sl_decode_record reads it; nil when there is no such list.
local function record(id)
    local uri, seed, size, bits, state, cursor, version =
        fields(id, 'uri', 'seed', 'size', 'bits', 'state', 'cursor', 'version')
    if not uri then
        return nil
    end
    local change = redis.call('ZSCORE', POOL .. 'changes', id)
    return {id, uri, seed, tonumber(size), tonumber(bits), state, tonumber(cursor), tonumber(version),
            tonumber(change or 0)}
end

-- Numbers the change and tells the subscribers. Answers the number.
local function changed(id, version, channel)
    local n = redis.call('HINCRBY', KEYS[1], 'change', 1)
    redis.call('ZADD', POOL .. 'changes', n, id)
    redis.call('PUBLISH', channel, id .. ' ' .. version)
    return n
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

-- The same for a list that comes back, sealed: what was given out of it is not known, so nothing is.
local function add_sealed_record(id, uri, size, bits, created)
    add_record(id, {uri = uri, size = size, bits = bits, seed = NO_SEED, cursor = size, epoch = '', state = 'sealed',
                    created = created, number = 0})
end

-- Seals a list after Redis went back, or out of a backup, and gives it the version `at` and the statuses `bytes` (nil: it keeps
-- those that it has), which are of version `from`. A copy of the statuses is kept for `keep` ms.
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

-- Makes a list from a draft. False when the pool has it already: a caller that lost the reply sends the same draft again.
local function create(id, uri, seed, now, channel)
    if redis.call('SISMEMBER', POOL .. 'lists', id) == 1 or was_retired(id) then
        return false
    end
    local size, bits = pool_fields('size', 'bits')
    local n = changed(id, 0, channel)
    add_record(id, {uri = uri, size = size, bits = bits, seed = seed, cursor = 0, epoch = now, state = 'open',
                    created = decimal(now_ms()), number = n})
    redis.call('ZADD', POOL .. 'open', n, id)
    return true
end

-- Unpacks a string that repeats `format` (`width` values and `size` bytes each) into one flat table of numbers.
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

-- Lists count from the least significant bit of a byte, BITFIELD from the most significant. Redis formats the number with %.17g,
-- which has neither exponent nor fraction here.
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

-- Writes values[index] for each of `indices`.
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
