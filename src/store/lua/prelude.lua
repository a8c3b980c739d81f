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
