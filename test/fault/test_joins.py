"""Redis' data go back or fork while instances live that have shown more: what was acknowledged on either side stays, and no reader sees
a list go back."""
import contextlib
import pathlib
import shutil
import subprocess

import pytest

from client import until
from processes import free_port
from proxy import Proxy
from reader import Reader
from restores import files_of, keys_of, put_files_back, put_keys_back

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


def go_back(redis, backup):
    redis.kill()
    put_files_back(redis, backup)
    redis.start()


def sweep(*services):
    """Each reads the pool's changes twice from now on: what the first reading found is done when the second begins."""
    before = {s: readings(s) for s in services}
    for s, n in before.items():
        until(lambda s=s, n=n: readings(s) >= n + 2, 20, "two sweeps")


def readings(service):
    return service.metric("store_operations_total", pool=None, operation="changes")


def connections_of(service):
    return service.log().count('msg="connected" role="worker-')


def lead_workers(service, proxy, count):
    """Their connections end, and they are connected again, by the proxy's ways."""
    before = connections_of(service)
    proxy.cut("worker")
    until(lambda: connections_of(service) >= before + count, 10, "the workers' connections")


def ones(*indices):
    return {i: 1 for i in indices}


def at_rest(readers, expected, client=None, uri=None):
    """All show that, and go on showing it; and so says Redis."""
    for r in readers:
        r.shows(expected, 15)
    sweep(*(r.service for r in readers))  # which may not find anything else
    for r in readers:
        r.shows(expected)
        assert r.back == [], r.back
    if client is not None:
        for index, value in expected.items():
            assert client.status(uri, index) == value


def make_old(redis, uri):
    """Gives the list as many lineages behind it as a line holds."""
    key = f"statuslist:{{tests}}:list:{uri.rsplit('/', 1)[1]}:config"
    redis.client.hset(key, mapping={"version": 15, "line": " ".join(f"{n:012x}-{n:015x}0:{n}" for n in range(1, 16))})


@pytest.mark.parametrize("updates, size, old", [(2, POOL["size"], False), (7, POOL["size"], False), (2, 700_000, False), (2, POOL["size"], True)],
                         ids=["fewer", "more", "in-pieces", "an-old-list"])
def test_an_instance_comes_back_that_has_seen_more(fixture, world, updates, size, old):
    """Its branch was lost, and the other instance's history has been written since: fewer changes than were lost, or more. A long list is
    joined in pieces. The line of an old list is full, so the other instance's first change drives the lowest lineage out of it."""
    w = world(1, size=size).start()
    a = w.client(0)
    uri = a.reserve()[0][0]
    if old:
        a.update(uri, 1, 1)
        make_old(w.redis, uri)
    with Reader(w.services[0], uri) as shown_by_a:
        set_all(a, uri, range(1, 6))
        shown_by_a.shows(ones(*range(1, 6)))
        backup = files_of(w.redis, fixture.directory / "backup")
        set_all(a, uri, range(6, 11))
        shown_by_a.shows(ones(*range(1, 11)))
        w.services[0].pause()
        go_back(w.redis, backup)
        w.add().start()
        b = w.client(1)
        later = range(500, 500 + updates)
        with Reader(w.services[1], uri) as shown_by_b:
            set_all(b, uri, later)
            shown_by_b.shows(ones(*range(1, 6), *later))
            w.services[0].resume()
            at_rest([shown_by_a, shown_by_b], ones(*range(1, 11), *later), b, uri)
    assert ("cmdstat_rename" in w.redis.client.info("commandstats")) == (size > 65536 * 4)


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
        lead_workers(w.services[0], proxy, 2)
        try_all(range(500, 500 + updates))
        first.kill()
        proxy.ways, proxy.target = {}, second.socket
        w.services[0].wait_ready()
        for index in range(500, 500 + updates):
            until(lambda index=index: a.try_update(uri, index, 1).status == 204, 20, "an update on the one server that is left")
        at_rest([reader], {**ones(1, 2, 3, 4, 5), **acknowledged, **ones(*range(500, 500 + updates))}, a, uri)


def test_a_write_right_after_keys_were_put_back(fixture, world):
    """No connection ends, and no sweep comes before it: the number of the change tells that the data are others."""
    w = world(1).start()
    a = w.client(0)
    uri = a.reserve()[0][0]
    with Reader(w.services[0], uri) as reader:
        set_all(a, uri, (1, 2))
        reader.shows(ones(1, 2))
        keys = keys_of(w.redis.client)
        set_all(a, uri, (4, 5))
        reader.shows(ones(1, 2, 4, 5))
        put_keys_back(w.redis.client, keys)
        a.update(uri, 6, 1)
        at_rest([reader], ones(1, 2, 4, 5, 6), a, uri)


