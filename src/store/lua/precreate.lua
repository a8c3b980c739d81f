-- ARGV: channel, spares, then drafts of id, uri, seed. Makes lists until `spares` open ones are untouched. Answers their records.
-- @part/lists.lua@
local channel, spares = unpack(ARGV, 1, 2)
local now, have = epoch(), 0
for _, id in ipairs(redis.call('ZRANGE', POOL .. 'open', 0, -1)) do
    local list_epoch, cursor = fields(id, 'epoch', 'cursor')
    if list_epoch == now and cursor == '0' and redis.call('EXISTS', returned_key(id)) == 0 then
        have = have + 1
    end
end
local made = {}
for d = 3, #ARGV - 2, 3 do
    local id, uri, seed = unpack(ARGV, d, d + 2)
    if have < tonumber(spares) and create(id, uri, seed, now, channel) then
        have = have + 1
        made[#made + 1] = record(id)
    end
end
return made
