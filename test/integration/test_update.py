"""Updates: acknowledged ones are in the token, refused ones have changed nothing, and an unknown outcome is reported as one."""
import re
import threading
import time

import pytest

from client import parallel, until
from tokens import Token, fetch_token, statuses

POOLS = {"tests": {"size": 4000, "bits": 2, "final-status": 3, "update-interval": "0s", "api-key": "one",
                   "prefetch": {"threshold": 300, "capacity": 600}},
         "other": {"size": 800, "bits": 1, "update-interval": "0s", "api-key": "two", "prefetch": {"threshold": 20, "capacity": 40}},
         "third": {"size": 800, "bits": 8, "update-interval": "0s", "api-key": "one", "prefetch": {"threshold": 20, "capacity": 40}}}


@pytest.fixture(scope="module")
def redis(shared_fixture):
    return shared_fixture.redis()


@pytest.fixture(scope="module")
def service(shared_fixture, redis):
    return shared_fixture.service(redis, POOLS).start()


@pytest.fixture
def issuer(service):
    with service.client() as c:
        yield c


def visible(client, uri, expected, seconds=10):
    """expected: {index: value} among the list's statuses."""
    def all_there():
        t = fetch_token(client, uri)
        return all(t.status(i) == v for i, v in expected.items())
    until(all_there, seconds, "the statuses in the token")


def test_update_status_and_token_agree(issuer):
    (uri, a), (_, b) = issuer.reserve(2)
    assert issuer.status(uri, a) == 0
    issuer.update(uri, a, 2)
    assert issuer.status(uri, a) == 2 and issuer.status(uri, b) == 0
    visible(issuer, uri, {a: 2, b: 0})
    issuer.update(uri, a, 1)
    visible(issuer, uri, {a: 1, b: 0})
    issuer.update(uri, a, 0)
    visible(issuer, uri, {a: 0, b: 0})


def test_every_width(service):
    for pool, bits in (("other", 1), ("tests", 2), ("third", 8)):
        with service.client(pool) as c:
            references = c.reserve(8)
            uri = references[0][0]
            want = {i: (i * 37 + 1) % (1 << bits) for u, i in references if u == uri}
            for i, v in want.items():
                c.update(uri, i, v if v != 3 or bits != 2 else 2)
            want = {i: v if v != 3 or bits != 2 else 2 for i, v in want.items()}
            visible(c, uri, want)
            t = fetch_token(c, uri)
            assert t.bits == bits
            for i, v in want.items():
                assert c.status(uri, i) == v == t.status(i)


def test_a_version_has_a_history_that_a_restart_changes(fixture):
    service = fixture.service(pools=POOLS).start()

    def head():
        with service.client() as c:
            s = c.try_status(uri, index).json()
        return s["history"], s["version"]

    def update(value):
        with service.client() as c:
            c.update(uri, index, value)

    with service.client() as c:
        (uri, index), = c.reserve()
    update(1)
    first = head()
    assert re.fullmatch("[0-9a-f]{12}-[0-9a-f]{16}", first[0])
    update(0)
    assert head() == (first[0], first[1] + 1)
    service.stop()
    service.start()
    assert head() == (first[0], first[1] + 1)  # the list has not changed since
    update(1)
    later = head()
    assert later[0] > first[0] and later[1] > first[1] + 1


def test_a_value_already_set_makes_no_version(issuer, service):
    (uri, index), = issuer.reserve()
    issuer.update(uri, index, 1)
    visible(issuer, uri, {index: 1})
    version = issuer.try_status(uri, index).json()["version"]
    tag, signings = issuer.fetch(uri)["etag"], service.metric("signings_total")
    same = service.metric("updates_total", result="same")
    for _ in range(3):
        issuer.update(uri, index, 1)
    issuer.batch([(uri, index, 1)])
    assert issuer.try_status(uri, index).json()["version"] == version
    assert service.metric("updates_total", result="same") == same + 3
    other = issuer.reserve()[0]
    issuer.update(*other, 1)
    visible(issuer, other[0], {other[1]: 1})
    if other[0] == uri:
        assert issuer.try_status(uri, index).json()["version"] == version + 1
    else:
        assert issuer.fetch(uri)["etag"] == tag and service.metric("signings_total") == signings + 1


def test_final_status(issuer):
    (uri, a), (_, b) = issuer.reserve(2)
    issuer.update(uri, a, 1)
    issuer.update(uri, a, 3)
    for value in (0, 1, 2):
        r = issuer.try_update(uri, a, value)
        assert r.status == 403 and r.problem()["code"] == "FORBIDDEN"
    issuer.update(uri, a, 3)
    # One final entry refuses the whole batch, and says which.
    r = issuer.try_batch([(uri, b, 1), (uri, a, 1)])
    assert r.status == 403 and "statusListReferences[1]" in r.problem()["detail"]
    assert issuer.status(uri, b) == 0
    # So does one that the batch itself makes final.
    r = issuer.try_batch([(uri, b, 3), (uri, b, 1)])
    assert r.status == 403 and issuer.status(uri, b) == 0
    issuer.batch([(uri, b, 1), (uri, b, 3), (uri, a, 3)])
    visible(issuer, uri, {a: 3, b: 3})


