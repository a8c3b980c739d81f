-- ARGV: list id, then the lineages whose marks are wanted.
-- Answers what the transaction of `load` does: {TIME, {version, at, line, cut}, bytes, marks of each lineage}.
local id = ARGV[1]
local found = {redis.call('TIME'), redis.call('HMGET', list_key(id), 'version', 'at', 'line', 'cut'), redis.call('GET', data_key(id))}
for i = 2, #ARGV do
    found[i + 2] = redis.call('GET', POOL .. 'list:' .. id .. ':marks:' .. ARGV[i])
end
return found
