-- ARGV: list id, index. Answers {value, version}, {} for an index outside the list, or nil when there is no such list.
local id, index = unpack(ARGV)
local bits, size, version = fields(id, 'bits', 'size', 'version')
if not bits then
    return false
elseif tonumber(index) >= tonumber(size) then
    return {}
end
return {read_statuses(id, tonumber(bits), {tonumber(index)})[1], tonumber(version)}
