-- ARGV: record id, fingerprint, ms to keep, answer ('' only looks).
-- Answers {'W'} when this call has bound the answer, {'A', answer} when it was bound before, {'K'} when the key is bound to
-- another request, {'N'} when nothing is bound. An answer that was bound before gets a new expiry: a repeated answer has to write
-- something, or there would be nothing for the replicas to confirm.
local record_id, fingerprint, keep, answer = unpack(ARGV)
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
