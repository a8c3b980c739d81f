-- Argument: a file of paths, one a line. Fetches random ones of them.
local requests = {}

function init(args)
    for line in io.lines(args[1]) do
        requests[#requests + 1] = wrk.format("GET", line)
    end
    math.randomseed(os.time())
end

function request()
    return requests[math.random(#requests)]
end
