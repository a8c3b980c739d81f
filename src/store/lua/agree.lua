-- ARGV: prefix of the channels on which living instances show their options, instance, fingerprint, options as text, size, bits,
-- 1 to write the options, the longest ttl in ms of a token that the caller gives out or would, the ttl of a text that names none.
-- Nothing is written while an instance with other options lives.
-- Answers {size, bits, options before, an instance with other options or '', ms for which tokens with a longer ttl than that of any
-- living instance may still be used, the same behind a cache}.
-- @part/lists.lua@
local prefix, me, mine, text, size, bits, write, ttl, default_ttl = unpack(ARGV)
local pool_size, pool_bits, shared, ttl_before, kept, cached =
    pool_fields('size', 'bits', 'shared', 'ttl', 'kept_until', 'cached_until')
local other, longest = '', tonumber(ttl)
for _, channel in ipairs(redis.call('PUBSUB', 'CHANNELS', prefix .. ':*')) do
    local fingerprint, instance = string.match(channel, ':(%x+):([^:]+)$')
    if fingerprint and instance ~= me and fingerprint ~= mine then
        other = instance
    end
end
for _, channel in ipairs(redis.call('PUBSUB', 'CHANNELS', prefix .. '/3:*')) do
    local shown, instance = string.match(channel, '/3:%d+:(%d+):([^:]+)$')
    if shown and instance ~= me then
        longest = math.max(longest, tonumber(shown))
    end
end

-- The ttl that the options before say.
local function ttl_of_text()
    local units = {ms = 1, s = 1000, m = 60000, h = 3600000}
    local n, unit = string.match('\n' .. shared, '\nttl (%d+)(%l+)\n')
    return unit and units[unit] and tonumber(n) * units[unit] or tonumber(default_ttl)
end

local now = now_ms()
kept, cached = tonumber(kept or 0), tonumber(cached or 0)
local differs = pool_size and (pool_size ~= size or pool_bits ~= bits) -- these are fixed when the pool is first opened
if write == '1' and other == '' and not differs then
    -- `ttl` is the longest that was given out: who gave it out may have ended since.
    local before = math.max(tonumber(ttl_before or 0), shared and ttl_of_text() or 0)
    if before > longest then
        kept, cached = math.max(kept, now + before), math.max(cached, now + 2 * before)
        redis.call('HSET', KEYS[1], 'kept_until', decimal(kept), 'cached_until', decimal(cached))
    end
    if shared ~= text or ttl_before ~= decimal(longest) then
        redis.call('HSET', KEYS[1], 'shared', text, 'ttl', decimal(longest))
    end
end
return {tonumber(pool_size or 0), tonumber(pool_bits or 0), shared or '', other, math.max(0, kept - now), math.max(0, cached - now)}
