"""Processes end during work: acknowledged statuses are kept, and no reference is given out twice."""
import random
import signal
import threading
import time

import pytest

from client import until
from processes import instrumented
from tokens import fetch_token

pytestmark = pytest.mark.tsan
POOL = {"size": 3000, "bits": 4, "update-interval": "100ms", "prefetch": {"threshold": 60, "capacity": 300}}


class Crowd:
    """Clients who reserve and update without pause, over every loss of their connection, and record the answers."""

    def __init__(self, service, clients=6):
        self.service, self.stopping = service, threading.Event()
        self.references, self.lock = [], threading.Lock()
        self.acknowledged, self.possible = {}, {}
        self.refused = 0
        self.threads = [threading.Thread(target=self._run, args=(n,)) for n in range(clients)]
        self.errors = []

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for t in self.threads:
            t.join()
        if self.errors:
            raise self.errors[0]

    def _run(self, n):
        order, mine = random.Random(n), []
        client = self.service.client()
        try:
            while not self.stopping.is_set():
                try:
                    self._step(client, order, mine)
                except OSError:
                    client.close()
                    time.sleep(0.01)
        except BaseException as e:  # noqa: B902 - raised by __exit__
            self.errors.append(e)
        client.close()

    def _step(self, client, order, mine):
        if not mine or order.random() < 0.3:
            r = client.try_reserve(order.choice([1, 2, 10, 61, 150]))
            if r.status == 200:
                got = [(e["uri"], e["index"]) for e in r.json()["references"]]
                mine.extend(got)
                with self.lock:
                    self.references.extend(got)
            else:
                assert r.status == 503, r
                self.refused += 1
            return
        chosen = [order.choice(mine) for _ in range(order.choice([1, 1, 8]))]
        value = order.randrange(16)
        # Until it is answered the update may or may not have happened.
        for reference in chosen:
            self.possible.setdefault(reference, {self.acknowledged.get(reference, 0)}).add(value)
        r = client.try_update(*chosen[0], value) if len(chosen) == 1 else client.try_batch(chosen, value)
        if r.status == 204:
            for reference in chosen:
                self.acknowledged[reference] = value
                self.possible[reference] = {value}
        else:
            assert r.status == 503, r
            self.refused += 1
            if r.problem()["code"] == "UNAVAILABLE":
                return

    def check(self):
        """Each reference once; each status is the acknowledged one, or one whose outcome stayed unknown."""
        assert len(set(self.references)) == len(self.references) > 100
        assert len(self.acknowledged) > 20
        by_list = {}
        for (uri, index), values in self.possible.items():
            by_list.setdefault(uri, {})[index] = values
        with self.service.client() as c:
            for uri, expected in by_list.items():
                def agrees():
                    t = fetch_token(c, uri)
                    return all(t.status(i) in values for i, values in expected.items())
                until(agrees, 10, "the acknowledged statuses")
                index = next(iter(expected))
                assert c.status(uri, index) in expected[index]


def pauses(n):
    order = random.Random(n)
    for _ in range(n):
        time.sleep(order.uniform(0.15, 0.4))
        yield


@pytest.mark.parametrize("embedded", [False, True], ids=["external", "embedded"])
def test_the_service_is_killed_in_the_middle(fixture, embedded):
    service = fixture.service(None if embedded else fixture.redis(), {"tests": POOL}).start()
    with Crowd(service) as crowd:
        for _ in pauses(5):
            service.kill()
            service.start()
    crowd.check()


def test_redis_is_killed_in_the_middle(fixture):
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": POOL}).start()
    with Crowd(service) as crowd:
        for _ in pauses(5):
            redis.restart()
            until(lambda: service.alive() and service.readiness()[0], 20, "readiness")
    assert crowd.refused > 0
    crowd.check()


