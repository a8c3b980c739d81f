-- For scripts that look at data and number no change: whether these are of another history than the caller knows, or less of it.
local function is_other_history(lineage, least)
    local present, change = unpack(redis.call('HMGET', KEYS[1], 'lineage', 'change'))
    return present ~= lineage or tonumber(change or 0) < tonumber(least)
end

local function refuse()
    return redis.error_reply('SLHISTORY the data have another history than the caller')
end
