"""All four paths at once for a while, for the thread sanitizer."""
import threading
import time

import pytest

from client import Connection, path_of, until
from tokens import fetch_token


@pytest.mark.tsan
@pytest.mark.parametrize("embedded", [False, True])
def test_concurrent_load(fixture, embedded):
    pool = {"size": 2000, "bits": 2, "update-interval": "50ms", "list-lifetime": "4s", "ttl": "1s",
            "precreation": {"lists": 2, "check-delay": "200ms"}, "prefetch": {"threshold": 100, "capacity": 300}}
    redis = None if embedded else fixture.redis()
    service = fixture.service(redis, {"tests": pool, "fail": {**pool, "prefetch": {"threshold": 20, "capacity": 40, "on-underflow": "fail"}}},
                            workers=3).start()
    ends = time.monotonic() + 5
    references, errors, counts = [], [], {}
    lock = threading.Lock()

    def loop(name, make):
        def run():
            n = 0
            try:
                step = make()
                while time.monotonic() < ends and not errors:
                    step(n)
                    n += 1
            except BaseException as e:  # noqa: B902 - shown below
                errors.append(e)
            counts[name] = counts.get(name, 0) + n
        return threading.Thread(target=run)

    def reserver():
        c = service.client()

        def step(n):
            got = c.reserve([1, 2, 30, 120][n % 4])
            with lock:
                references.extend(got)
        return step

    def refused_reserver():
        c = service.client("fail")

        def step(n):
            assert c.try_reserve(1 + n % 25).status in (200, 429)
        return step

    def updater():
        c = service.client()

        def step(n):
            with lock:
                chosen = references[-50:]
            if chosen and n % 5 == 0:
                c.batch(chosen[:20], value=n % 4)
            elif chosen:
                c.update(*chosen[n % len(chosen)], n % 4)
                c.status(*chosen[n % len(chosen)])
        return step

    def fetcher():
        connections = [Connection(service.public) for _ in range(5)]

        def step(n):
            with lock:
                uri = references[-1 - n % min(len(references), 900)][0] if references else None
            if uri is not None:
                r = connections[n % 5].request("GET", path_of(uri), {"If-None-Match": "*"} if n % 3 else {"Accept-Encoding": "gzip"})
                assert r.status in (200, 304), r
            if n % 50 == 0:
                connections[n % 5].close()
        return step

    def operator():
        def step(_):
            service.metrics()
            service.readiness()
            assert service.client().get("/aggregation/tests").status in (200, 503)
            time.sleep(0.05)
        return step

    def saboteur():
        def step(n):
            if redis is not None and n % 5 == 4:
                name = (":feed", ":loader")[n % 2]
                for client in redis.client.client_list():
                    if client["name"].endswith(name):
                        redis.client.client_kill_filter(_id=client["id"])
            time.sleep(0.1)
        return step

    work = [("reserve", reserver)] * 3 + [("fail", refused_reserver)] + [("update", updater)] * 3 + [("fetch", fetcher)] * 3 + \
           [("operator", operator), ("saboteur", saboteur)]
    threads = [loop(*w) for w in work]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors, errors[0]
    assert len(set(references)) == len(references) > 0 and all(counts.values()), counts
    with service.client() as c:
        until(lambda: c.fetch(references[0][0]).status == 200, 5, "a token")
        assert fetch_token(c, references[0][0])
    service.stop()
    service.check_log()
