"""Reservations: every reference is given out once, in all ways of giving out and giving back."""
import collections
import threading
import time

import pytest

from client import Connection, parallel, until
from tokens import fetch_token


def counted(references):
    twice = [r for r, n in collections.Counter(references).items() if n > 1]
    assert not twice, f"handed out twice: {twice[:5]}"
    return references


def test_no_reference_twice_over_many_clients_and_lists(fixture):
    """Twelve clients with mixed amounts run over many lists; each list is used up, except what the rings hold."""
    size = 400
    service = fixture.service(fixture.redis(), {"tests": {"size": size, "prefetch": {"threshold": 150, "capacity": 300}}}).start()

    def issue(n):
        mine = []
        with service.client() as c:
            for k in range(40):
                mine += c.reserve([1, 1, 2, 7, 25, 150, 151, 299][(n + k) % 8])
        return mine

    references = counted([r for mine in parallel(12, issue) for r in mine])
    by_list = collections.Counter(u for u, _ in references)
    assert all(0 <= i < size for _, i in references)
    with service.client() as c:
        assert set(by_list) <= set(c.lists())
        unused = len(by_list) * size - len(references)
        # What is not handed out is in the ring, in the keeper's stock or on the list in use.
        assert unused <= 2 * 300 + size, (len(by_list), unused)
        assert all(fetch_token(c, uri).nonzero() == {} for uri in list(by_list)[:5])
    assert service.metric("references_reserved_total") == len(references)


def test_the_order_of_indices_tells_nothing(fixture):
    service = fixture.service(fixture.redis(), {"tests": {"size": 10000, "prefetch": {"threshold": 100, "capacity": 500}}}).start()
    with service.client() as c:
        indices = [i for _, i in c.reserve(500)]
    assert indices != sorted(indices)
    steps = {b - a for a, b in zip(indices, indices[1:])}
    assert len(steps) > 450
    assert min(indices) < 1000 and max(indices) >= 9000


def test_amount(fixture):
    service = fixture.service(fixture.redis(), {"tests": {"prefetch": {"threshold": 10, "capacity": 60}}}).start()
    with service.client() as c:
        for amount in (None, 1, 10, 11, 59, 60):
            counted(c.reserve(amount))
        assert c.try_reserve(61).problem()["code"] == "AMOUNT_OUT_OF_RANGE"
        assert c.call("POST", "/pools/tests/new-references?amount=2&amount=2").status == 400


def test_references_only_of_lists_that_can_be_fetched(fixture):
    """At the moment of the answer, on another connection, the list is there."""
    service = fixture.service(fixture.redis(), {"tests": {"size": 64, "precreation": {"lists": 0},
                                                      "prefetch": {"threshold": 16, "capacity": 32}}}).start()
    seen = set()
    with service.client() as c, Connection(service.public) as reader:
        for _ in range(60):
            for uri, _ in c.reserve(16):
                if uri not in seen:
                    seen.add(uri)
                    assert reader.request("GET", uri[uri.rindex("/"):]).status == 200
    assert len(seen) >= 15


def test_a_reservation_waits_for_redis(fixture):
    """on-underflow delay: while Redis stands still requests wait in line, and are served when it goes on."""
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": {"prefetch": {"threshold": 10, "capacity": 20, "underflow-timeout": "20s"}}},
                            redis={"command-timeout": "30s"}).start()
    done = []

    def issue(_):
        with service.client() as c:
            mine = c.reserve(10)
            done.append(time.monotonic())
            return mine

    with service.client() as c:
        redis.pause()
        first = c.reserve(10) + c.reserve(10)
        waiting = threading.Thread(target=lambda: first.extend(r for mine in parallel(6, issue) for r in mine))
        waiting.start()
        until(lambda: service.metric("reservation_queue") == 6, 10, "six that wait")
        assert not done
        redis.resume()
        waiting.join()
        assert len(done) == 6 and len(counted(first)) == 80


def test_a_reservation_that_waits_too_long_is_refused_for_that(fixture):
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": {"prefetch": {"threshold": 10, "capacity": 20, "underflow-timeout": "300ms"}}},
                            redis={"command-timeout": "30s"}).start()
    with service.client() as c:
        redis.pause()
        references = c.reserve(10) + c.reserve(10)
        begun = time.monotonic()
        r = c.try_reserve(5)
        assert r.status == 503 and r.problem()["code"] == "UNAVAILABLE" and int(r["retry-after"]) > 0
        assert 0.25 < time.monotonic() - begun < 3
        redis.resume()
        # The block for the request that has gone is not lost: it goes to the next ones.
        references += [x for _ in range(95) for x in c.reserve(10)]
        assert len(counted(references)) == 970
        assert len({u for u, _ in references}) == 1


