"""Redis' data go back or fork while instances live that have shown more: what was acknowledged on either side stays, and no reader sees
a list go back."""
import pathlib
import shutil
import time

import pytest

from client import until
from processes import free_port
from proxy import Proxy
from reader import Reader

POOL = {"size": 2000, "bits": 2, "update-interval": "0s", "list-lifetime": "1h", "prefetch": {"threshold": 5, "capacity": 10}}


class Instances:
    """Services on one Redis of their own, each with a proxy before it."""

    def __init__(self, fixture, count=1, redis=None, **options):
        self.fixture, self.options = fixture, options
        self.redis = redis or fixture.redis()
        self.proxies, self.services, self.clients = [], [], []
        for _ in range(count):
            self.add()

    def add(self):
        """Not started yet."""
        path = self.fixture.directory / f"proxy{len(self.proxies)}.sock"
        self.proxies.append(Proxy(path, self.redis.socket))
        store = type("Store", (), {"socket": str(path)})()
        more = {"public_url": self.services[0].config["public-url"]} if self.services else {}
        s = self.fixture.service(store, {"tests": {**POOL, **self.options}}, redis={"command-timeout": "2s"}, **more)
        runtime = pathlib.Path("/dev/shm") / self.fixture.directory.name / s.directory.name
        runtime.mkdir(parents=True, mode=0o700)
        s.extra_environment["RUNTIME_DIRECTORY"] = str(runtime)
        self.services.append(s)
        return s

    def start(self):
        for s in self.services:
            s.start()
        return self

    def client(self, n):
        c = self.services[n].client()
        self.clients.append(c)
        return c

    def end(self):
        for c in self.clients:
            c.close()
        for s in self.services:
            s.end(9)
        for p in self.proxies:
            p.stop()


@pytest.fixture
def world(fixture):
    made = []

    def make(*args, **more):
        made.append(Instances(fixture, *args, **more))
        return made[-1]
    yield make
    for w in made:
        for s in w.services:
            if s.paused:
                s.resume()
        w.end()
    shutil.rmtree(pathlib.Path("/dev/shm") / fixture.directory.name, ignore_errors=True)


def set_all(client, uri, indices, value=1):
    for index in indices:
        client.update(uri, index, value)


def ones(*indices):
    return {i: 1 for i in indices}


def at_rest(readers, expected, client=None, uri=None):
    """All show that, and go on showing it; and so says Redis."""
    for r in readers:
        r.shows(expected, 15)
    time.sleep(2.5)  # a sweep of each, which may not find anything else
    for r in readers:
        r.shows(expected)
        assert r.back == [], r.back
    if client is not None:
        for index, value in expected.items():
            assert client.status(uri, index) == value


@pytest.mark.parametrize("updates", [1, 2, 5])
def test_workers_are_led_to_another_server_than_the_keeper(fixture, world, updates):
    """As behind a name that changes during a failover: what a worker's server acknowledges must not be lost to the keeper's."""
    first = fixture.redis(extra=("--port", str(port := free_port())))
    second = fixture.redis(extra=("--port", str(free_port()), "--replicaof", f"127.0.0.1 {port}", "--repl-diskless-sync-delay", "0"))
    w = world(1, redis=first).start()
    a, proxy = w.client(0), w.proxies[0]
    uri = a.reserve()[0][0]
    acknowledged = {}

    def try_all(indices):
        for index in indices:
            if a.try_update(uri, index, 1).status == 204:
                acknowledged[index] = 1

    with Reader(w.services[0], uri) as reader:
        set_all(a, uri, (1, 2, 3))
        until(lambda: second.client.info("replication")["master_repl_offset"]
              == first.client.info("replication")["master_repl_offset"], 10, "a replica in step")
        second.client.execute_command("REPLICAOF", "NO", "ONE")
        set_all(a, uri, (4, 5))
        reader.shows(ones(1, 2, 3, 4, 5))
        proxy.ways = {"worker": second.socket}
        proxy.cut("worker")
        time.sleep(0.3)
        try_all(range(500, 500 + updates))
        first.kill()
        proxy.ways, proxy.target = {}, second.socket
        w.services[0].wait_ready()
        for index in range(500, 500 + updates):
            until(lambda index=index: a.try_update(uri, index, 1).status == 204, 20, "an update on the one server that is left")
        at_rest([reader], {**ones(1, 2, 3, 4, 5), **acknowledged, **ones(*range(500, 500 + updates))}, a, uri)


@pytest.mark.parametrize("event", ["restart", "replica", "failover"])
def test_nothing_is_sealed(fixture, world, event):
    """Redis restarts, gets its first replica, or is replaced by that, and nothing is lost: the lists go on."""
    first = fixture.redis(extra=("--port", str(port := free_port()), "--repl-diskless-sync-delay", "0"))
    w = world(1, redis=first).start()
    a = w.client(0)
    uri = a.reserve(10)[0][0]
    a.update(uri, 1, 1)
    w.services[0].wait_ready()
    for n in range(3):
        if event == "restart":
            w.redis.restart()
        elif n == 0:
            second = fixture.redis(extra=("--replicaof", f"127.0.0.1 {port}", "--repl-diskless-sync-delay", "0"))
            until(lambda: second.client.info("replication")["master_link_status"] == "up", 20, "the replica")
            if event == "failover":
                until(lambda: second.client.info("replication")["master_repl_offset"]
                      == first.client.info("replication")["master_repl_offset"], 10, "a replica in step")
                w.proxies[0].refuse()
                second.client.execute_command("REPLICAOF", "NO", "ONE")
                w.proxies[0].target, w.redis = second.socket, second
                w.proxies[0].closed = False
        time.sleep(2.5)
        w.services[0].wait_ready()
        assert {u for u, _ in a.reserve(10) + a.reserve(10) + a.reserve(10)} == {uri}
        a.update(uri, 10 + n, 1)
    states = {k: w.redis.client.hget(k, "state") for k in w.redis.client.scan_iter("*:list:*:config", count=1000)}
    assert set(states.values()) == {b"open"}, states
