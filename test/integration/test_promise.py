"""Status-Visible-By over random schedules: several instances, reloads of one after the other, a large list, shutdowns. Readers fetch every
list at every instance all the time and keep each token for its max-age; from the promised second on none may hold the status of before."""
import json
import os
import random
import re
import signal
import threading
import time

import pytest

from client import Client, until
from processes import instrumented
from test_visible import promised
from tokens import Token

POOLS = {"brief": {"size": 4000, "bits": 4, "update-interval": "0s", "ttl": "1s", "list-lifetime": "60s",
                   "prefetch": {"threshold": 50, "capacity": 100}},
         "large": {"size": 12000000, "bits": 8, "update-interval": "1s", "ttl": "1s", "list-lifetime": "60s", "precreation": {"lists": 0},
                   "prefetch": {"threshold": 50, "capacity": 100}}}
RUN = 15 if instrumented() else 20
TAIL = 4  # seconds of reading after the last promise


class Reader:
    """Fetches lists at one instance, whenever that answers, and notes until when it may use what it got."""

    def __init__(self, service, pool, tracked, stop):
        self.service, self.pool, self.tracked, self.stop = service, pool, tracked, stop
        self.copies, self.errors = [], []
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        client = Client(self.service, self.pool)
        while not self.stop.is_set():
            for uri, indices in self.tracked.items():
                try:
                    asked = time.time()
                    r = client.fetch(uri)
                except OSError:  # it is down
                    client.close()
                    client = Client(self.service, self.pool)
                    time.sleep(0.1)
                    continue
                if r.status == 200:
                    token, age = Token(r.body), int(re.match(r"max-age=(\d+)", r["cache-control"])[1])
                    self.copies.append((asked, age, uri, {i: token.status(i) for i in indices}))
            time.sleep(0.03)
        client.close()

    def check(self, promises, shared_with=""):
        """Every copy that may still be used at a promised second has what was promised. Returns how many such there were."""
        looked = 0
        for by, uri, index, value in promises:
            for asked, age, of, statuses in self.copies:
                if of == uri and asked + age > by:
                    looked += 1
                    assert statuses[index] >= value, (
                        f"{self.service.directory.name}: {uri} [{index}] is {statuses[index]}, promised {value} by {by:.0f}: "
                        f"fetched {asked - by:+.3f} s from then, to be used for {age} s {shared_with}")
        return looked


class Schedule:
    """What happens, drawn from a seed. Each reference's value only grows, so that a reader may be ahead but never behind."""

    def __init__(self, seed, services, tracked):
        self.random, self.services, self.tracked = random.Random(seed), services, tracked
        self.values = {pool: {(u, i): 0 for u, indices in lists.items() for i in indices} for pool, lists in tracked.items()}
        self.promises, self.told = {pool: [] for pool in tracked}, []

    def note(self, pool, r, changed):
        self.told.append((round(time.time(), 2), pool, len(changed), r["status-visible-by"], r["preference-applied"]))
        if r["status-visible-by"] is not None:
            self.promises[pool] += [(promised(r), u, i, self.values[pool][u, i]) for u, i in changed]

    def send(self, service, pool, target, body, wait):
        with Client(service, pool) as c:
            fields = {"X-Api-Key": c.key, "Content-Type": "application/json"}
            if wait:
                fields["Prefer"] = "wait=3"
            r = c.issuer.request("PATCH", f"/status-lists/{target}", fields, json.dumps(body).encode())
            assert r.status == 204, r
            return r

    def set(self, service, pool, count, wait):
        references = self.random.sample(sorted(self.values[pool]), count)
        for reference in references:
            self.values[pool][reference] += self.values[pool][reference] < 15
        entries = [{"uri": u, "index": i, "value": self.values[pool][u, i]} for u, i in references]
        if count == 1:
            r = self.send(service, pool, "update", entries[0], wait)
        else:
            r = self.send(service, pool, "batch-update", {"statusListReferences": entries}, wait)
        self.note(pool, r, references)

    def reload_all(self):
        """Another interval for each pool, at one instance after the other."""
        intervals = {pool: self.random.choice(["0s", "1s", "3s", "6s"]) for pool in self.tracked}
        for service in self.services:
            for pool, interval in intervals.items():
                service.options(pool)["update-interval"] = interval
            if service.process is not None:
                self.reload(service)

    def reload(self, service):
        reloads = service.metric("reloads_total", pool=None, result="done")
        service.write_config()
        service.process.send_signal(signal.SIGHUP)
        until(lambda: service.metric("reloads_total", pool=None, result="done") > reloads, 10, "the reload")

    def step(self):
        up = [s for s in self.services if s.process is not None]
        service, pool, draw = self.random.choice(up), self.random.choice(sorted(self.tracked)), self.random.random()
        if draw < 0.5:
            self.set(service, pool, 1, False)
        elif draw < 0.7:
            self.set(service, pool, 1, True)
        elif draw < 0.8:
            self.set(service, pool, 3, self.random.random() < 0.5)
        elif draw < 0.92:
            self.reload_all()
        elif len(up) == len(self.services):
            service.stop()
        else:
            next(s for s in self.services if s.process is None).start()
        time.sleep(self.random.uniform(0, 0.5))