@pytest.mark.alone
def test_underflow_under_fail(fixture):
    """Small amounts are refused at once when too few are ready; amounts over the threshold wait all the same."""
    redis = fixture.redis()
    pool = {"prefetch": {"threshold": 10, "capacity": 20, "on-underflow": "fail", "underflow-timeout": "400ms"}}
    service = fixture.service(redis, {"tests": pool}, redis={"command-timeout": "30s"}).start()
    with service.client() as c:
        references = c.reserve(20) + c.reserve(11)
        until(lambda: service.metric("ring_fill") == 20, 5, "a full ring")
        redis.pause()
        references += c.reserve(10) + c.reserve(10)
        begun = time.monotonic()
        r = c.try_reserve()
        assert r.status == 429 and r.problem()["code"] == "RATE_LIMIT_REACHED" and int(r["retry-after"]) > 0
        assert time.monotonic() - begun < 0.3
        r = c.try_reserve(11)
        assert r.status == 429 and time.monotonic() - begun > 0.35
        redis.resume()
        references += until(lambda: (r := c.try_reserve()).status == 200 and [(e["uri"], e["index"]) for e in r.json()["references"]],
                            10, "references")
        assert len(counted(references)) == 52
        assert service.metric("reservation_underflows_total") >= 2


def test_large_amounts_do_not_starve(fixture):
    """Eight clients take single references as fast as they can; a ninth, who wants the whole capacity, is served too."""
    service = fixture.service(fixture.redis(), {"tests": {"size": 20000, "prefetch": {"threshold": 20, "capacity": 200}}}).start()
    stop, references = threading.Event(), []

    def small(_):
        mine = []
        with service.client() as c:
            while not stop.is_set():
                mine += c.reserve()
        return mine

    crowd = threading.Thread(target=lambda: references.extend(r for mine in parallel(8, small) for r in mine))
    crowd.start()
    try:
        with service.client() as c:
            for _ in range(10):
                references += c.reserve(200)
    finally:
        stop.set()
        crowd.join()
    counted(references)
    assert len(references) > 2000


def test_what_was_ready_is_given_back_at_the_end(fixture):
    """SIGTERM returns what the ring held: the next run hands out exactly what is missing, and nothing twice."""
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": {"size": 400, "precreation": {"lists": 0},
                                              "prefetch": {"threshold": 50, "capacity": 100}}}).start()
    references = []
    for _ in range(3):
        with service.client() as c:
            references += c.reserve(50) + c.reserve(30)
            uri = references[0][0]
            until(lambda: service.metric("ring_fill") == 100, 5, "a full ring")
        service.stop()
        cursor, returned = int(redis.list_config("tests", uri)["cursor"]), redis.returned("tests", uri)
        assert cursor - len(returned) == len(references), "nothing is lost"
        assert not {i for _, i in references} & set(returned) and len(set(returned)) == len(returned)
        service.start()
    with service.client() as c:
        references += [r for _ in range(16) for r in c.reserve(10)]
        assert len(counted(references)) == 400 and {u for u, _ in references} == {uri}
        assert {i for _, i in references} == set(range(400))
        assert redis.list_config("tests", uri)["state"] == "full"
        counted(references + c.reserve(50))


def test_a_kill_loses_what_was_ready_and_doubles_nothing(fixture):
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": {"size": 1000, "prefetch": {"threshold": 50, "capacity": 100}}}).start()
    references = []
    for _ in range(4):
        with service.client() as c:
            references += c.reserve(50) + c.reserve(70)
        service.kill()
        service.start()
    with service.client() as c:
        references += [r for _ in range(10) for r in c.reserve(100)]
    counted(references)


