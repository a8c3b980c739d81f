-- ARGV: prefix of the channels on which living instances show their options, instance, fingerprint, options as text, size, bits,
-- 1 to write the options. Nothing is written while an instance with other options lives.
-- Answers {size, bits, options before, an instance with other options or ''}.
-- @part/lists.lua@
local prefix, me, mine, text, size, bits, write = unpack(ARGV)
local pool_size, pool_bits, shared = pool_fields('size', 'bits', 'shared')
local other = ''
for _, channel in ipairs(redis.call('PUBSUB', 'CHANNELS', prefix .. ':*')) do
    local fingerprint, instance = string.match(channel, ':(%x+):([^:]+)$')
    if fingerprint and instance ~= me and fingerprint ~= mine then
        other = instance
    end
end
local differs = pool_size and (pool_size ~= size or pool_bits ~= bits) -- these are fixed when the pool is first opened
if write == '1' and other == '' and not differs and shared ~= text then
    redis.call('HSET', KEYS[1], 'shared', text)
end
return {tonumber(pool_size or 0), tonumber(pool_bits or 0), shared or '', other}
