-- ARGV: record id, fingerprint, ms to keep, answer ('' only looks).
-- Answers {'A', answer} for what was bound before, {'K'} when that was another request, {'W'} when this call has
-- bound it, {'N'} for a look that found nothing.
local key, fingerprint = POOL .. 'idempotency:' .. ARGV[1], ARGV[2]
local known = redis.call('GET', key)
if not known then
    if ARGV[4] == '' then
        return {'N'}
    end
    redis.call('SET', key, fingerprint .. ARGV[4], 'PX', ARGV[3])
    return {'W'}
elseif string.sub(known, 1, #fingerprint) ~= fingerprint then
    return {'K'}
end
return {'A', string.sub(known, #fingerprint + 1)}