def test_an_external_redis_restart_seals_the_open_lists(fixture):
    """When Redis may have lost data, no earlier list is used any more."""
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": {"size": 1000, "precreation": {"lists": 2},
                                              "prefetch": {"threshold": 5, "capacity": 10}}}).start()
    with service.client() as c:
        references = c.reserve(10)
        before = set(until(lambda: len(c.lists()) == 3 and c.lists(), 10, "the spares"))
        for _ in range(2):
            redis.restart()
            service.wait_ready()
            # The ring itself was handed out by the old Redis, which cannot take it back: it may be used up.
            references += [r for _ in range(5) for r in c.reserve(10)]
            assert not {u for u, _ in references[-30:]} & before
            states = {redis.list_config("tests", u)["state"] for u in before}
            assert states == {"sealed"}
            before = set(c.lists())
        counted(references)
        assert service.metric("lists_sealed_total") >= 6
        for uri in before:
            assert c.fetch(uri).status == 200


def test_indices_given_back_under_another_epoch_are_refused(fixture):
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": {"size": 1000, "prefetch": {"threshold": 50, "capacity": 100}}}).start()
    with service.client() as c:
        references = c.reserve(20)
        uri = references[0][0]
        redis.restart()
        service.stop()
        assert redis.returned("tests", uri) == []
        service.start()
        with service.client() as c2:
            references += c2.reserve(100)
            assert uri not in {u for u, _ in references[20:]}
            counted(references)


def test_the_embedded_redis_goes_on_with_its_lists(fixture):
    """Of the embedded Redis we are the only client and know what we took: a clean restart and a kill keep the open list."""
    service = fixture.service(None, {"tests": {"size": 2000, "precreation": {"lists": 0},
                                             "prefetch": {"threshold": 20, "capacity": 40}}}).start()
    references = []
    for end in ("stop", "kill", "stop", "kill"):
        with service.client() as c:
            references += c.reserve(40) + c.reserve(20)
        getattr(service, end)()
        service.start()
    with service.client() as c:
        references += c.reserve(40)
        assert len({u for u, _ in references}) == 1, "one list serves all"
    counted(references)
    assert service.metric("lists_adopted_total") == 1


def test_a_mark_that_redis_is_behind_seals(fixture):
    """The embedded Redis lost data (its files were set back): what the mark says was taken is not taken again."""
    import shutil
    service = fixture.service(None, {"tests": {"size": 2000, "precreation": {"lists": 0},
                                             "prefetch": {"threshold": 20, "capacity": 40}}}).start()
    with service.client() as c:
        references = c.reserve(40)
        old = references[0][0]
    service.stop()
    data, copy = service.storage / "redis", service.directory / "copy"
    shutil.copytree(data, copy, ignore=shutil.ignore_patterns("*.sock", "lock"))
    service.start()
    with service.client() as c:
        references += [r for _ in range(5) for r in c.reserve(40)]
    service.stop()
    for path in copy.iterdir():
        if path.is_dir():
            shutil.rmtree(data / path.name)
            shutil.copytree(path, data / path.name)
        else:
            shutil.copy2(path, data / path.name)
    service.start()
    with service.client() as c:
        references += [r for _ in range(5) for r in c.reserve(40)]
        assert old not in {u for u, _ in references[-200:]}
    counted(references)


def test_spares_stand_ready(fixture):
    """Precreated lists are signed before they are needed, and made again when they are used."""
    service = fixture.service(fixture.redis(), {"tests": {"size": 80, "precreation": {"lists": 3, "check-delay": "200ms"},
                                                      "prefetch": {"threshold": 8, "capacity": 16}}}).start()
    with service.client() as c:
        lists = set(until(lambda: len(c.lists()) >= 4 and c.lists(), 10, "spares"))
        until(lambda: service.metric("lists_unpublished") == 0, 10, "their tokens")
        used = {u for _ in range(20) for u, _ in c.reserve(16)}
        assert used & lists == lists or len(used & lists) >= 4
        until(lambda: len(set(c.lists()) - used) >= 3, 10, "new spares")


def test_a_retired_pool_gives_out_nothing_and_serves_on(fixture):
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": {"update-interval": "0s"}}).start()
    with service.client() as c:
        uri, index = c.reserve()[0]
    service.stop()
    service.options()["retired"] = True
    service.start()
    with service.client() as c:
        r = c.try_reserve()
        assert r.status == 409 and r.problem()["code"] == "POOL_RETIRED"
        c.update(uri, index, 1)
        until(lambda: fetch_token(c, uri).nonzero() == {index: 1}, 10, "the update")
        cursor = redis.list_config("tests", uri)["cursor"]
        assert c.lists()
    service.stop()
    assert redis.list_config("tests", uri)["cursor"] == cursor
