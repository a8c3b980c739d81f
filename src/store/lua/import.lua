-- ARGV: channel, list id, uri, size, bits, version, created, backup id, raise (1 or 0), bytes; then the lineage of the version, the
-- line before it and what fell out of that, all '' in a backup from before there were lineages.
-- Puts a list of a backup into Redis, sealed: which indices were given out after the backup is not known. Answers {what, version}:
-- 'C' Redis has that version, a later one, or changes that the backup does not have, 'W' created, 'U' raised, 'A' this backup was
-- imported before, 'P' the list exists and may not be raised, 'S' the pool or the list has another shape, 'T' it is or was retired.
-- @part/lists.lua@
-- @part/put_back.lua@
-- @part/lineage.lua@
-- @part/fence.lua@
local channel, id, uri, size, bits, version, created, backup, raise, bytes, lineage, line, cut = unpack(ARGV)
local KEEP = 600000 -- ms in which an instance that has published more may mend the list, from the copy of its statuses
version = tonumber(version)
local pool_size, pool_bits = pool_fields('size', 'bits')
local present, its_backup, its_size, its_bits, mended, mended_at, its_uri, state, its_lineage, its_line =
    fields(id, 'version', 'backup', 'size', 'bits', 'mended', 'mended_at', 'uri', 'state', 'at', 'line')
present, mended, mended_at = tonumber(present), tonumber(mended), tonumber(mended_at)

-- Whether a state, its lineage, version and the line before it, contains a version of a lineage ('': of before there were any).
local function contains(at, number, before, other_at, other)
    other_at = other_at == '' and '0' or other_at
    if (at == '' and '0' or at) == other_at then
        return number >= other
    end
    return tonumber(string.match(' ' .. before, ' ' .. string.gsub(other_at, '-', '%%-') .. ':(%d+)') or 0) >= other
end

local what = 'W'
if pool_size ~= size or pool_bits ~= bits or (present and (its_size ~= size or its_bits ~= bits or its_uri ~= uri)) then
    return {'S', 0}
elseif state == 'retired' or was_retired(id) then
    return {'T', present or 0}
elseif present and its_backup == backup then
    return {'A', present}
elseif present and raise ~= '1' then
    return {'P', present}
elseif present then
    -- It was mended or imported with less than this, and has not changed since.
    local less = mended and mended < version and version < mended_at and present == mended_at
    its_lineage, its_line = its_lineage or '', its_line or ''
    less = less and its_lineage == lineage
    if (contains(its_lineage, present, its_line, lineage, version) and not less)
        or not contains(lineage, version, line, its_lineage, less and 0 or present) then
        return {'C', present}
    end
    what = 'U'
else
    add_sealed_record(id, uri, size, bits, created)
end
local at = lineage ~= '' and version or math.max(present or 0, version) + JUMP
redis.call('HSET', list_key(id), 'backup', backup)
if lineage ~= '' then
    redis.call('HSET', list_key(id), 'at', lineage, 'line', line)
    if cut ~= '' or what == 'U' then -- the list that was there may have one
        redis.call('HSET', list_key(id), 'cut', cut)
    end
end
redis.call('SET', data_key(id), bytes)
redis.call('HSET', list_key(id), 'version', at, 'state', 'sealed', 'mended', version, 'mended_at', at)
redis.call('COPY', data_key(id), base_key(id), 'REPLACE')
redis.call('PEXPIRE', base_key(id), KEEP)
redis.call('ZREM', POOL .. 'open', id)
redis.call('DEL', returned_key(id))
announce(redis.call('HINCRBY', KEYS[1], 'change', 1), id, at, channel)
return {what, at}
