-- Stands before every script, and each call creates these functions again, so it has only what most scripts use. KEYS[1] is
-- statuslist:{<pool>}:config; the pool's other keys are made from it.
local POOL = string.sub(KEYS[1], 1, -7)
local PACK = 500 -- Lua's unpack and a call's arguments are limited to some 8,000 values
local OPS = 1000 -- operations per BITFIELD

local function list_key(id)
    return POOL .. 'list:' .. id .. ':config'
end

local function data_key(id)
    return POOL .. 'list:' .. id .. ':data'
end

-- Fields of a list: `local size, bits = fields(id, 'size', 'bits')`. A field that is not there is false.
local function fields(id, ...)
    return unpack(redis.call('HMGET', list_key(id), ...))
end

-- Numbers the change and tells the subscribers. Answers the number.
local function changed(id, version, channel)
    local n = redis.call('HINCRBY', KEYS[1], 'change', 1)
    redis.call('ZADD', POOL .. 'changes', n, id)
    redis.call('PUBLISH', channel, id .. ' ' .. version)
    return n
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
