-- ARGV: channel, list id, final status or -1, changes packed as 5 bytes each (uint32 index, uint8 value).
local id, final = ARGV[2], tonumber(ARGV[3])
local f = redis.call('HMGET', list_key(id), 'bits', 'size', 'version')
if not f[1] then
    return false
end
local bits, size, version = tonumber(f[1]), tonumber(f[2]), tonumber(f[3])
local flat = unpack_all('I4B', 2, 5, ARGV[4])
local inside = {}
for i = 1, #flat, 2 do
    if flat[i + 1] >= 2 ^ bits then
        return redis.error_reply('SLVALUE value does not fit the list')
    end
    if flat[i] < size then
        inside[#inside + 1] = flat[i]
    end
end
local status = {}
for i, value in ipairs(read_statuses(id, bits, inside)) do
    status[inside[i]] = value
end
local results, dirty, seen = {}, {}, {}
for i = 1, #flat, 2 do
    local index, value = flat[i], flat[i + 1]
    local result = '1'
    if index >= size then
        result = 'I'
    elseif status[index] == value then
        result = '0'
    elseif status[index] == final then
        result = 'F'
    else
        status[index] = value
        if not seen[index] then
            seen[index] = true
            dirty[#dirty + 1] = index
        end
    end
    results[#results + 1] = result
end
if #dirty > 0 then
    write_statuses(id, bits, dirty, status)
    version = redis.call('HINCRBY', list_key(id), 'version', 1)
    changed(id, version, ARGV[1])
end
return {version, #dirty > 0 and 1 or 0, table.concat(results)}
