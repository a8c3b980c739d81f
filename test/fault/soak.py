#!/usr/bin/python3
"""soak.py [--minutes N] [--seed N] [--every S]: one run of hours: instances, Redis under `always`, mixed load, a fault every
30 s.
Every few faults the load rests, everything is read, and the history is checked and begun anew; references stay known for ever, so
that none may come twice over the whole run."""
import argparse
import collections
import random
import sys
import time

from fixture import POOL, Fixture  # first: it says where the shared modules are
from client import until
from faults import FAULTS, TIMEOUT, pair
from load import Load
from rounds import one_round, recovery

KINDS = ["kill-service", "kill-redis", "kill-both", "stop-redis", "cut-reply", "slow-network", "delayed-write", "out-of-memory",
         "script-flush", "slow-disk", "empty-always", "older-always", "no-descriptors", "restored-running", "restored-stopped",
         "restored-snapshot", "flushed", "paused", "ended", "runtime-lost", "failover", "two-primaries", "open-connections", "two-servers"]
SEGMENT = 4  # faults between two checks


def memory(fixture):
    """Resident memory of each instance, in MiB."""
    out = []
    for s in fixture.services:
        with open(f"/proc/{s.process.pid}/status") as f:
            out.append(next(int(line.split()[1]) for line in f if line.startswith("VmRSS")) / 1024)
    return out


class Soak:
    kinds = [FAULTS[k] for k in KINDS]

    def __init__(self, seed, every, instances=2):
        self.every = every
        self.fixture = Fixture(seed, instances=instances, keep="/dev/null", **TIMEOUT)
        pair(self.fixture)
        self.left = {}  # uri: statuses, of all lists so far
        self.given, self.totals, self.outcomes = set(), collections.Counter(), collections.defaultdict(list)
        self.violations, self.peak, self.settled = [], 0.0, []
        self.lists, self.fresh = 0, 0.0
        self.began = time.monotonic()

    def say(self, text):
        print(f"{(time.monotonic() - self.began) / 60:6.1f} min  {text}", flush=True)

    def fault(self, kind, number):
        fixture, start = self.fixture, len(self.fixture.history.lines)
        one_round(fixture, kind, number)
        writes, ready = recovery(fixture.history.lines[start:])
        self.outcomes[kind.name].append((writes, ready))
        rss = memory(fixture)
        self.peak = max(self.peak, *rss)
        self.say(f"{kind.name}: writes again after {writes:.2f} s, all ready after {ready:.2f} s; memory "
                 + ", ".join(f"{m:.1f}" for m in rss) + " MiB")

    def check(self):
        """Ends a segment: everything at rest, read and checked; then a new history, and new clients."""
        fixture = self.fixture
        fixture.quiet()
        report = fixture.check()
        for x in fixture.history.lines:
            for reference in x.get("refs", ()):
                if tuple(reference) in self.given:
                    report.violate("twice", f"{reference} was given out in an earlier segment")
                self.given.add(tuple(reference))
        self.totals.update(calls=sum(report.calls.values()), references=report.references, acknowledged=report.acknowledged,
                           unknown=report.unknown, lost=report.lost)
        self.violations += report.violations
        self.settled.append(max(memory(fixture)))
        self.say(f"checked: {report}")
        for v in report.violations[:10]:
            self.say(f"  {v}")
        left = collections.defaultdict(dict)
        for x in fixture.history.lines:
            if x.get("final") and x["op"] == "fetch":
                left[x["uri"]] = x["statuses"]
        self.left |= left
        fixture.history.lines.clear()
        fixture.history.event("before", lists=self.left)
        for i, life in enumerate(fixture.lives):
            fixture.history.event("start", instance=i, life=life)

    def run(self, minutes):
        fixture = self.fixture
        end, n = self.began + minutes * 60, 0
        kinds = []
        fixture.start()
        while time.monotonic() < end:
            began = time.monotonic()
            if not kinds:
                kinds = fixture.order.sample(self.kinds, len(self.kinds))
            self.fault(kinds.pop(), n)
            n += 1
            if n % SEGMENT == 0:
                self.check()
                fixture.load = Load(fixture).start()
            time.sleep(max(0, min(self.every - (time.monotonic() - began), end - time.monotonic())))
        self.check()
        self.compare()
        return n

    def compare(self):
        """Measures the memory of a process that was just started on the same lists: more than that would be a leak."""
        fixture = self.fixture
        service = fixture.services[0]
        self.lists = len(fixture.redis.client.smembers(f"statuslist:{{{POOL}}}:lists"))
        fixture.restart_service(0)
        until(lambda: service.metric("signings_total", POOL) >= self.lists, 60, "tokens of all lists")
        self.fresh = memory(fixture)[0]

    def report(self, n):
        t = self.totals
        print(f"\n{n} faults in {(time.monotonic() - self.began) / 60:.1f} minutes: {t['calls']} calls, {t['references']} references, "
              f"{t['acknowledged']} statuses acknowledged, {t['unknown']} of unknown outcome, {t['lost']} lost where Redis lost "
              f"them, {len(self.violations)} violations")
        print(f"memory at rest: {self.settled[0]:.1f} MiB at first, {self.settled[-1]:.1f} MiB at last, at most "
              f"{max(self.settled):.1f}; under load at most {self.peak:.1f}; just started on the same {self.lists} lists {self.fresh:.1f}")
        for name, times in sorted(self.outcomes.items()):
            print(f"  {name}: {len(times)} times, writes again within {max(w for w, _ in times):.2f} s, all ready within "
                  f"{max(r for _, r in times):.2f} s")


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--minutes", type=float, default=30)
    p.add_argument("--every", type=float, default=30)
    p.add_argument("--seed", type=int, default=random.randrange(1, 10**6))
    args = p.parse_args()
    print(f"seed {args.seed}", flush=True)
    soak = Soak(args.seed, args.every)
    try:
        soak.report(soak.run(args.minutes))
    finally:
        soak.fixture.end()
    sys.exit(1 if soak.violations else 0)


if __name__ == "__main__":
    main()
