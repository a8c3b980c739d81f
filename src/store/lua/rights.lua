-- ARGV: a channel, then commands with their arguments, one a line (K: a key, C: a channel), then further keys, then further
-- channels, one a line. Runs none of the commands. Answers the first one that this user may not run, with what it may not touch,
-- or ''.
local channel, commands, keys, channels = unpack(ARGV)

local function may(command, key, on)
    local words = {}
    for word in string.gmatch(command, '%S+') do
        words[#words + 1] = word == 'K' and key or word == 'C' and on or word
    end
    return redis.acl_check_cmd(unpack(words))
end

local function named(command, key, on)
    local name, first = string.match(command, '^(%S+) ?(%S*)')
    local subs = {client = true, config = true, script = true, pubsub = true}
    local text = string.upper(subs[name] and name .. ' ' .. first or name)
    local touched = string.find(command, ' K') and key or string.find(command, ' C') and on
    return touched and text .. ' on ' .. touched or text
end

for command in string.gmatch(commands, '[^\n]+') do
    if not may(command, KEYS[1], channel) then
        return named(command, KEYS[1], channel)
    end
end
for key in string.gmatch(keys, '[^\n]+') do
    for _, command in ipairs({'get K', 'set K value'}) do
        if not may(command, key) then
            return named(command, key)
        end
    end
end
for on in string.gmatch(channels, '[^\n]+') do
    for _, command in ipairs({'publish C message', 'subscribe C'}) do
        if not may(command, nil, on) then
            return named(command, nil, on)
        end
    end
end
return ''
