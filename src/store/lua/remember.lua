-- ARGV: record id, fingerprint, ms to keep, answer ('' only looks).
-- Answers {'W'} when this call has bound the answer, {'A', answer} when it was bound before, {'K'} when the key is bound to
-- another request, {'N'} when nothing is bound.
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
return {'A', string.sub(known, #fingerprint + 1)}
