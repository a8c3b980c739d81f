"""An instance that starts begins a lineage of each pool. Others notice by a refused change, which they hold and send once more."""
import time

from client import until
from tokens import fetch_token

RESTARTS = 20


def test_restarts_elsewhere_cost_no_error(fixture):
    """Twenty starts of another instance within a minute or so, while this one updates without pause: no change is refused."""
    redis = fixture.redis()
    pools = {"tests": {"size": 2000, "bits": 8, "update-interval": "0s", "precreation": {"lists": 0},
                       "prefetch": {"threshold": 5, "capacity": 10}}}
    one = fixture.service(redis, {n: dict(o) for n, o in pools.items()}).start()
    other = fixture.service(redis, {n: dict(o) for n, o in pools.items()})
    with one.client() as c:
        references = c.reserve(10)
        before, times, n = one.metric("history_refusals_total"), [], 0

        def change():
            nonlocal n
            n += 1
            uri, index = references[n % 10]
            begun = time.monotonic()
            r = c.try_update(uri, index, n % 256)
            times.append(time.monotonic() - begun)
            assert r.status == 204, (n, r)

        for _ in range(RESTARTS):
            other.spawn()
            until(lambda: change() or other.readiness("")[0], 60, "the other instance", 0)
            other.kill()
        change()
        refusals = one.metric("history_refusals_total") - before
        # A start is noticed once at most by each of the two workers; often the sweep is there first.
        assert 0 < refusals <= 2 * RESTARTS
        assert c.try_status(*references[n % 10]).json()["value"] == n % 256
        until(lambda: fetch_token(c, references[n % 10][0]).status(references[n % 10][1]) == n % 256, 10, "the last change")
        times.sort()
        assert times[-1] < 1, times[-20:]
    assert other.process is None
