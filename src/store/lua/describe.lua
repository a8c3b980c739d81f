-- ARGV: list id. Answers its record, or nil.
return record(ARGV[1]) or false
