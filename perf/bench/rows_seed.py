"""The works of the seed service's load test, each with its figures there. Closed loops by wrk: each of 10 or 100 connections sends its
next request when it has the answer. Open loops by vegeta where the seed's users paused: requests come at the rate that the pauses
make, whether the service keeps up or not."""
import json

from bench.baselines import Bare
from bench.load import BadAnswers, vegeta, wrk
from bench.machine import SERVER_CORE, say
from bench.rounds import alternate, figure_row, median, ratio_row
from bench.rows_http import Fetching
from bench.service import KEY, pool

ONE = [SERVER_CORE]
REFERENCES = 10000
RESERVE = "/pools/{}/new-references"

# connections: the seed's rate, where it gives one; the least ratio to the bare handler, where one is asked for
CLOSED = {
    "fetch-status-list": ({10: None, 100: 11272}, 0.90),
    "update-status": ({10: 425, 100: 2660}, None),
    "fetch-reference-unlimited (delay)": ({10: 8435, 100: 10163}, None),
    "fetch-reference-unlimited (fail)": ({10: 8471, 100: 10966}, None),
}
# users, the pause of each in seconds, references a request, the seed's mean and p95 in ms
OPEN = {
    "fetch-reference-basic": (12, 0.01, 1, 1.41, 2.52),
    "fetch-reference-bulk": (10, 0.25, 25, 1.51, 2.65),
}


class Seed(Fetching):
    """A service on one core. The pools that reservations come from are configured as the seed's were."""

    def __init__(self, fixture):
        super().__init__(fixture, more={"delay": pool(), "fail": pool(underflow="fail"),
                                        "changed": pool(size=100000, threshold=REFERENCES, capacity=4 * REFERENCES, lists=2)})
        self.file = fixture.directory / "changed"
        self.file.write_text("".join(f"{r['uri']} {r['index']}\n" for r in self.issuer.reserve("changed", REFERENCES)))

    def closed(self, name, process, connections, seconds):
        if name == "fetch-status-list":
            return wrk(process, process.port, self.path, connections, seconds)
        if name == "update-status":
            return wrk(process, process.port, "/", connections, seconds, script="update.lua", arguments=[str(self.file), KEY, "1"])
        ring = "fail" if "fail" in name else "delay"
        r = wrk(process, process.port, RESERVE.format(ring), connections, seconds, script="post.lua", arguments=[KEY],
                allow=1e9 if ring == "fail" else 0)
        r["rate"] *= 1 - r["bad"] / r["requests"]  # of the answered ones only
        return r

    def amount(self, n):
        """A bare handler that answers n references."""
        body = self.issuer.call("POST", RESERVE.format("tokens") + f"?amount={n}")[1]
        return Bare(self.fixture.folder(), self.response, self.body, body, self.cores)


def check_references(amount):
    """Every answer of ours has the references that were asked for, and none comes twice."""
    seen = set()

    def check(body):
        found = [(r["uri"], r["index"]) for r in json.loads(body)["references"]]
        if len(found) != amount or not seen.isdisjoint(found):
            raise BadAnswers(f"asked for {amount} references: {body[:300]!r}")
        seen.update(found)
    return check


def closed_row(name, connections, seed, bar, results):
    what = f"{name}, {connections} connections"
    row = ratio_row(what, "rate", "/s", results, "bare h2o", (">=", bar or 0), seed=seed)
    bars = [f"ours / bare h2o >= {bar:g}"] if bar else []
    if seed:
        bars.append(f"> {seed}")
        row.reached = row.reached and row.ours > seed
    row.bar, row.loop = ", ".join(bars), "closed"
    refused = sum(r["bad"] for r in results["ours"])
    if refused:
        row.note += f"; {refused / sum(r['requests'] for r in results['ours']):.2%} answered that the ring is empty"
    return row


def open_rows(name, rate, seed, results):
    for key, what, limit in (("mean_ms", "mean", seed[0]), ("p95_ms", "p95", seed[1])):
        row = figure_row(f"{name}, {rate:g} requests/s, {what}", key, "ms", results, ("<", limit), seed=limit)
        row.baseline, row.base, row.loop = "bare h2o", median(results["bare h2o"], key), "open"
        row.rounds = {side: [r[key] for r in results[side]] for side in results}
        yield row


def rows(fixture, plan):
    s = Seed(fixture)
    bare = s.bare()
    for name, (seeds, bar) in CLOSED.items():
        for connections, seed in seeds.items():
            say(f"  {name}, closed loop, {connections} connections")
            sides = {side: lambda process=process: s.closed(name, process, connections, plan.seconds)
                     for side, process in (("ours", s.service), ("bare h2o", bare))}
            yield closed_row(name, connections, seed, bar, alternate(sides, plan.rounds))
    for name, (users, pause, amount, *seed) in OPEN.items():
        rate = users / pause
        say(f"  {name}, open loop, {rate:g} requests/s")
        path, handler = RESERVE.format("delay") + f"?amount={amount}", s.amount(amount)
        sides = {"ours": lambda: vegeta(s.service, "POST", path, rate, plan.seconds, KEY, check_references(amount)),
                 "bare h2o": lambda: vegeta(handler, "POST", path, rate, plan.seconds, KEY)}
        results = alternate(sides, plan.rounds)
        handler.kill()
        yield from open_rows(name, rate, seed, results)