def test_results_are_each_requests_own(service):
    """Forty updates of one list at once, every fourth refused: only those are."""
    with service.client() as c:
        references = [r for r in c.reserve(50)]
        uri = references[0][0]
        indices = [i for u, i in references if u == uri][:40]
        c.batch([(uri, i, 3) for i in indices[::4]])

        def one(n):
            with service.client() as mine:
                return mine.try_update(uri, indices[n], 1).status

        assert parallel(len(indices), one) == [403 if n % 4 == 0 else 204 for n in range(len(indices))]
        visible(c, uri, {i: 3 if n % 4 == 0 else 1 for n, i in enumerate(indices)})


def test_the_last_of_two_updates_of_one_reference_wins(issuer):
    (uri, index), = issuer.reserve()
    for value in (1, 2, 0, 2, 1):
        issuer.update(uri, index, value)
        assert issuer.status(uri, index) == value
    issuer.batch([(uri, index, 0), (uri, index, 2)])
    assert issuer.status(uri, index) == 2


def test_batch_over_lists(service):
    with service.client() as c:
        references = [r for _ in range(10) for r in c.reserve(600)]
        lists = {u for u, _ in references}
        assert len(lists) >= 2
        chosen = references[::7]
        c.batch([(u, i) for u, i in chosen], value=2)
        for uri in lists:
            visible(c, uri, {i: 2 for u, i in chosen if u == uri})
            unchosen = {i for u, i in references if u == uri} - {i for u, i in chosen if u == uri}
            assert not unchosen & set(statuses(c, uri))
        # An entry's own value before the common one.
        c.batch([chosen[0], (*chosen[1], 1)], value=0)
        assert c.status(*chosen[0]) == 0 and c.status(*chosen[1]) == 1


def test_batch_is_all_or_nothing(service):
    with service.client() as c, service.client("other") as stranger:
        references = [r for _ in range(8) for r in c.reserve(600)]
        u1, u2 = list(dict.fromkeys(u for u, _ in references))[:2]
        a, b = next(r for r in references if r[0] == u1), next(r for r in references if r[0] == u2)
        foreign = stranger.reserve()[0]
        c.update(*a, 0)
        bad = [((u2, 4000, 1), 400, "INDEX_OUT_OF_BOUNDS"), ((u2, b[1], 4), 400, "VALUE_OUT_OF_RANGE"),
               ((u2[:-1] + ("0" if u2[-1] != "0" else "1"), 1, 1), 400, "NO_SUCH_LIST"),
               ((*foreign, 1), 400, "NO_SUCH_LIST")]
        for entry, status, code in bad:
            for batch in ([(*a, 1), (*b, 1), entry], [entry, (*a, 1), (*b, 1)]):
                r = c.try_batch(batch)
                assert r.status == status and r.problem()["code"] == code
                position = batch.index(entry)
                assert f"statusListReferences[{position}]" in r.problem()["detail"], r
        assert c.status(*a) == 0 and c.status(*b) == 0
        # One credential may open two pools; a batch is still of one.
        with service.client("third") as third:
            mixed = third.reserve()[0]
        r = c.try_batch([(*a, 1), (*mixed, 1)])
        assert r.status == 400 and c.status(*a) == 0


def test_a_foreign_list_is_like_an_unknown_one(service):
    with service.client() as c, service.client("other") as stranger:
        uri, index = c.reserve()[0]
        unknown = uri.rsplit("/", 1)[0] + "/00000000-0000-4000-8000-000000000000"
        for ask in (lambda u: stranger.try_update(u, index, 1), lambda u: stranger.try_status(u, index),
                    lambda u: stranger.try_batch([(u, index, 1)]), lambda u: stranger.try_update(u, 4_000_000_000, 1),
                    lambda u: stranger.try_update(u, index, 200)):
            foreign, none = ask(uri), ask(unknown)
            assert foreign.status == none.status == 400
            assert {**foreign.problem(), "requestId": ""} == {**none.problem(), "requestId": ""}
            own = ("date", "x-request-id")
            assert [f for f in foreign.fields if f[0] not in own] == [f for f in none.fields if f[0] not in own]
            assert foreign.problem()["code"] == "NO_SUCH_LIST"
        # The same list under another spelling of its URI is no list either.
        for other in (uri.replace("http://", "https://"), uri.replace("127.0.0.1", "localhost"), uri + "/", uri + "?",
                      uri.upper(), "x/" + uri.rsplit("/", 1)[1]):
            assert c.try_update(other, index, 1).problem()["code"] == "NO_SUCH_LIST", other
        assert c.status(uri, index) == 0


