"""Status-List-Version, Status-Visible-By and Prefer: wait: when an update promises to be visible."""
import email.utils
import json
import threading
import time

import pytest

from client import parallel, until
from processes import wait_for_second
from tokens import fetch_token

POOLS = {"now": {"size": 2000, "bits": 4, "update-interval": "0s", "ttl": "1s", "list-lifetime": "60s", "api-key": "k",
                 "prefetch": {"threshold": 200, "capacity": 400}},
         "later": {"size": 2000, "bits": 4, "update-interval": "1s", "ttl": "2s", "list-lifetime": "60s", "api-key": "k",
                   "prefetch": {"threshold": 200, "capacity": 400}},
         "rarely": {"size": 2000, "bits": 4, "update-interval": "1h", "ttl": "2s", "list-lifetime": "20s", "api-key": "k",
                    "prefetch": {"threshold": 200, "capacity": 400}}}


@pytest.fixture(scope="module")
def service(shared_fixture):
    return shared_fixture.service(shared_fixture.redis(), POOLS, limits={"wait": "8s"}).start()


def call(c, target, body, prefer=None, **fields):
    fields = {"X-Api-Key": c.key, "Content-Type": "application/json", **fields}
    if prefer is not None:
        fields["Prefer"] = prefer
    return c.issuer.request("PATCH", f"/status-lists/{target}", fields, json.dumps(body).encode())


def update(c, reference, value, prefer=None):
    r = call(c, "update", {"uri": reference[0], "index": reference[1], "value": value}, prefer)
    assert r.status == 204, r
    return r


def batch(c, references, value, prefer=None):
    body = {"statusListReferences": [{"uri": u, "index": i} for u, i in references], "value": value}
    r = call(c, "batch-update", body, prefer)
    assert r.status == 204, r
    return r


def promised(r):
    when = email.utils.parsedate_to_datetime(r["status-visible-by"])
    assert r["status-visible-by"].endswith(" GMT")
    return when.timestamp()


def version(c, reference):
    return c.try_status(*reference).json()["version"]


def of_one_list(references):
    uri = references[0][0]
    return [r for r in references if r[0] == uri]


@pytest.mark.parametrize("pool", ["now", "later"])
def test_after_the_promised_time_everybody_sees_it(service, pool):
    """Wallets fetch at their own times and keep what they have for a ttl; none has the old status after the promise."""
    with service.client(pool) as c:
        references = c.reserve(20)
        ttl, kept, promises = int(service.options(pool)["ttl"][:-1]), [], []
        stop, errors = threading.Event(), []

        def verify(n):
            try:
                with service.client(pool) as mine:
                    copies = {}
                    while not stop.is_set():
                        for uri in {u for u, _ in references}:
                            when, token = copies.get(uri, (0, None))
                            if time.time() >= when + ttl:
                                when = time.time()
                                copies[uri] = when, (token := fetch_token(mine, uri))
                            now = time.time()
                            for by, (u, i), value in list(promises):
                                # The copy is in use from `when` to `now`, so its last use is what counts.
                                if u == uri and now < when + ttl and now >= by + 0.001:
                                    assert token.status(i) == value, (by, when, now)
                                    kept.append(by)
                        time.sleep(0.007 * (n + 1))
            except BaseException as e:  # noqa: B902 - raised below
                errors.append(e)

        threads = [threading.Thread(target=verify, args=(n,)) for n in range(4)]
        for t in threads:
            t.start()
        for n, reference in enumerate(references):
            r = update(c, reference, 1 + n % 15)
            by = promised(r)
            assert int(r["status-list-version"]) == version(c, reference)
            assert r["status-list-history"] == f'"{c.try_status(*reference).json()["history"]}"'
            assert time.time() + ttl - 1 <= by <= time.time() + ttl + 60
            promises.append((by, reference, 1 + n % 15))
            time.sleep(0.13)
        until(lambda: time.time() > promises[-1][0] + 0.5, 90, "the last promise")
        stop.set()
        for t in threads:
            t.join()
        if errors:
            raise errors[0]
        assert len(set(kept)) > 1 and promises[-1][0] in kept  # several seconds of promises, the last one too


