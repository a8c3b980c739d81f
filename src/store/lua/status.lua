-- ARGV: list id, index, lineage, newest change seen in it. Answers {value, version, lineage of the version ('': the caller's)}, {}
-- for an index outside the list, or nil when there is no such list.
-- @part/statuses.lua@
-- @part/fence_look.lua@
local id, index, lineage, least = unpack(ARGV)
if is_other_history(lineage, least) then
    return refuse()
end
local bits, size, version, at = fields(id, 'bits', 'size', 'version', 'at')
if not bits then
    return false
elseif tonumber(index) >= tonumber(size) then
    return {}
end
return {read_statuses(id, tonumber(bits), {tonumber(index)})[1], tonumber(version), at == lineage and '' or at or ''}
