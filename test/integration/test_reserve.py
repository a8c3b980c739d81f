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


@pytest.mark.parametrize("end", ["restart", "lost", "failover"])
def test_no_list_is_sealed_when_redis_comes_back(fixture, end):
    """A restart, older data or a new replication id cost nothing: what was ready is used, and the list goes on."""
    redis = fixture.redis("everysec" if end == "lost" else "always")
    strategy = {"persistence-strategy": "append-fsync-everysec"} if end == "lost" else {}
    service = fixture.service(redis, {"tests": {"size": 1000, "precreation": {"lists": 2}, "prefetch": {"threshold": 5, "capacity": 10}}},
                              redis=strategy).start()
    with service.client() as c:
        references = c.reserve(10)
        uri = references[0][0]
        until(lambda: service.metric("lists_owned") == 3, 10, "the spares")
        for _ in range(3):
            until(lambda: service.metric("ring_fill") == 10, 10, "a full ring")
            if end == "restart":
                redis.restart()
            elif end == "lost":  # the cursor as it was
                key = f"statuslist:{{tests}}:list:{uri.rsplit('/', 1)[1]}:config"
                redis.client.hset(key, "cursor", 1)
                redis.restart()
            else:
                redis.client.execute_command("REPLICAOF", "127.0.0.1", "1")
                redis.client.execute_command("REPLICAOF", "NO", "ONE")
            service.wait_ready()
            references += [r for _ in range(5) for r in c.reserve(10)]
        assert {u for u, _ in references} == {uri}
        assert {redis.list_config("tests", u)["state"] for u in c.lists()} == {"open"} and len(c.lists()) == 3
        counted(references)
        assert service.metric("lists_abandoned_total") == 0


def give_and_end(service, ends, calls=2, amount=20):
    references = []
    for end in ends:
        with service.client() as c:
            references += [r for _ in range(calls) for r in c.reserve(amount)]
        getattr(service, end)()
        service.start()
    with service.client() as c:
        references += [r for _ in range(calls) for r in c.reserve(amount)]
    return counted(references)


@pytest.mark.parametrize("embedded", [True, False])
def test_a_start_on_the_same_boot_goes_on_with_the_lists(fixture, embedded):
    """The process that ended, in order or by kill -9 right after a reservation, has left its lists and positions."""
    redis = None if embedded else fixture.redis()
    service = fixture.service(redis, {"tests": {"size": 2000, "precreation": {"lists": 1},
                                              "prefetch": {"threshold": 20, "capacity": 40}}}).start()
    references = give_and_end(service, ["stop", "kill", "stop", "kill", "kill"])
    assert len({u for u, _ in references}) == 1, "one list serves all"
    assert service.metric("lists_inherited_total") == 2 and service.metric("lists_owned") == 2
    assert (service.runtime / "hand-over").stat().st_mode & 0o7777 == 0o600
    assert service.log().count("took over lists of the process before") == 5


def test_a_file_that_was_put_back_gives_no_list(fixture):
    """The hand-over file is consumed: a copy of it, under older data of Redis, is of a process that owns nothing any more."""
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": {"size": 2000, "precreation": {"lists": 0},
                                              "prefetch": {"threshold": 20, "capacity": 40}}}).start()
    with service.client() as c:
        references = c.reserve(40)
    uri = references[0][0]
    key = f"statuslist:{{tests}}:list:{uri.rsplit('/', 1)[1]}:config"
    service.kill()
    left, cursor = (service.runtime / "hand-over").read_bytes(), redis.client.hget(key, "cursor")
    references += give_and_end(service.start(), ["kill"])
    service.kill()
    redis.client.hset(key, "cursor", cursor)
    (service.runtime / "hand-over").write_bytes(left)
    (service.runtime / "hand-over").chmod(0o600)
    service.start()
    with service.client() as c:
        references += c.reserve(40)
        assert references[-1][0] != uri
    counted(references)


def spoil_mode(service):
    service.runtime.chmod(0o777)


def spoil_place(service):
    service.extra_environment["RUNTIME_DIRECTORY"] = str(service.directory)  # on a disk


def spoil_file(service):
    with open(service.runtime / "hand-over", "r+b") as f:
        f.seek(200)
        f.write(b"?")


def spoil_nothing_there(service):
    service.extra_environment["RUNTIME_DIRECTORY"] = str(service.directory / "nothing")


@pytest.mark.parametrize("spoil, reason", [(spoil_mode, "may be written by other users"), (spoil_place, "is not in memory"),
                                           (spoil_file, "is torn"), (spoil_nothing_there, "No such file")])
def test_a_wrong_runtime_directory_means_new_lists(fixture, spoil, reason):
    """Never a refusal to start: one line says why, and the rest of the list stays unused."""
    service = fixture.service(None, {"tests": {"size": 2000, "precreation": {"lists": 0},
                                             "prefetch": {"threshold": 20, "capacity": 40}}}).start()
    with service.client() as c:
        references = c.reserve(40)
    service.kill()
    spoil(service)
    before = len(service.log())
    service.start()
    with service.client() as c:
        references += c.reserve(40)
    assert references[0][0] != references[-1][0]
    counted(references)
    said = [line for line in service.log()[before:].splitlines() if "subject=runtime-directory" in line]
    assert len(said) == 1 and reason in said[0] and "new lists" in said[0]


def test_instances_take_from_lists_of_their_own(fixture):
    redis = fixture.redis()
    pools = {"tests": {"size": 304, "precreation": {"lists": 1}, "prefetch": {"threshold": 20, "capacity": 40}}}
    one = fixture.service(redis, pools).start()
    other = fixture.service(redis, pools)
    other.config["public-url"] = one.config["public-url"]
    other.extra_environment["RUNTIME_DIRECTORY"] = str(one.runtime)  # held by the first: this one has none
    other.start()
    assert "is used by another process" in other.log()
    references = {}
    for service in (one, other):
        with service.client() as c:
            references[service] = [r for _ in range(20) for r in c.reserve(40)]
    assert not {u for u, _ in references[one]} & {u for u, _ in references[other]}
    one.kill()
    one.start()
    with one.client() as c, other.client() as d:
        references[one] += [r for _ in range(20) for r in c.reserve(40)]
        references[other] += [r for _ in range(20) for r in d.reserve(40)]
        for uri, index in references[other][:3]:
            assert c.fetch(uri).status == 200
    counted(references[one] + references[other])
    assert not {u for u, _ in references[one]} & {u for u, _ in references[other]}


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