def test_the_old_token_ends_first(service):
    """With an interval longer than a token lives, the promise is the end of a token without the change, which an instance may have
    signed until it heard of the change."""
    with service.client("rarely") as c:
        reference = c.reserve()[0]
        update(c, reference, 1)

        def promise():
            before = fetch_token(c, reference[0])
            r = update(c, reference, 2 + int(time.time() * 10) % 10)
            after = fetch_token(c, reference[0])
            return before.claims["iat"] == after.claims["iat"] and (before, r)

        before, r = until(promise, 10, "an update between two publications")
        assert before.claims["exp"] <= promised(r) <= time.time() + 20 + 1.5
    until(lambda: time.time() >= promised(r), 30, "the promised time")
    with service.client("rarely") as c:
        assert fetch_token(c, reference[0]).status(reference[1]) == c.status(*reference)


def test_shared_caches_take_a_ttl_more(fixture):
    redis = fixture.redis()
    pool = {"update-interval": "0s", "ttl": "100s", "list-lifetime": "1h"}
    one, two = [fixture.service(redis, {name: dict(pool)}, shared_cache=cache).start() for name, cache in (("a", False), ("b", True))]
    with one.client("a") as a, two.client("b") as b:
        (ra,), (rb,) = a.reserve(), b.reserve()
        wait_for_second()
        by = [promised(update(c, r, 1)) - time.time() for c, r in ((a, ra), (b, rb))]
        assert 100 <= by[0] < 160 and 200 <= by[1] < 260
        # Once it is published a ttl is left, or two.
        by = [promised(update(c, r, 0, "wait=8")) - time.time() for c, r in ((a, ra), (b, rb))]
        assert 99 <= by[0] < 110 and 199 <= by[1] < 210


def test_batch(service):
    with service.client("later") as c:
        references = [r for _ in range(10) for r in c.reserve(400)]
        lists = list(dict.fromkeys(u for u, _ in references))
        assert len(lists) >= 2
        r = batch(c, references[::-3], 5)
        order = list(dict.fromkeys(u for u, _ in references[::-3]))
        at = {u: i for u, i in references}
        assert [int(v) for v in r["status-list-version"].split(", ")] == [version(c, (u, at[u])) for u in order]
        histories = [c.try_status(u, at[u]).json()["history"] for u in order]
        assert r["status-list-history"] == ", ".join(f'"{h}"' for h in histories)
        assert promised(r) > time.time()
        r = batch(c, references[::3], 6, "wait=8")
        assert r["preference-applied"] == "wait=8"
        for uri in lists:
            t = fetch_token(c, uri)
            assert all(t.status(i) == 6 for u, i in references[::3] if u == uri)


def test_a_repeated_batch_tells_its_versions(service):
    with service.client("now") as c:
        references = of_one_list(c.reserve(5))
        body = {"statusListReferences": [{"uri": u, "index": i} for u, i in references], "value": 3}
        first = call(c, "batch-update", body, **{"Idempotency-Key": "visible-1"})
        update(c, references[0], 4)
        again = call(c, "batch-update", body, "wait=8", **{"Idempotency-Key": "visible-1"})
        assert all(first[name] is not None and first[name] == again[name] for name in ("status-list-version", "status-list-history"))
        assert again["preference-applied"] == "wait=8"
        assert c.status(*references[0]) == 4


@pytest.mark.parametrize("pool", ["now", "later"])
def test_wait_holds_until_it_is_published(service, pool):
    with service.client(pool) as c:
        reference = c.reserve()[0]
        for value in (1, 2, 3, 2, 2):  # the last changes nothing and is there already
            r = update(c, reference, value, "wait=8")
            assert r["preference-applied"] == "wait=8"
            assert fetch_token(c, reference[0]).status(reference[1]) == value
            s = c.try_status(*reference).json()
            assert s["publishedVersion"] == s["version"] == int(r["status-list-version"])


def test_wait_ends_without_publication(service):
    with service.client("rarely") as c, service.client("now") as other:
        reference = c.reserve()[0]
        # Shortly after a publication the next is an hour away, or a renewal; some of these find none.
        missed = 0
        for n in range(20):
            begun = time.monotonic()
            r = update(c, reference, 1 + n % 15, "wait=1")
            s = c.try_status(*reference).json()
            if r["preference-applied"] is None:
                missed += 1
                assert time.monotonic() - begun > 0.9
                assert promised(r) > time.time() - 1
            else:
                assert s["publishedVersion"] >= int(r["status-list-version"])
            if missed == 2:
                break
            other.reserve()
        assert missed == 2


@pytest.mark.parametrize("prefer, applied", [
    ("wait=99999999999999999999", "wait=8"), ('wait="7"', "wait=7"), ("respond-async, wait=6; x=y", "wait=6"), ("WAIT = 5", "wait=5"),
    ("wait=4, wait=5", "wait=4"), ("wait", None), ("wait=", None), ("wait=x", None), ("wait=-1", None), ("wait=1.5", None), ("wait=0", None),
    (", ;=\"", None), ("", None), ("awaits=5", None)])
