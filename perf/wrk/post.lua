-- Argument: the API key. The same POST over and over: wrk formats it once.
wrk.method = "POST"

function init(args)
    wrk.headers["X-Api-Key"] = args[1]
    wrk.headers["Content-Length"] = "0"
end
