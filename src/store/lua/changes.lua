-- ARGV: since, limit. Looks at the lists that changed after `since`.
-- Answers {number of the last change, epoch, records, lists looked at, number of the last change looked at, Redis' time in ms,
-- the pool's lineage or ''}.
-- A list without a record, or whose key holds something else, answers only its id: it must not hide the lists behind it.
-- @part/lists.lua@
local since, limit = unpack(ARGV)
local records, last = {}, 0
local found = redis.call('ZRANGEBYSCORE', POOL .. 'changes', '(' .. since, '+inf', 'WITHSCORES', 'LIMIT', 0, limit)
for i = 1, #found, 2 do
    local id = found[i]
    records[#records + 1] = record(id) or {id}
    last = tonumber(found[i + 1])
end
local change, lineage = pool_fields('change', 'lineage')
return {tonumber(change or 0), epoch(), records, #records, last, now_ms(), lineage or ''}
