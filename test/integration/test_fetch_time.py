"""What readers see over time: never an older list, never an expired token."""
import gzip
import threading
import time

import pytest

from client import Connection, path_of, until
from processes import instrumented
from tokens import Token, fetch_token


def test_no_reader_goes_back_in_time(fixture):
    """A writer sets one status after another: a reader that saw n of them never sees fewer, on any connection."""
    service = fixture.service(fixture.redis(), {"tests": {"size": 800, "update-interval": "0s",
                                                     "prefetch": {"threshold": 100, "capacity": 200}}}).start()
    with service.client() as issuer:
        references = issuer.reserve(200)
        uri = references[0][0]
        indices = [i for u, i in references if u == uri]
        stop, errors, counts = threading.Event(), [], []

        def read():
            connections = [Connection(service.public).open() for _ in range(4)]
            best, iat, n = 0, 0, 0
            while not stop.is_set() and not errors:
                t = Token(connections[n % 4].request("GET", path_of(uri)).body)
                seen = sum(t.status(i) for i in indices)
                # Set in order, so what is set is always a beginning.
                if seen < best or t.iat < iat or [t.status(i) for i in indices] != [1] * seen + [0] * (len(indices) - seen):
                    errors.append((best, seen, iat, t.iat))
                best, iat, n = seen, t.iat, n + 1
            counts.append(n)
            for c in connections:
                c.close()

        readers = [threading.Thread(target=read) for _ in range(2)]
        for t in readers:
            t.start()
        for i in indices:
            issuer.update(uri, i, 1)
        until(lambda: len(fetch_token(issuer, uri).nonzero()) == len(indices), 10, "the last update")
        stop.set()
        for t in readers:
            t.join()
        assert not errors, errors
        assert min(counts) > 10


@pytest.mark.alone
def test_a_slow_reader_gets_the_token_that_he_asked_for(fixture):
    """A large token stays whole while it is sent, though it is replaced many times during that."""
    service = fixture.service(fixture.redis(), {"tests": {"size": 8_000_000, "update-interval": "0s",
                                                     "prefetch": {"threshold": 4000, "capacity": 9000}}},
                            limits={"body": "4MiB"}).start()
    with service.client() as issuer:
        references = issuer.reserve(9000) + issuer.reserve(9000)
        uri = references[0][0]
        issuer.batch(references[:9000], value=1)
        until(lambda: len(fetch_token(issuer, uri).nonzero()) == 9000, 10, "the batch")
        slow = []
        for encoding in ("identity", "gzip") * 6:
            c = Connection(service.public, timeout=30)
            c.open(receive_buffer=2048)
            c.send_request("GET", path_of(uri), {"Accept-Encoding": encoding})
            slow.append((encoding, c))
        sizes = set()
        for n in range(8):
            issuer.batch(references[9000 + 1000 * n : 10000 + 1000 * n], value=1)
            sizes.add(until(lambda: len(fetch_token(issuer, uri).nonzero()) == 10000 + 1000 * n, 10, "a batch"))
        for encoding, c in slow:
            r = c.read_response()
            body = gzip.decompress(r.body) if encoding == "gzip" else r.body
            assert len(Token(body).nonzero()) == 9000
            assert c.request("GET", path_of(uri), {"If-None-Match": r["etag"]}).status == 200
            c.close()


def test_an_expired_token_is_never_sent(fixture):
    """With Redis gone nothing is signed again: fetches succeed until exp and are refused from then on, conditional ones too."""
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": {"list-lifetime": "6s", "ttl": "1s", "size": 80,
                                              "prefetch": {"threshold": 5, "capacity": 10}}}).start()
    with service.client() as c:
        uri = c.reserve()[0][0]
        redis.stop()
        t = fetch_token(c, uri)
        tag = c.fetch(uri)["etag"]
        served, ages = 0, set()
        while True:
            before = time.time()
            answers = [c.fetch(uri), c.fetch(uri, {"If-None-Match": tag}), c.fetch(uri, {"If-None-Match": "*"}),
                       c.fetch(uri, {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}), c.fetch(uri, method="HEAD")]
            for r in answers:
                if r.status in (200, 304):
                    # Not even in the millisecond in which it expires.
                    assert before < t.exp
                    # A cache that counts in seconds shows a copy through its last one, which ends before the token.
                    age = int(r["cache-control"].removeprefix("max-age="))
                    assert age in (0, 1) and (age == 0 or int(before) + age + 2 <= t.exp)
                    ages.add(age)
                else:
                    assert r.status == 503 and int(r["retry-after"]) > 0
            served += answers[0].status == 200
            if before >= t.exp:
                break
            time.sleep(0.05)
        assert served > 3 and ages == {0, 1}
        assert all(r.status == 503 for r in answers)
        assert c.fetch(uri).problem()["code"] == "UNAVAILABLE"
        assert not service.readiness("")[0] and "expired" in service.readiness("")[1]
        # Redis is back: the list is signed again, and the same token bytes never come back.
        redis.start()
        until(lambda: c.fetch(uri).status == 200, 20, "a new token")
        assert fetch_token(c, uri).iat >= t.iat and c.fetch(uri, {"If-None-Match": tag}).status == 200


def test_renewal_comes_before_anybody_waits(fixture):
    """Lists of four seconds are renewed in their second half: a reader over three lifetimes is always served, always fresh."""
    service = fixture.service(fixture.redis(), {"tests": {"list-lifetime": "4s", "ttl": "1s", "size": 80,
                                                      "prefetch": {"threshold": 5, "capacity": 10}}}).start()
    with service.client() as c:
        uri = c.reserve()[0][0]
        seen, ends = set(), time.time() + (8 if instrumented() else 10)
        while time.time() < ends:
            started = time.time()
            t = fetch_token(c, uri)
            assert t.exp > started and t.iat <= time.time()
            seen.add((t.iat, t.text))
            time.sleep(0.02)
        iats = sorted(i for i, _ in seen)
        assert len(seen) >= 3 and iats[-1] - iats[0] >= 4
        assert service.metric("publications_total", cause="renewal") >= 2