def test_concurrent_updates_are_all_there(service):
    """Sixteen clients, single and batched, on the same lists: every acknowledged status is in the token."""
    with service.client() as c:
        references = [r for _ in range(4) for r in c.reserve(400)]
        shares = [references[n::16] for n in range(16)]

        def set_all(n):
            with service.client() as mine:
                if n % 4 == 3:
                    for at in range(0, len(shares[n]), 10):
                        mine.batch(shares[n][at : at + 10], value=1 + n % 2)
                else:
                    for u, i in shares[n]:
                        mine.update(u, i, 1 + n % 2)

        parallel(16, set_all)
        want = {}
        for n, share in enumerate(shares):
            for u, i in share:
                want.setdefault(u, {})[i] = 1 + n % 2
        for uri, expected in want.items():
            visible(c, uri, expected)
        assert service.metric("update_group_size_sum") > service.metric("update_group_size_count")


def test_updates_become_visible_within_the_interval(fixture):
    service = fixture.service(fixture.redis(), {"fast": {"update-interval": "0s"}, "slow": {"update-interval": "1s"}}).start()
    for pool, limit in (("fast", 0.5), ("slow", 1.6)):
        with service.client(pool) as c:
            (uri, a), (_, b) = c.reserve(2)
            longest = 0
            for value in (1, 0, 1):
                c.batch([(uri, a, value), (uri, b, value)])
                begun = time.monotonic()
                until(lambda: fetch_token(c, uri).status(a) == value, 10, "the update")
                longest = max(longest, time.monotonic() - begun)
            assert longest < limit, (pool, longest)
    # Many changes within an interval are one publication.
    with service.client("slow") as c:
        (uri, a), = c.reserve()
        c.update(uri, a, 1)
        until(lambda: fetch_token(c, uri).status(a) == 1, 10, "the first")
        signings = service.metric("signings_total", "slow")
        for n in range(200):
            c.update(uri, a, n % 2)
        until(lambda: fetch_token(c, uri).status(a) == 1, 10, "the last")
        assert service.metric("signings_total", "slow") - signings <= 5


def test_the_outcome_is_unknown_when_redis_stands_still(fixture):
    """Sent, and no reply in time: the answer says that the outcome is unknown; the same value can be set again."""
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": {"update-interval": "0s"}}, redis={"command-timeout": "400ms"}).start()
    with service.client() as c:
        (uri, a), (_, b) = c.reserve(2)
        redis.pause()
        results = []
        threads = [threading.Thread(target=lambda i=i: results.append(service.client().try_update(uri, i, 1))) for i in (a, b)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert {r.status for r in results} == {503}
        assert "OUTCOME_UNKNOWN" in {r.problem()["code"] for r in results}
        assert all(r["retry-after"] for r in results)
        assert service.metric("updates_total", result="unknown") >= 1
        redis.resume()
        service.wait_ready()
        until(lambda: c.try_update(uri, a, 1).status == 204, 10, "the same value again")
        c.update(uri, a, 0)
        # The write that was given up cannot come after this one.
        visible(c, uri, {a: 0})
        assert c.status(uri, a) == 0


def test_without_redis(fixture):
    """Down: updates say 503 UNAVAILABLE and have not happened, fetches go on, reservations go on until the ring is empty."""
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": {"update-interval": "0s", "prefetch": {"threshold": 20, "capacity": 40,
                                                                                  "underflow-timeout": "300ms"}}}).start()
    with service.client() as c:
        uri, index = c.reserve()[0]
        c.update(uri, index, 1)
        visible(c, uri, {index: 1})
        until(lambda: service.metric("ring_fill") >= 20, 5, "references in the ring")
        redis.stop()
        until(lambda: not service.readiness()[0], 10, "unready for issuers")
        for r in (c.try_update(uri, index, 0), c.try_batch([(uri, index, 0)]), c.try_status(uri, index)):
            assert r.status == 503 and r.problem()["code"] == "UNAVAILABLE" and r["retry-after"]
        assert Token(c.fetch(uri).body).status(index) == 1
        assert service.readiness("")[0], "fetches can still be served"
        taken = 0
        while (r := c.try_reserve()).status == 200:
            taken += 1
        assert r.status == 503 and r.problem()["code"] == "UNAVAILABLE"
        assert 20 <= taken <= 40
        unknown = c.get("/00000000-0000-4000-8000-000000000000")
        assert unknown.status in (404, 503)
        redis.start()
        service.wait_ready()
        assert c.status(uri, index) == 1
        c.reserve(20)
        c.update(uri, index, 0)
        visible(c, uri, {index: 0})