def test_two_servers_and_a_number_twice(fixture, world):
    """Another instance changes a list on the keeper's server, and a worker of this one, led to the other server, would give the same
    number to another change: it knows of nothing newer. So it may not write there."""
    first = fixture.redis(extra=("--port", str(port := free_port())))
    second = fixture.redis(extra=("--port", str(free_port()), "--replicaof", f"127.0.0.1 {port}", "--repl-diskless-sync-delay", "0"))
    w = world(2, redis=first).start()
    a, b = w.client(0), w.client(1)
    uri = a.reserve()[0][0]
    until(lambda: b.fetch(uri).status == 200, 10, "the list at the other")
    with Reader(w.services[0], uri) as shown_by_a, Reader(w.services[1], uri) as shown_by_b:
        set_all(a, uri, (1, 2))
        for r in (shown_by_a, shown_by_b):
            r.shows(ones(1, 2))
        until(lambda: second.client.info("replication")["master_repl_offset"]
              == first.client.info("replication")["master_repl_offset"], 10, "a replica in step")
        sweep(*w.services)
        second.client.execute_command("REPLICAOF", "NO", "ONE")
        w.proxies[0].ways = {"worker": second.socket}
        lead_workers(w.services[0], w.proxies[0], 2)
        b.update(uri, 10, 1)
        until(lambda: shown_by_a.last[0] == ones(1, 2, 10), 5, "the other's change", 0.001)
        acknowledged = ones(500) if a.try_update(uri, 500, 1).status == 204 else {}
        first.kill()
        for p in w.proxies:
            p.ways, p.target = {}, second.socket
        for s in w.services:
            s.wait_ready()
        at_rest([shown_by_a, shown_by_b], {**ones(1, 2, 10), **acknowledged}, a, uri)


def test_failover_and_back_on_open_connections(fixture, world):
    """The primary becomes a replica of the one that took over, and primary again at once: no connection has ended, the data are others."""
    first = fixture.redis(extra=("--port", str(port := free_port()), "--repl-diskless-sync-delay", "0"))
    second = fixture.redis(extra=("--port", str(other := free_port()), "--replicaof", f"127.0.0.1 {port}",
                                  "--repl-diskless-sync-delay", "0"))
    w = world(1, redis=first).start()
    a = w.client(0)
    uri = a.reserve()[0][0]
    with Reader(w.services[0], uri) as reader:
        set_all(a, uri, (1,))
        until(lambda: second.client.info("replication")["master_repl_offset"]
              == first.client.info("replication")["master_repl_offset"], 10, "a replica in step")
        before = w.proxies[0].roles()
        second.client.execute_command("REPLICAOF", "NO", "ONE")
        set_all(a, uri, (2, 3))
        reader.shows(ones(1, 2, 3))
        w2 = world(0, redis=second)
        w2.services.append(w.services[0])  # the same URIs
        w2.add().start()
        del w2.services[0]
        b = w2.client(0)
        set_all(b, uri, range(500, 505))
        first.client.execute_command("REPLICAOF", "127.0.0.1", other)
        until(lambda: (i := first.client.info("replication"))["master_link_status"] == "up" and not i["master_sync_in_progress"],
              20, "a replica in step", 0.001)
        first.client.execute_command("REPLICAOF", "NO", "ONE")
        until(lambda: a.try_status(uri, 2).status == 200 and a.status(uri, 2) == 1, 10, "what was shown is there again")
        second.kill()
        at_rest([reader], ones(1, 2, 3, *range(500, 505)), a, uri)
        assert before  # there were connections to stay open
    assert w.services[0].log().count("a new history of the pool begins") >= 1


