-- For scripts that put a list back after Redis went back, or out of a backup. Needs part/lists.lua.
-- The version of a mended or imported list is ahead by this of every version from before, so that each instance sees that it
-- was mended, and with less than what it has published. The number is that of store/store.h.
local JUMP = @SL_MEND_JUMP@

-- The statuses of a list that was mended or imported, as they were at that moment; expires.
local function base_key(id)
    return POOL .. 'list:' .. id .. ':base'
end

-- Makes the record of a list that comes back, sealed: which of its indices were given out is not known.
local function add_sealed_record(id, uri, size, bits, created)
    add_record(id, {uri = uri, size = size, bits = bits, seed = string.rep('\0', 32), cursor = size, epoch = '', state = 'sealed',
                    created = created, number = 0})
end