def test_forms_of_prefer(service, prefer, applied):
    with service.client("now") as c:
        reference = c.reserve()[0]
        r = update(c, reference, 1, prefer)
        assert r["preference-applied"] == applied and r["status-list-version"] is not None


def test_many_waiters(service):
    """Each waiter is answered when its own change is there; other clients are served during the wait."""
    with service.client("later") as c:
        references = c.reserve(150)

        def one(n):
            with service.client("later") as mine:
                r = update(mine, references[n], 1 + n % 15, "wait=8")
                assert r["preference-applied"] == "wait=8"
                t = fetch_token(mine, references[n][0])
                assert t.status(references[n][1]) == 1 + n % 15
                return True

        before = service.metric("signings_total", "later")
        assert all(parallel(150, one))
        assert service.metric("signings_total", "later") - before < 60  # they share publications


def test_waiters_who_leave(service):
    with service.client("later") as c:
        references = c.reserve(40)
        for n, (uri, index) in enumerate(references):
            with service.client("later") as mine:
                body = json.dumps({"uri": uri, "index": index, "value": 1}).encode()
                mine.issuer.send_request("PATCH", "/status-lists/update",
                                         {"X-Api-Key": c.key, "Content-Type": "application/json", "Prefer": "wait=8"}, body)
                if n % 2:
                    until(lambda: c.status(uri, index) == 1, 10, "the status")
        until(lambda: all(c.status(u, i) == 1 for u, i in references), 10, "the statuses")
        assert update(c, references[0], 2, "wait=8")["preference-applied"] == "wait=8"


def test_waiters_at_the_end(fixture):
    service = fixture.service(fixture.redis(), {"tests": {"update-interval": "1h", "list-lifetime": "1h"}}, limits={"wait": "60s"}).start()
    with service.client() as c:
        reference = c.reserve()[0]
        update(c, reference, 1)
        answers = []

        def committed():
            return service.metric("updates_total", result="changed") + service.metric("updates_total", result="same")

        def wait(n):
            with service.client() as mine:
                answers.append(update(mine, reference, n % 2, "wait=60"))

        threads = [threading.Thread(target=wait, args=(n,)) for n in range(10)]
        for t in threads:
            t.start()
        until(lambda: committed() == 11, 20, "the updates that wait")
    service.stop()
    for t in threads:
        t.join()
    # What was committed is answered so; whether it is published is said.
    assert len(answers) == 10


def test_two_instances_keep_the_promise(fixture):
    redis = fixture.redis()
    pool = {"size": 800, "bits": 2, "update-interval": "1s", "ttl": "1s", "list-lifetime": "60s"}
    first = fixture.service(redis, {"tests": dict(pool)}).start()
    second = fixture.service(redis, {"tests": dict(pool)}, public_url=first.config["public-url"]).start()
    with first.client() as a, second.client() as b:
        references = a.reserve(10)
        until(lambda: b.fetch(references[0][0]).status == 200, 10, "the list at the other")
        promises = []
        for r in references:
            promises.append((promised(update(a, r, 2)), r))
            time.sleep(0.2)
        for by, (uri, index) in promises:
            until(lambda: time.time() >= by, 60, "the promised time")
            assert fetch_token(b, uri).status(index) == 2 and fetch_token(a, uri).status(index) == 2


def test_nothing_is_promised_without_a_word_from_the_keeper(fixture):
    """The keeper loses its connection to Redis again and again, the workers do not: changes are committed, and it is unknown when they will
    be seen."""
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": {"update-interval": "0s"}}).start()
    cut = threading.Event()

    def keep_away():
        while not cut.is_set():
            for client in redis.client.client_list():
                if client["name"].endswith(":keeper"):
                    redis.client.client_kill_filter(_id=client["id"])

    with service.client() as c:
        reference = c.reserve()[0]
        assert update(c, reference, 1)["status-visible-by"] is not None
        killer = threading.Thread(target=keep_away)
        killer.start()
        try:
            until(lambda: not service.readiness()[0], 10, "unreadiness")
            until(lambda: update(c, reference, 0)["status-visible-by"] is None, 10, "an update without a promise")
        finally:
            cut.set()
            killer.join()
        until(lambda: service.readiness()[0], 20, "readiness")
        assert update(c, reference, 0, "wait=8")["preference-applied"] == "wait=8"
        assert update(c, reference, 1)["status-visible-by"] is not None