@pytest.mark.parametrize("how", ["there-and-back", "the-same-value"])
def test_the_new_history_knows_better(fixture, world, how):
    """A status that the new history has set and set back, or acknowledged because it was so, looks as if nothing had happened to it. The
    lost branch's value may not come back over it."""
    w = world(1).start()
    a = w.client(0)
    uri = a.reserve()[0][0]
    with Reader(w.services[0], uri, free={7}) as shown_by_a:
        set_all(a, uri, (1,))
        shown_by_a.shows(ones(1))
        backup = files_of(w.redis, fixture.directory / "backup")
        set_all(a, uri, (6, 7))
        shown_by_a.shows(ones(1, 6, 7))
        w.services[0].pause()
        go_back(w.redis, backup)
        w.add().start()
        b = w.client(1)
        with Reader(w.services[1], uri, free={7}) as shown_by_b:
            if how == "there-and-back":
                b.update(uri, 7, 2)
            b.update(uri, 7, 0)
            b.update(uri, 500, 1)
            shown_by_b.shows(ones(1, 500))
            w.services[0].resume()
            at_rest([shown_by_a, shown_by_b], ones(1, 6, 500), b, uri)
            assert b.status(uri, 7) == 0


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["older-first", "newer-first"])
def test_two_lost_branches(fixture, world, order):
    """Each of two instances has shown a branch that Redis lost. The one that comes second takes nothing back from the first."""
    w = world(2).start()
    a, b = w.client(0), w.client(1)
    uri = a.reserve()[0][0]
    until(lambda: b.fetch(uri).status == 200, 10, "the list at the other")
    with contextlib.ExitStack() as stack:
        shown = [stack.enter_context(Reader(s, uri, free={30})) for s in w.services]
        set_all(a, uri, (1,))
        for r in shown:
            r.shows(ones(1))
        backup = files_of(w.redis, fixture.directory / "backup")
        w.services[1].pause()
        set_all(a, uri, (10, 30))
        shown[0].shows(ones(1, 10, 30))
        w.services[0].pause()
        go_back(w.redis, backup)
        w.services[1].resume()
        w.services[1].wait_ready()
        b.update(uri, 30, 0)  # before the other: the token that shows 20 contains it
        set_all(b, uri, (20,))
        shown[1].shows(ones(1, 20))
        w.services[1].pause()
        go_back(w.redis, backup)
        for n in order:
            w.services[n].resume()
            sweep(w.services[n])
            w.services[n].wait_ready()
        at_rest(shown, ones(1, 10, 20), a, uri)
        assert b.status(uri, 30) == 0


@pytest.mark.parametrize("finals", [False, True], ids=["plain", "final"])
def test_a_branch_comes_after_the_marks_have_gone(fixture, world, finals):
    """An instance was away for longer than the indices of the new history are marked, and knows a branch that was lost: Redis' bytes stay
    but for its final statuses, and that is told."""
    clock = fixture.directory / "clock"
    clock.write_bytes(bytes(8))
    shim = fixture.directory / "wall_clock.so"
    subprocess.run(["cc", "-D_GNU_SOURCE", "-O2", "-shared", "-fPIC", "-o", shim, pathlib.Path(__file__).parent / "wall_clock.c"], check=True)
    w = world(1, **({"final-status": 3} if finals else {})).start()
    w.redis.variables = {"LD_PRELOAD": str(shim), "WALL_CLOCK_FILE": str(clock)}
    a = w.client(0)
    uri = a.reserve()[0][0]
    with Reader(w.services[0], uri, free=range(2000)) as shown_by_a:
        set_all(a, uri, (1,))
        shown_by_a.shows(ones(1))
        backup = files_of(w.redis, fixture.directory / "backup")
        set_all(a, uri, (6, 7))
        a.update(uri, 8, 3)
        shown_by_a.shows({**ones(1, 6, 7), 8: 3})
        w.services[0].pause()
        go_back(w.redis, backup)
        w.add().start()
        b = w.client(1)
        with Reader(w.services[1], uri) as shown_by_b:
            b.update(uri, 7, 2)
            shown_by_b.shows({1: 1, 7: 2})
            assert list(w.redis.client.scan_iter("*:marks:*", count=1000)), "marks"
            with open(clock, "r+b") as f:  # by Redis' clock these two hours pass at once
                f.write((2 * 3600 * 1000).to_bytes(8, "little"))
            until(lambda: not list(w.redis.client.scan_iter("*:marks:*", count=1000)), 5, "the end of the marks")
            w.services[0].resume()
            expected = {1: 1, 7: 2, **({8: 3} if finals else {})}
            at_rest([shown_by_a, shown_by_b], expected, b, uri)
    until(lambda: w.services[0].metric("mended_too_late_total") == 1, 5, "the count")
    assert w.services[0].log().count("too late") == 1


def test_starts_of_others_cost_nothing(world):
    """Each start begins a history; nobody publishes, warns or refuses because of it."""
    w = world(2).start()
    a = w.client(0)
    uri = a.reserve()[0][0]
    set_all(a, uri, (1, 2))
    with Reader(w.services[0], uri) as reader:
        reader.shows(ones(1, 2))
        before = w.services[0].metric("signings_total"), w.services[0].log().count("level=warn")
        etag = a.fetch(uri)["etag"]
        for n in range(6):
            getattr(w.services[1], "stop" if n % 2 else "kill")()
            w.services[1].start()
            assert a.reserve()
        sweep(*w.services)
        assert a.fetch(uri)["etag"] == etag
        assert (w.services[0].metric("signings_total"), w.services[0].log().count("level=warn")) == before
        assert reader.back == []


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
        sweep(w.services[0])
        w.services[0].wait_ready()
        assert {u for u, _ in a.reserve(10) + a.reserve(10) + a.reserve(10)} == {uri}
        a.update(uri, 10 + n, 1)
    states = {k: w.redis.client.hget(k, "state") for k in w.redis.client.scan_iter("*:list:*:config", count=1000)}
    assert set(states.values()) == {b"open"}, states