def test_the_embedded_redis_is_killed_in_the_middle(fixture):
    service = fixture.service(None, {"tests": POOL}).start()
    with Crowd(service) as crowd:
        for _ in pauses(4):
            child, = service.children()
            service.signal_child(child, signal.SIGKILL)
            until(lambda: service.children() not in ([child], []), 10, "another child")
            until(lambda: service.alive() and service.readiness()[0], 20, "readiness")
    crowd.check()


def test_redis_stands_still_in_the_middle(fixture):
    """Redis stands still for longer than a command's deadline: writes that were given up do not arrive after later ones."""
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": POOL}, redis={"command-timeout": "150ms" if not instrumented() else "400ms"}).start()
    with Crowd(service) as crowd:
        for _ in pauses(4):
            redis.pause()
            time.sleep(0.45)
            redis.resume()
            until(lambda: service.alive() and service.readiness()[0], 20, "readiness")
    crowd.check()


def test_an_orderly_end_in_the_middle_loses_nothing(fixture):
    """SIGTERM under load: what was taken from Redis was either received by a client or given back."""
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": {**POOL, "precreation": {"lists": 0}}}).start()
    with Crowd(service) as crowd:
        for _ in pauses(4):
            service.stop()
            taken = int(redis.client.hget("statuslist:{tests}:config", "taken"))
            returned = 0
            for key in redis.client.keys("statuslist:{tests}:list:*:returned"):
                returned += redis.client.llen(key)
            cursors = sum(int(redis.client.hget(k, "cursor")) for k in redis.client.keys("statuslist:{tests}:list:*:config"))
            assert taken >= cursors
            # The clients note what they got a moment after they got it.
            until(lambda: cursors - returned == len(crowd.references), 2, f"{cursors} - {returned} = {len(crowd.references)}")
            service.start()
    crowd.check()


def test_redis_lost_everything(fixture):
    """A list that Redis has lost is made again: what was ready of it is given out, and a client can set its status."""
    redis = fixture.redis("none")
    pool = {"size": 1000, "prefetch": {"threshold": 30, "capacity": 60}}
    service = fixture.service(redis, {"tests": pool}, redis={"persistence-strategy": "disabled"}).start()
    with service.client() as c:
        references = c.reserve(60)
        uri, index = references[0]
        c.update(uri, index, 1)
        until(lambda: fetch_token(c, uri).status(index) == 1, 5, "the update")
        redis.restart()
        service.wait_ready()
        fresh = [r for _ in range(5) for r in c.reserve(30)]
        assert len(set(fresh + references)) == 210 and uri in {u for u, _ in fresh} and fresh[-1][0] != uri
        c.batch(fresh, value=1)
        # Readers keep what they saw, and the list that Redis lost is there again.
        assert fetch_token(c, uri).status(index) == 1
        c.update(uri, index, 0)
        until(lambda: fetch_token(c, uri).status(index) == 0, 5, "the update")
        assert "redis has lost changes of a list" in service.log()


def test_a_primary_that_becomes_a_replica_and_back(fixture):
    """No write while Redis is a replica; afterwards the lists go on, from the positions that the service remembers."""
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": {**POOL, "prefetch": {"threshold": 5, "capacity": 10, "underflow-timeout": "300ms"}}}).start()
    with service.client() as c:
        references = c.reserve(10)
        uri, index = references[0]
        before = set(c.lists())
        redis.client.execute_command("REPLICAOF", "127.0.0.1", "1")
        until(lambda: c.try_update(uri, index, 1).status == 503, 5, "a refusal")
        until(lambda: not service.readiness()[0], 14, "unready")
        assert fetch_token(c, uri).status(index) == 0
        redis.client.execute_command("REPLICAOF", "NO", "ONE")
        service.wait_ready()
        for _ in range(5):
            references += c.reserve(10)
        assert {u for u, _ in references} <= before
        assert len(set(references)) == len(references)
        c.update(uri, index, 1)
        until(lambda: fetch_token(c, uri).status(index) == 1, 5, "the update")
