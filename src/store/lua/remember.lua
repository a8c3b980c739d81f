-- ARGV: record id, fingerprint, ms to keep, answer ('' only looks), lineage, newest change seen in it.
-- Answers {'W'} when this call has bound the answer, {'A', answer} when it was bound before, {'K'} when the key is bound to
-- another request, {'N'} when nothing is bound. An answer that was bound before gets a new expiry: a repeated answer has to write
-- something, or there would be nothing for the replicas to confirm.
-- @part/fence_look.lua@
local record_id, fingerprint, keep, answer, lineage, least = unpack(ARGV)
if is_other_history(lineage, least) then -- an answer that is bound here may be lost, and one that is missing may be elsewhere
    return refuse()
end
local key = POOL .. 'idempotency:' .. record_id
local known = redis.call('GET', key)
if not known then
    if answer == '' then
        return {'N'}
    end
    redis.call('SET', key, fingerprint .. answer, 'PX', keep)
    return {'W'}
elseif string.sub(known, 1, #fingerprint) ~= fingerprint then
    return {'K'}
end
redis.call('PEXPIRE', key, keep)
return {'A', string.sub(known, #fingerprint + 1)}
