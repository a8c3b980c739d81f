-- For scripts that read or write statuses one by one.
-- Lists count from the least significant bit of a byte, BITFIELD from the most significant. As text, since a number would be
-- formatted with %.17g, which takes Redis three times as long.
local function bit_offset(bits, index)
    local bit = index * bits
    return string.format('%d', bit + 8 - bits - 2 * (bit % 8))
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
