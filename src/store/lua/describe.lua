-- ARGV: list id. Answers its record, only its id when the pool has the list without one, or nil.
-- @part/lists.lua@
local id = ARGV[1]
return record(id) or redis.call('ZSCORE', POOL .. 'changes', id) and {id} or false
