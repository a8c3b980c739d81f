-- Argument: the API key. Repeats one POST, which wrk formats once.
wrk.method = "POST"

function init(args)
    wrk.headers["X-Api-Key"] = args[1]
    wrk.headers["Content-Length"] = "0"
end
