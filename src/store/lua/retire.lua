-- ARGV: channel, run, lineage, newest change seen in it, ms that a list stays after its last reservation (0: none is retired now), ms of
-- the lease, ms for which a retired list is kept, the number of lists whose references the caller holds, their ids, then ids of lists to check.
-- Answers {ids that are retired, ids that are gone for good, lists sealed because no process has owned them for a day, times that
-- were put right}.
-- Each caller vouches for the references that it holds until its lease ends, and for a day that it owns its lists.
-- @part/lists.lua@
-- @part/put_back.lua@
-- @part/lineage.lua@
-- @part/fence.lua@
local channel, run, lineage, least, after, lease, keep, held = unpack(ARGV, 1, 8)
after, lease, keep = tonumber(after), tonumber(lease), tonumber(keep)
local now, first = now_ms(), 9 + tonumber(held)
local retired, gone, abandoned = {}, {}, 0
local watched
local corrected = 0

-- No caller writes a time that is further ahead than `most`, a day apart for what others may be configured to. One that is was
-- written while Redis' clock was wrong, and nothing would be retired before that date. It counts as written now: later than it was, so
-- nothing is retired too early.
local function plausible(time, most)
    if time and time > now + most + DAY then
        corrected = corrected + 1
        return now + most, true
    end
    return time, false
end

-- When no instance has called this for longer than a lease (none ran, or retire-after was 0), references may have been handed out
-- that no list has recorded: the time of all lists counts from now on.
if after > 0 then
    local looked
    watched, looked = pool_fields('watched', 'looked')
    watched, looked = tonumber(watched or ''), tonumber(looked or '')
    watched = plausible(watched, lease)
    local _, wrong = plausible(looked, lease)
    if not watched or not looked or wrong or now > looked then
        watched = now + lease
    end
    redis.call('HSET', KEYS[1], 'watched', decimal(watched), 'looked', decimal(now + lease))
end

local function drop(id)
    redis.call('SADD', POOL .. 'retired', id) -- for ever, so that the list is never made again
    redis.call('SREM', POOL .. 'lists', id)
    redis.call('ZREM', POOL .. 'changes', id)
    local at, line = fields(id, 'at', 'line')
    for lineage in string.gmatch((at or '') .. ' ' .. (line or ''), '%x+%-%x+') do
        redis.call('DEL', marks_key(id, lineage))
    end
    redis.call('DEL', list_key(id), data_key(id), returned_key(id), base_key(id))
end

-- An open list is not retired. Its owner shows that it lives; what nobody owns any more is sealed.
local function watch_owner(id, owner, owned)
    if not owner or not owned then
        return
    elseif owner == run then
        if now > owned - DAY / 2 or now < owned - 2 * DAY then
            redis.call('HSET', list_key(id), 'owned', decimal(now + DAY))
        end
    elseif now < owned - 2 * DAY then
        corrected = corrected + 1
        redis.call('HSET', list_key(id), 'owned', decimal(now + DAY))
    elseif now > owned then
        redis.call('HSET', list_key(id), 'state', 'sealed')
        redis.call('DEL', returned_key(id))
        abandoned = abandoned + 1
    end
end

for a = 9, first - 1 do
    local state = fields(ARGV[a], 'state')
    if state and state ~= 'retired' then
        redis.call('HSET', list_key(ARGV[a]), 'reserved', decimal(now + lease))
    end
end
for a = first, #ARGV do
    local id = ARGV[a]
    local state, reserved, retired_at, version, owner, owned =
        fields(id, 'state', 'reserved', 'retired', 'version', 'owner', 'owned')
    reserved = tonumber(reserved or '')
    if not state then
        gone[#gone + 1] = was_retired(id) and id or nil
    elseif state == 'retired' then
        retired[#retired + 1] = id
        local at, wrong = plausible(tonumber(retired_at or ''), 0)
        if wrong then
            redis.call('HSET', list_key(id), 'retired', decimal(at))
        elseif at and now > at + keep then
            drop(id)
        end
    elseif after > 0 and state == 'open' then
        watch_owner(id, owner, tonumber(owned or ''))
    elseif after > 0 then
        local wrong
        reserved, wrong = plausible(reserved, lease)
        if not reserved or wrong then -- when its last reference was handed out is not known: at the latest now
            redis.call('HSET', list_key(id), 'reserved', decimal(now + lease))
        elseif now > math.max(reserved, watched) + after then
            local number = next_change(lineage, tonumber(least))
            if not number or not is_present(lineage) then
                return refuse(number) -- what was written until now only keeps lists for longer
            end
            redis.call('HSET', list_key(id), 'state', 'retired', 'epoch', '', 'retired', decimal(now))
            announce(number, id, version, channel)
            retired[#retired + 1] = id
        end
    end
end
return {retired, gone, abandoned, corrected}
