-- Arguments: a file of `uri index` lines, the API key, entries per request. Each visit flips a reference, so that every
-- update is a change. One entry a request is PATCH update, more are PATCH batch-update.
local requests, at, n, half = {}, 0, 0, 0

function init(args)
    local refs = {}
    for line in io.lines(args[1]) do
        local uri, index = line:match("^(%S+) (%d+)$")
        refs[#refs + 1] = string.format('{"uri":"%s","index":%s', uri, index)
    end
    local each = tonumber(args[3] or "1")
    local headers = {["X-Api-Key"] = args[2], ["Content-Type"] = "application/json"}
    for value = 1, 0, -1 do
        for first = 1, #refs - each + 1, each do
            local body, path
            if each == 1 then
                path, body = "/status-lists/update", string.format('%s,"value":%d}', refs[first], value)
            else
                local parts = {}
                for i = first, first + each - 1 do
                    parts[#parts + 1] = refs[i] .. "}"
                end
                path = "/status-lists/batch-update"
                body = string.format('{"statusListReferences":[%s],"value":%d}', table.concat(parts, ","), value)
            end
            requests[#requests + 1] = wrk.format("PATCH", path, headers, body)
        end
    end
    n = #requests
end

function request()
    at = at % n + 1
    return requests[at]
end
