"""After a start: every list is known and served, and a crowd on one list costs one load and one signature."""
import time
import uuid

from client import Connection, path_of, until
from processes import instrumented
from tokens import Token, fetch_token


def test_a_crowd_on_one_cold_list(fixture):
    """Three hundred connections ask for one list that is not signed yet: one load, one signing, three hundred equal answers."""
    redis = fixture.redis()
    # A list that takes a while, and is the only one.
    pool = {"size": 8_000_000, "precreation": {"lists": 0}, "prefetch": {"threshold": 2000, "capacity": 5000}}
    service = fixture.service(redis, {"tests": pool}).start()
    with service.client() as c:
        references = c.reserve(5000)
        uri = references[0][0]
        c.batch(references, value=1)
    service.stop()
    service.options()["retired"] = True  # nothing new: only what this crowd asks for is loaded
    service.spawn()
    crowd = []
    for _ in range(300):
        connection = Connection(service.public)
        until(lambda: service.alive() and not refused(connection), 20, "the listener")
        crowd.append(connection)
    until(lambda: service.log().count("pool is open") == 2, 10, "the pool")
    for connection in crowd:
        connection.send_request("GET", path_of(uri))
    answers = [c.read_response() for c in crowd]
    for c in crowd:
        c.close()
    assert {r.status for r in answers} == {200} and len({r.body for r in answers}) == 1
    assert len(Token(answers[0].body).nonzero()) == 5000
    assert service.metric("loads_total") == 1 and service.metric("signings_total") == 1
    assert service.metric("publications_total", cause="first") == 1


def refused(connection):
    try:
        connection.open()
    except OSError:
        return True
    return False


def test_five_hundred_lists_are_known_after_a_start(fixture):
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": {"size": 80, "precreation": {"lists": 500, "check-delay": "100ms"},
                                              "prefetch": {"threshold": 40, "capacity": 80}}}).start()
    with service.client() as c:
        until(lambda: len(c.lists()) >= 500, 20, "five hundred lists")
        lists = c.lists()
        chosen = c.reserve(60)
        c.batch(chosen, value=1)
        want = {}
        for u, i in chosen:
            want.setdefault(u, {})[i] = 1
        assert not set(want) - set(c.lists())
    for end in (service.stop, service.kill):
        end()
        begun = time.monotonic()
        service.spawn()
        with service.client() as c:
            connection = Connection(service.public)
            until(lambda: service.alive() and not refused(connection), 10, "the listener")
            connection.close()
            # The very first answers come before all are signed; only before Redis is reached it is 503.
            until(lambda: c.fetch(lists[0]).status != 503, 5, "an answer")
            for uri in (lists[0], lists[-1], *want):
                assert fetch_token(c, uri).nonzero() == want.get(uri, {})
            first = time.monotonic() - begun
            service.wait_ready()
            assert first < 2 + 4 * instrumented(), first
            assert set(lists) <= set(c.lists())
            for uri in lists:
                r = c.fetch(uri)
                assert r.status == 200 and Token(r.body).nonzero() == want.get(uri, {})
            assert service.metric("lists") >= 500 and service.metric("lists_unpublished") == 0
            assert c.get("/" + str(uuid.uuid4())).status == 404


def test_a_cold_list_without_redis(fixture):
    """A list is known, and Redis goes away before it is signed: the client gets a 503 soon."""
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": {"size": 80, "prefetch": {"threshold": 2, "capacity": 4}}}).start()
    with service.client() as c:
        uri = c.reserve()[0][0]
    service.stop()
    redis.pause()
    service.spawn()
    with service.client() as c:
        until(lambda: service.alive() and not refused(c.connection), 10, "the listener")
        r = c.fetch(uri)
        assert r.status == 503 and r.problem()["code"] == "UNAVAILABLE" and r["retry-after"]
        redis.resume()
        service.wait_ready()
        assert c.fetch(uri).status == 200


def test_clients_who_leave_while_they_wait(fixture):
    """Half of a waiting crowd hangs up: the others are answered, and nothing leaks."""
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": {"size": 8_000_000, "prefetch": {"threshold": 5, "capacity": 10}}}).start()
    with service.client() as c:
        uri = c.reserve()[0][0]
        redis.pause()
        waiting = [Connection(service.public) for _ in range(60)]
        for n, w in enumerate(waiting):
            w.send_request("POST", "/pools/tests/new-references?amount=10", {"X-Api-Key": c.key, "Content-Length": "0"})
        until(lambda: service.metric("reservation_queue") >= 50, 10, "the waiting")
        for w in waiting[::2]:
            w.close()
        redis.resume()
        answers = [w.read_response() for w in waiting[1::2]]
        assert {r.status for r in answers} == {200}
        references = [(e["uri"], e["index"]) for r in answers for e in r.json()["references"]]
        references += [x for _ in range(30) for x in c.reserve(10)]
        assert len(set(references)) == len(references) == 600
        for w in waiting:
            w.close()
        until(lambda: service.metric("reservation_queue") == 0, 5, "an empty queue")
        until(lambda: service.metric("http_connections", None) <= 2, 5, "closed connections")  # ours, and this question
        assert c.fetch(uri).status == 200
