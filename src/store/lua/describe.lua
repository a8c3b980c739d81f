-- ARGV: list id.
return record(ARGV[1]) or false
