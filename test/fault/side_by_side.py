#!/usr/bin/python3
"""side_by_side.py OLD [--minutes N] [--seed N] [--every S]: two instances of this tree's build and two of an older one, OLD (a program), on
one Redis, under load and kills; now and then an instance changes its build. The kills are of a kind that loses nothing: every acknowledged
status has to stay, and no reference may come twice.
At the end all instances become old ones, and then new ones again: each must become ready, every reference that was written is written
anew, and all tokens show it."""
import argparse
import random
import sys

from fixture import POOL  # first: it says where the shared modules are
import processes
from client import until
from faults import FAULTS, Fault
from soak import Soak
from tokens import Token

KILLS = ["kill-service", "kill-redis", "kill-both", "ended", "stop-redis", "cut-reply"]


def change_build(fixture):
    """One instance ends, in order or not, and its other build starts in its place."""
    i = fixture.any()
    service = fixture.services[i]
    fixture.kill_service(i, in_order=fixture.order.random() < 0.5)
    service.binary = fixture.builds[service.binary == fixture.builds[0]]
    fixture.history.event("healed")
    fixture.start_service(i, ready=False)


class SideBySide(Soak):
    kinds = [*(FAULTS[k] for k in KILLS), *[Fault("change-build", "an instance changes its build", change_build, {}, 0)] * 3]

    def __init__(self, seed, every, old):
        super().__init__(seed, every, instances=4)
        self.fixture.builds = (str(processes.BINARY), str(old))
        for i, s in enumerate(self.fixture.services):
            s.binary = self.fixture.builds[i % 2]

    def all_become(self, build, value):
        """Every instance starts with that build on what is there; then each reference that was ever written takes a value."""
        fixture = self.fixture
        for i, s in enumerate(fixture.services):
            fixture.kill_service(i, in_order=i % 2 == 0)
            s.binary = fixture.builds[build]
            fixture.start_service(i)
        written = [(uri, int(i)) for uri, statuses in self.left.items() for i, v in statuses.items() if v != 255]
        chosen = fixture.order.sample(sorted(written), min(300, len(written)))
        with fixture.services[0].client(POOL) as c:
            for n in range(0, len(chosen), 50):
                c.batch([(*r, value) for r in chosen[n : n + 50]])
            new = c.reserve(5)
            c.update(*new[0], value)
        for reference in new:
            assert reference not in self.given, f"{reference} was given out before"
            self.given.add(reference)
        for i, s in enumerate(fixture.services):
            with s.client(POOL) as c:
                for uri in {u for u, _ in chosen}:
                    wanted = [n for u, n in chosen if u == uri]
                    until(lambda c=c, uri=uri, wanted=wanted: self.shows(c, uri, wanted, value), 30, f"the statuses at instance {i}")
        self.say(f"all instances are {('new', 'old')[build]} ones: {len(chosen)} references of all ages were updated, and are shown")

    @staticmethod
    def shows(client, uri, wanted, value):
        r = client.fetch(uri)
        return r.status == 200 and all(Token(r.body).status(i) == value for i in wanted)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("old")
    p.add_argument("--minutes", type=float, default=10)
    p.add_argument("--every", type=float, default=4)
    p.add_argument("--seed", type=int, default=random.randrange(1, 10**6))
    args = p.parse_args()
    print(f"seed {args.seed}", flush=True)
    run = SideBySide(args.seed, args.every, args.old)
    try:
        n = run.run(args.minutes)
        run.all_become(1, 3)
        run.all_become(0, 4)
        run.report(n)
    finally:
        run.fixture.end()
    sys.exit(1 if run.violations else 0)


if __name__ == "__main__":
    main()
