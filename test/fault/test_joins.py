"""Redis' data seem to go back, or do: what that costs."""
import pathlib
import shutil
import time

import pytest

from client import until
from processes import free_port
from proxy import Proxy

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
