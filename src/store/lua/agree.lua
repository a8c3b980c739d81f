-- ARGV: what the names of the channels begin with by which living instances show their options, instance, fingerprint, options as
-- text, size, bits, 1 to write them down. Nothing is written while an instance with other options lives.
local pool, other = redis.call('HMGET', KEYS[1], 'size', 'bits', 'shared'), ''
for _, channel in ipairs(redis.call('PUBSUB', 'CHANNELS', ARGV[1] .. ':*')) do
    local fingerprint, instance = string.match(channel, ':(%x+):([^:]+)$')
    if fingerprint and instance ~= ARGV[2] and fingerprint ~= ARGV[3] then
        other = instance
    end
end
local fixed = pool[1] and (pool[1] ~= ARGV[5] or pool[2] ~= ARGV[6])
if ARGV[7] == '1' and other == '' and not fixed and pool[3] ~= ARGV[4] then
    redis.call('HSET', KEYS[1], 'shared', ARGV[4])
end
return {tonumber(pool[1] or 0), tonumber(pool[2] or 0), pool[3] or '', other}
