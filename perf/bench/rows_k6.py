"""The scenarios of the seed service, each with its figures, and those of our own."""
from bench.load import k6
from bench.machine import CORES, say
from bench.rounds import Row, alternate, figure_row, ratio_row
from bench.rows_http import Fetching
from bench.service import KEY, pool

# script, users, pool, seed's rate, [seed's mean and p95 in ms], bare handler beside it, in quick too
SEED = [
    ("fetch-status-list.js", 10, "tokens", None, None, True, False),
    ("fetch-status-list.js", 100, "tokens", 11272, None, True, True),
    ("update-status.js", 10, "tests", 425, None, False, True),
    ("update-status.js", 100, "tests", 2660, None, False, True),
    ("fetch-reference-basic.js", 12, "tests", None, (1.41, 2.52), False, True),
    ("fetch-reference-bulk.js", 10, "tests", None, (1.51, 2.65), False, True),
    ("fetch-reference-unlimited.js", 10, "tests", 8435, None, True, False),
    ("fetch-reference-unlimited.js", 100, "tests", 10163, None, True, True),
    ("fetch-reference-unlimited.js", 10, "fails", 8471, None, False, False),
    ("fetch-reference-unlimited.js", 100, "fails", 10966, None, False, True),
]
OWN = [("batch-update-status.js", 10), ("mixed.js", 50)]
END_TO_END = [1, 10, 100, 1000]


def scenarios_pools():
    """As the seed service was configured."""
    return {"tests": pool(), "fails": pool(underflow="fail")}


def seed_rows(script, users, name, rate, times, results):
    what = script.removesuffix(".js") + f", {users} VUs" + (" (fail)" if name == "fails" else "")
    rows = []
    if rate:
        rows.append(figure_row(f"k6 {what}", "rate", "/s", results, (">", rate), seed=rate))
    if times:
        rows.append(figure_row(f"k6 {what}, mean", "mean_ms", "ms", results, ("<", times[0]), seed=times[0]))
        rows.append(figure_row(f"k6 {what}, p95", "p95_ms", "ms", results, ("<", times[1]), seed=times[1]))
    failed = sum(r["failed"] for r in results["ours"])
    note = "the seed service had 297" if name == "fails" and users == 100 else ""
    rows.append(Row(f"k6 {what}, failed requests", "", failed, "== 0", failed == 0, note=note))
    if "bare h2o" in results:
        rows.append(ratio_row(f"k6 {what} beside bare", "rate", "/s", results, "bare h2o", (">=", 0.90)))
    return rows


def rows(fixture, plan):
    f = Fetching(fixture, workers=len(CORES), cores=None, more=scenarios_pools())
    bare = f.bare(threads=len(CORES))
    for script, users, name, rate, times, beside, quick in SEED:
        if plan.quick and not quick:
            continue
        say(f"  k6 {script}, {users} VUs, pool {name}")

        def side(process, script=script, users=users, name=name, dashboard=None):
            return lambda: k6(script, process, process.port, plan.k6_seconds, users, name, KEY, dashboard)
        chart = None if plan.quick else f"k6-{script.removesuffix('.js')}-{users}-{name}.html"
        sides = {"ours": side(f.service, dashboard=chart)}
        if beside:
            sides["bare h2o"] = side(bare)
        results = alternate(sides, plan.rounds if beside or not plan.quick else 1)
        yield from seed_rows(script, users, name, rate, times, results)
    for script, users in ([] if plan.quick else OWN):
        say(f"  k6 {script}, {users} VUs")
        r = {"ours": [k6(script, f.service, f.service.port, plan.k6_seconds, users, "tests", KEY,
                         f"k6-{script.removesuffix('.js')}.html")]}
        yield figure_row(f"k6 {script.removesuffix('.js')}, failed requests", "failed", "", r, ("==", 0))
    for users in END_TO_END[-1:] if plan.quick else END_TO_END:
        say(f"  k6 end-to-end.js, {users} VUs")
        r = {"ours": [k6("end-to-end.js", f.service, f.service.port, plan.k6_seconds, users, "tests", KEY,
                         None if plan.quick else f"k6-end-to-end-{users}.html")]}
        note = "the seed service finished no iteration" if users == 1000 else ""
        yield figure_row(f"k6 end-to-end, {users} VUs, failed requests", "failed", "", r, ("==", 0), note=note)
        yield figure_row(f"k6 end-to-end, {users} VUs, iterations", "iterations", "", r, (">", 0))
    if not plan.quick:
        yield breakpoint_row(f, plan)


def breakpoint_row(f, plan):
    """At which arrival rate the ramp of breakpoint.js broke, or that it did not."""
    say("  k6 breakpoint.js")
    seconds, target = 6 * plan.k6_seconds, 50000
    r = k6("breakpoint.js", f.service, f.service.port, seconds, 200, "tests", KEY, "k6-breakpoint.html", (0, 99), TARGET=target)
    reached = 100 + (target - 100) * min(1, r["ran"] / seconds)
    ended = f"broke: {', '.join(r['missed'])}" if r["missed"] else "the ramp ended"
    return Row("k6 breakpoint, arrival rate of fetches", "/s", reached, "no failed request", r["failed"] == 0,
               note=f"{ended}; {r['dropped']} arrivals found no free VU; k6 shares the cores and tops out first")
