-- ARGV: list id, index. Answers {value, version}, or {} for an index outside, or false without such a list.
local f = redis.call('HMGET', list_key(ARGV[1]), 'bits', 'size', 'version')
if not f[1] then
    return false
end
local index = tonumber(ARGV[2])
if index >= tonumber(f[2]) then
    return {}
end
return {read_statuses(ARGV[1], tonumber(f[1]), {index})[1], tonumber(f[3])}
