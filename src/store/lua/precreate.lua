-- ARGV: channel, run, then drafts of id, uri, seed. Makes the lists that the pool does not have yet, for the process `run`.
-- Answers the records of the drafts that `run` may take from: a caller that lost the reply sends the same drafts again.
-- @part/lists.lua@
local channel, run = unpack(ARGV, 1, 2)
local mine = {}
for d = 3, #ARGV - 2, 3 do
    local id, uri, seed = unpack(ARGV, d, d + 2)
    local made = create(id, uri, seed, run, channel)
    local owner, state = ownership(id)
    if owner == run and state == 'open' then
        if not made then -- a write also now, which replicas confirm
            redis.call('HSET', list_key(id), 'owned', decimal(now_ms() + DAY))
        end
        mine[#mine + 1] = record(id)
    end
end
return mine
