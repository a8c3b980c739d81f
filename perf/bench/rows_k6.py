"""Every script of perf/k6 on the user's own k6 (K6, or on the PATH): whether a request fails, and the figures beside it as a note."""
from bench.load import k6, k6_command
from bench.machine import CORES, say
from bench.rounds import Row, figure_row
from bench.rows_http import Fetching
from bench.service import KEY, pool

# script, users, pool
RUNS = [
    ("fetch-status-list.js", 10, "tokens"), ("fetch-status-list.js", 100, "tokens"),
    ("update-status.js", 10, "tests"), ("update-status.js", 100, "tests"),
    ("fetch-reference-basic.js", 12, "tests"), ("fetch-reference-bulk.js", 10, "tests"),
    ("fetch-reference-unlimited.js", 10, "tests"), ("fetch-reference-unlimited.js", 100, "tests"),
    ("fetch-reference-unlimited.js", 10, "fails"), ("fetch-reference-unlimited.js", 100, "fails"),
    ("batch-update-status.js", 10, "tests"), ("mixed.js", 50, "tests"),
    ("end-to-end.js", 1, "tests"), ("end-to-end.js", 10, "tests"), ("end-to-end.js", 100, "tests"), ("end-to-end.js", 1000, "tests"),
]


def rows(fixture, plan):
    if k6_command() is None:
        raise RuntimeError("no k6: name it in K6, or put it on the PATH")
    f = Fetching(fixture, workers=len(CORES), cores=None, more={"tests": pool(), "fails": pool(underflow="fail")})
    for script, users, name in RUNS:
        say(f"  k6 {script}, {users} VUs, pool {name}")
        short = script.removesuffix(".js")
        r = k6(script, f.service, f.service.port, plan.k6_seconds, users, name, KEY, f"k6-{short}-{users}-{name}.html")
        yield figure_row(f"k6 {short}, {users} VUs" + (" (fail)" if name == "fails" else "") + ", failed requests", "failed", "",
                         {"ours": [r]}, ("==", 0), note=f"{r['rate']:,.0f} iterations/s; a request takes {r['mean_ms']:.2f} ms in the "
                         f"mean, p95 {r['p95_ms']:.2f} ms, p99 {r['p99_ms']:.2f} ms")
    yield breakpoint_row(f, plan)


def breakpoint_row(f, plan):
    """At which arrival rate the ramp of breakpoint.js broke, or that it did not."""
    say("  k6 breakpoint.js")
    seconds, target = 6 * plan.k6_seconds, 50000
    r = k6("breakpoint.js", f.service, f.service.port, seconds, 200, "tests", KEY, "k6-breakpoint.html", (0, 99), TARGET=target)
    reached = 100 + (target - 100) * min(1, r["ran"] / seconds)
    ended = f"broke: {', '.join(r['missed'])}" if r["missed"] else "the ramp ended"
    return Row("k6 breakpoint, failed requests", "", r["failed"], "== 0", r["failed"] == 0,
               note=f"at {reached:,.0f} arrivals a second {ended}; {r['dropped']} arrivals found no free VU; k6 shares the cores")
