-- ARGV: channel, list id, uri, size, bits, version, created, backup id, raise (1 or 0), bytes.
-- Puts a list of a backup here, sealed: what was given out of it after the backup is not known. Answers {what, version}:
-- 0 Redis has that version or a later one, 1 made, 2 raised, 3 this backup was put here before, 4 it is here and may not be
-- raised, 5 the pool or the list has another shape, 6 it is retired, or was.
local id, uri, version, backup, bytes = ARGV[2], ARGV[3], tonumber(ARGV[6]), ARGV[8], ARGV[10]
local JUMP = 1048576 -- as in mend.lua: whoever has published more sees that this was put back with less, and mends it
local KEEP = 600000 -- ms for which such instances are waited for
local pool = redis.call('HMGET', KEYS[1], 'size', 'bits')
local f = redis.call('HMGET', list_key(id), 'version', 'backup', 'size', 'bits', 'mended', 'mended_at', 'uri', 'state')
local present, what = tonumber(f[1]), 1
if pool[1] ~= ARGV[4] or pool[2] ~= ARGV[5] or (present and (f[3] ~= ARGV[4] or f[4] ~= ARGV[5] or f[7] ~= uri)) then
    return {5, 0}
elseif f[8] == 'retired' or redis.call('SISMEMBER', POOL .. 'retired', id) == 1 then
    return {6, present or 0}
elseif present and f[2] == backup then
    return {3, present}
elseif present and ARGV[9] ~= '1' then
    return {4, present}
elseif present then
    local mended, mended_at = tonumber(f[5]), tonumber(f[6])
    -- What was mended or put back, with less than this, and not changed since.
    local less = mended and mended < version and version < mended_at and present == mended_at
    if present >= version and not less then
        return {0, present}
    end
    what = 2
else
    redis.call('HSET', list_key(id), 'uri', uri, 'bits', ARGV[5], 'size', ARGV[4], 'cursor', ARGV[4],
               'seed', string.rep('\0', 32), 'epoch', '', 'created', ARGV[7], 'number', 0)
    redis.call('SADD', POOL .. 'lists', id)
end
local at = math.max(present or 0, version) + JUMP
redis.call('HSET', list_key(id), 'backup', backup)
put_back(id, bytes, version, at, KEEP, ARGV[1])
return {what, at}
