"""On whatever redis-server stands in PATH: every operation, and that nothing is acknowledged without the replicas that it takes. Newer
engines count for WAIT only what the asking connection has written itself: an answer that writes nothing would be confirmed at once."""
import json
import shutil
import uuid

import pytest

from client import parallel, until
from processes import free_port
from tokens import fetch_token

POOL = {"size": 2000, "bits": 2, "update-interval": "0s", "prefetch": {"threshold": 20, "capacity": 50}}


@pytest.fixture
def pair(fixture):
    """A primary and its replica, and a service with four workers that needs the replica's word."""
    primary = fixture.redis(extra=("--port", str(port := free_port()), "--repl-diskless-sync-delay", "0"))
    replica = fixture.redis(extra=("--replicaof", "127.0.0.1", str(port)))
    until(lambda: replica.client.info("replication")["master_link_status"] == "up", 20, "the replica")
    service = fixture.service(primary, {"tests": dict(POOL)}, workers=4, redis={"wait-replicas": 1, "command-timeout": "1s"}).start()
    return primary, replica, service


class Everywhere:
    """Clients enough that each worker has one: what one worker has written counts for its own connection to Redis only."""

    def __init__(self, service):
        self.clients = [service.client() for _ in range(12)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for c in self.clients:
            c.close()

    def each(self, call):
        """{status: an answer} of `call` by every client at the same time; calls with one key come one after the other, by some."""
        def one(n):
            self.clients[n].close()  # a connection of long ago may have been closed by the service
            return call(self.clients[n])
        if hasattr(call, "keyed"):
            return {r.status: r for r in map(one, range(4))}
        return {r.status: r for r in parallel(len(self.clients), one)}


class Keyed:
    """A call with an Idempotency-Key of its own."""
    keyed = True

    def __init__(self, method, target, body=None):
        self.method, self.target = method, target
        self.data = None if body is None else json.dumps(body).encode()
        self.fields = {"Idempotency-Key": f'"{uuid.uuid4()}"', **({} if body is None else {"Content-Type": "application/json"})}

    def __call__(self, client):
        return client.issuer.request(self.method, self.target, {"X-Api-Key": client.key, **self.fields}, self.data)


def batch(uri, index):
    body = {"statusListReferences": [{"uri": uri, "index": index, "value": 1}]}
    return Keyed("PATCH", "/status-lists/batch-update", body)


def reservation():
    return Keyed("POST", "/pools/tests/new-references?amount=3")


def test_nothing_is_acknowledged_without_the_replica(pair):
    """A repeated value, and the repeated answer of a batch and of a reservation."""
    primary, replica, service = pair
    with Everywhere(service) as everywhere:
        first = everywhere.clients[0]
        uri, index = first.reserve()[0]
        calls = {"update": lambda c: c.try_update(uri, index, 1), "batch without a key": lambda c: c.try_batch([(uri, index, 1)]),
                 "batch": batch(uri, index), "reservation": reservation()}
        for name, call in calls.items():
            assert everywhere.each(call).keys() <= {200, 204}, name
        first.close()
        given = calls["reservation"](first).json()
        replica.pause()
        calls |= {"a new update": lambda c: c.try_update(uri, index, 2), "a new batch": batch(uri, index), "a new reservation": reservation()}
        for name, call in calls.items():
            for n in (1, 2):
                answers = everywhere.each(call)
                assert set(answers) == {503}, (name, n, answers)
                if not name.endswith("reservation"):
                    assert {r.problem()["code"] for r in answers.values()} <= {"OUTCOME_UNKNOWN", "UNAVAILABLE"}, (name, answers)
        replica.resume()
        for name, call in calls.items():
            until(lambda call=call: everywhere.each(call).keys() <= {200, 204}, 20, name)
        first.close()
        assert calls["reservation"](first).json() == given
        lines = {k: primary.client.dump(k) for k in primary.client.scan_iter("*:data")}
        until(lambda: all(replica.client.dump(k) == v for k, v in lines.items()), 10, "the same bytes at the replica")


def test_a_retry_is_not_acknowledged_on_the_primary_alone(pair):
    """What the two servers show in the end: the replica is all that is left, and has what was acknowledged."""
    primary, replica, service = pair
    with Everywhere(service) as everywhere:
        uri, index = everywhere.clients[0].reserve()[0]
        everywhere.clients[0].update(uri, index, 1)
        replica.pause()
        acknowledged = [n for n in (1, 2) if 204 in everywhere.each(lambda c: c.try_update(uri, index, 2))]
        # From now on nothing reaches the replica any more.
        primary.kill()
        replica.resume()
        replica.client.execute_command("REPLICAOF", "NO", "ONE")
        data = replica.client.get(f"statuslist:{{tests}}:list:{uri.rsplit('/', 1)[1]}:data")
        assert not acknowledged, f"the replica has {data[index * 2 // 8] >> index * 2 % 8 & 3}"


def test_every_operation(fixture):
    """Reserve, update, batch, both with keys, status, fetch, a new list, retirement's sweep, a restart of each, data that went back."""
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": dict(POOL)}).start()
    with service.client() as c:
        given = c.reserve(50) + c.reserve(50)
        uri, index = given[0]
        other = (uri, (index + 1) % 2000)
        c.update(uri, index, 1)
        c.batch([(*other, 2), (uri, (index + 2) % 2000, 3)])
        call = batch(uri, (index + 3) % 2000)
        assert [call(c).status, call(c).status] == [204, 204]
        call = reservation()
        assert call(c).json() == call(c).json()
        assert c.status(uri, index) == 1 and c.status(*other) == 2
        expected = {index: 1, other[1]: 2, (index + 2) % 2000: 3, (index + 3) % 2000: 1}
        until(lambda: fetch_token(c, uri).nonzero() == expected, 10, "the token")
        assert uri in c.lists()
        for _ in range(40):  # over the end of a list
            given += c.reserve(50)
        assert len({u for u, _ in given}) > 1
        redis.restart()
        service.wait_ready()
        c.update(uri, index, 0)
        del expected[index]
        shutil.copytree(redis.directory / "appendonlydir", redis.directory / "older")
        c.update(*other, 1)
        expected[other[1]] = 1
        until(lambda: fetch_token(c, uri).nonzero() == expected, 10, "the token")
        redis.kill()
        shutil.rmtree(redis.directory / "appendonlydir")
        (redis.directory / "older").rename(redis.directory / "appendonlydir")
        redis.start()
        until(lambda: c.try_status(*other).status == 200 and c.status(*other) == 1, 20, "what was shown")
        given += c.reserve(50)
    service.stop()
    service.start()
    with service.client() as c:
        given += c.reserve(50)
        assert fetch_token(c, uri).nonzero() == expected
    assert len(set(given)) == len(given)


def test_the_embedded_one(fixture):
    service = fixture.service(None, {"tests": dict(POOL)}).start()
    with service.client() as c:
        given = c.reserve(30)
        c.update(*given[0], 1)
        until(lambda: fetch_token(c, given[0][0]).status(given[0][1]) == 1, 10, "the token")
    service.kill()
    service.start()
    with service.client() as c:
        given += c.reserve(30)
        assert c.status(*given[0]) == 1
    assert len(set(given)) == len(given)