def fill(redis, pool, uri, size):
    """Random statuses, which take long to be compressed; behind the indices that are looked at."""
    key = f"statuslist:{{{pool}}}:list:{uri.rsplit('/', 1)[1]}"
    for at in range(1000000, size - 1000000, 1000000):
        redis.client.setrange(key, at, os.urandom(1000000))


def reserve_low(client, count, most):
    """References with low indices, where no random statuses lie."""
    found = []
    until(lambda: found.extend(r for r in client.reserve(50) if r[1] < most) or len(found) >= count, 20, "references", 0)
    return found[:count]


@pytest.mark.parametrize("seed", range(int(os.environ.get("SL_SEEDS", "1"))))
def test_random_schedules(fixture, seed):
    redis = fixture.redis()
    services = [fixture.service(redis, {n: dict(o) for n, o in POOLS.items()}, shutdown={"delay": "2s"}) for _ in range(3)]
    for s in services:
        s.start(seconds=60)
    stop, readers = threading.Event(), {}
    with services[0].client("brief") as brief, services[0].client("large") as large:
        tracked = {"brief": brief.reserve(40), "large": reserve_low(large, 8, 1000000)}
    fill(redis, "large", tracked["large"][0][0], POOLS["large"]["size"])
    tracked = {pool: {u: [i for v, i in references if v == u] for u, _ in references} for pool, references in tracked.items()}
    schedule = Schedule(seed, services, tracked)
    readers = {pool: [Reader(s, pool, lists, stop) for s in services] for pool, lists in tracked.items()}
    try:
        end = time.time() + RUN
        while time.time() < end:
            schedule.step()
        last = max(by for promises in schedule.promises.values() for by, *_ in promises)
        until(lambda: time.time() > last + TAIL, 120, "the last promise", 0.2)
    finally:
        stop.set()
        for reader in (r for of in readers.values() for r in of):
            reader.thread.join()
    for pool in tracked:
        assert len(schedule.promises[pool]) > 5
        assert sum(r.check(schedule.promises[pool], schedule.told) for r in readers[pool]) > 50


@pytest.mark.parametrize("embedded", [False, True])
def test_a_shorter_ttl(fixture, embedded):
    """Tokens of before a reload are used for as long as they say."""
    pools = {"tests": {"size": 1000, "bits": 4, "update-interval": "0s", "ttl": "6s", "list-lifetime": "60s"}}
    service = fixture.service(None if embedded else fixture.redis(), pools).start()
    stop = threading.Event()
    with service.client() as c:
        references = c.reserve(10)
        tracked = {u: [i for v, i in references if v == u] for u, _ in references}
        schedule = Schedule(1, [service], {"tests": tracked})
        reader = Reader(service, "tests", tracked, stop)
        try:
            until(lambda: reader.copies, 10, "a copy")
            service.options()["ttl"] = "1s"
            schedule.reload(service)
            for _ in range(10):
                schedule.set(service, "tests", 1, True)
                time.sleep(0.4)
            last = max(by for by, *_ in schedule.promises["tests"])
            until(lambda: time.time() > last + 1, 30, "the last promise", 0.2)
        finally:
            stop.set()
            reader.thread.join()
    assert any(age == 6 for _, age, _, _ in reader.copies) and any(age == 1 for _, age, _, _ in reader.copies)
    assert reader.check(schedule.promises["tests"]) > 10
