-- ARGV: list id. Answers its record, or nil.
-- @part/lists.lua@
return record(ARGV[1]) or false
