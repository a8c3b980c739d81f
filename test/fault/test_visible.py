"""Status-Visible-By over random schedules: from the promised second on, no verifier that keeps to max-age has the status of before, whichever
instance it asks, while instances are stopped and started, and options are changed by reloads."""
import email.utils
import itertools
import json
import os
import pathlib
import random
import re
import shutil
import signal
import threading
import time

import pytest

from client import Connection, path_of, until
from tokens import Token

SEED = int(os.environ.get("SL_SEED", random.randrange(1, 10**6)))
POOL = {"size": 3000, "bits": 4, "update-interval": "1s", "ttl": "1s", "list-lifetime": "30s",
        "prefetch": {"threshold": 200, "capacity": 400}}


class Verifier:
    """Fetches at its own times, uses a copy for max-age, and compares it with what was promised, on a thread of its own."""

    def __init__(self, service, uri, promises, number):
        self.service, self.uri, self.promises = service, uri, promises
        self.order = random.Random(SEED + number)
        self.broken, self.kept, self.error = [], 0, None
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        connection, until_then, token, fetched = Connection(self.service.public, 20), 0, None, 0
        try:
            while not self.stopping.wait(self.order.uniform(0.002, 0.05)):
                if time.time() >= until_then:
                    fetched = time.time()  # the copy's age counts from before it was asked for
                    try:
                        r = connection.request("GET", path_of(self.uri))
                    except OSError:
                        connection.close()
                        continue
                    if r.status != 200:
                        continue
                    token = Token(r.body, expired_ok=True)
                    until_then = min(fetched + int(re.search(r"max-age=(\d+)", r["cache-control"])[1]), token.exp)
                now = time.time()
                if token is None or now >= until_then:
                    continue
                for by, index, value, sent in list(self.promises):
                    if now >= by + 0.001:
                        self.kept += 1
                        if token.status(index) != value:
                            self.broken.append(f"{self.service.directory.name}: index {index} is {token.status(index)} at {now:.3f}, fetched "
                                               f"at {fetched:.3f}; {value}, sent at {sent:.3f}, was promised by {by}")
        except BaseException as e:  # noqa: B902 - raised at the end
            self.error = e
        connection.close()

    def end(self):
        self.stopping.set()
        self.thread.join(30)
        if self.error is not None:
            raise self.error
        assert self.broken == [], f"seed {SEED}: {len(self.broken)} promises broken\n" + "\n".join(self.broken[:5])
        return self.kept


def update(client, uri, index, value, wait):
    fields = {"X-Api-Key": client.key, "Content-Type": "application/json", **({"Prefer": f"wait={wait}"} if wait else {})}
    return client.issuer.request("PATCH", "/status-lists/update", fields,
                                 json.dumps({"uri": uri, "index": index, "value": value}).encode())


def keep_promising(order, services, promises, uri, seconds, event, quiet):
    """Updates at random instances, each of a status of its own, and after `quiet` seconds an event now and then."""
    indices, end, next_event = list(range(3000)), time.time() + seconds, time.time() + quiet
    order.shuffle(indices)
    sent = 0
    while time.time() < end:
        service = order.choice([s for s in services if s.process is not None])
        index, value = indices.pop(), order.randrange(1, 16)
        with service.client() as c:
            began = time.time()
            try:
                r = update(c, uri, index, value, order.choice([0, 0, 0, 1]))
            except OSError:
                continue  # it ended in that moment
            if r.status == 204 and r["status-visible-by"] is not None:
                by = email.utils.parsedate_to_datetime(r["status-visible-by"]).timestamp()
                promises.append((by, index, value, began))
                sent += 1
        if time.time() > next_event:
            event()
            next_event = time.time() + order.uniform(0.5, 2.5)
        time.sleep(order.uniform(0, 0.1))
    assert sent > 15
    last = max(p[0] for p in promises)
    until(lambda: time.time() > last + 0.3, 90, "the last promise")


@pytest.fixture
def runtime(fixture):
    path = pathlib.Path("/dev/shm") / fixture.directory.name
    path.mkdir(mode=0o700)
    yield path
    shutil.rmtree(path)


def run(fixture, runtime, count, event, seconds=12, quiet=1, intervals=("1s",)):
    print(f"seed {SEED}: repeat with SL_SEED={SEED}")
    redis, order = fixture.redis(), random.Random(SEED)
    services = []
    for n in range(count):
        s = fixture.service(redis, {"tests": {**POOL, "update-interval": intervals[n % len(intervals)]}})
        s.extra_environment["RUNTIME_DIRECTORY"] = str(runtime / str(n))
        (runtime / str(n)).mkdir(mode=0o700)
        services.append(s.start())
    with services[0].client() as c:
        uri = c.reserve()[0][0]
    for s in services:
        with s.client() as c:
            until(lambda c=c: c.fetch(uri).status == 200, 10, "the list")
    promises = []
    verifiers = [Verifier(s, uri, promises, 10 * n + k) for n, s in enumerate(services) for k in range(2)]
    keep_promising(order, services, promises, uri, seconds, lambda: event(order, services), quiet)
    kept = [v.end() for v in verifiers]
    assert all(k > 100 for k in kept), kept


def test_three_instances_that_come_and_go(fixture, runtime):
    def event(order, services):
        s = order.choice(services)
        s.stop()
        s.start()
    run(fixture, runtime, 3, event)


def test_reloads_of_ttl_and_interval(fixture, runtime):
    def event(order, services):
        s = services[0]
        s.options()["ttl"] = order.choice(["1s", "2s", "4s"])
        s.options()["update-interval"] = order.choice(["0s", "1s", "3s"])
        loads = s.log().count("reload")
        s.write_config()
        os.kill(s.pid, signal.SIGHUP)
        until(lambda: s.log().count("reload") > loads, 10, "the reload")
    run(fixture, runtime, 1, event)


def test_instances_with_different_intervals(fixture, runtime):
    """Each promises for all: one starts with a longer interval, another gets one by a reload."""
    def event(order, services):
        s = order.choice(services)
        s.options()["update-interval"] = order.choice(["0s", "1s", "3s", "6s"])
        s.write_config()
        if order.random() < 0.5:
            s.stop()
            s.start()
            return
        loads = s.log().count("reload")
        os.kill(s.pid, signal.SIGHUP)
        until(lambda: s.log().count("reload") > loads, 10, "the reload")
    run(fixture, runtime, 3, event, 22, quiet=12, intervals=("0s", "5s", "1s"))  # a longer one is in force after 8 s


def test_a_ttl_that_a_restart_has_shortened(fixture, runtime):
    """Much longer than a busy machine allows for its own publications."""
    ttls = itertools.cycle(["7s", "1s"])

    def event(_, services):
        s = services[0]
        s.stop()
        s.options()["ttl"] = next(ttls)
        s.write_config()
        s.start()
    run(fixture, runtime, 1, event, 15)
