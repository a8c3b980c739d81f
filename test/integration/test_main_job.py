"""The main job, with the configuration of the load scenarios: many clients reserve, some statuses are set, every list is
fetched and decoded by other libraries; then the same again after each kind of end. SL_MAIN_JOB=full makes it larger."""
import collections
import os
import random
import re
import signal

import pytest
import yaml

from client import parallel, until
from processes import ROOT
from tokens import fetch_token

FULL = os.environ.get("SL_MAIN_JOB") == "full"
CLIENTS, REFERENCES = (16, 200_000) if FULL else (8, 30_000)
SIZE, CAPACITY = (50_000, 10_000) if FULL else (5_000, 1_000)
AMOUNTS = [1, 1, 1, 5, 25, 100, 400, CAPACITY // 10 + 1, CAPACITY // 2, CAPACITY]


def seed_service(fixture, store):
    """The pool of the load scenarios, scaled; options that it leaves out have their defaults."""
    text = (ROOT / "test" / "data" / "config" / "seed_delay.yaml").read_text()
    pool = yaml.safe_load(re.sub(r"^\.\.\.$", "", text, flags=re.M))["app"]["status-list-pools"]["tests"]
    assert pool["size"] == 50_000 and pool["prefetch"] == {"threshold": 1000, "capacity": 10000, "on-underflow": "delay"}
    pool["size"] = SIZE
    pool["prefetch"].update(threshold=CAPACITY // 10, capacity=CAPACITY)
    service = fixture.service(store, {"tests": pool}, workers=2)
    service.config["redis"]["persistence-strategy"] = {"append-fsync-always": True}
    return service.start(seconds=60)


def reserve_all(service, total):
    def issue(n):
        mine, order = [], random.Random(n)
        with service.client() as c:
            while len(mine) < total // CLIENTS:
                mine += c.reserve(min(order.choice(AMOUNTS), total // CLIENTS - len(mine)))
        return mine

    return [r for mine in parallel(CLIENTS, issue) for r in mine]


def set_some(service, chosen):
    """By single updates and by batches in turn, from all clients at once."""
    def work(n):
        share = chosen[n::CLIENTS]
        with service.client() as c:
            if n % 2:
                for at in range(0, len(share), 50):
                    c.batch(share[at : at + 50], value=1)
            else:
                for uri, index in share:
                    c.update(uri, index, 1)

    parallel(CLIENTS, work)


def check_every_list(service, want):
    """Each list, fetched and decoded, has exactly the statuses that were acknowledged."""
    with service.client() as c:
        for uri in c.lists():
            expected = {i: 1 for i in want.get(uri, ())}
            until(lambda: fetch_token(c, uri).nonzero() == expected, 15, f"the statuses of {uri}")
            assert len(fetch_token(c, uri).raw) == SIZE // 8
        assert set(want) <= set(c.lists())


@pytest.mark.parametrize("embedded", [False, True], ids=["external", "embedded"])
def test_main_job(fixture, embedded):
    redis = None if embedded else fixture.redis()
    service = seed_service(fixture, redis)
    references, want = [], collections.defaultdict(set)

    def round_of(total):
        """Reserves, sets one in a hundred and checks all; no reference may have come before."""
        fresh = reserve_all(service, total)
        references.extend(fresh)
        assert len(set(references)) == len(references) and all(0 <= i < SIZE for _, i in fresh)
        chosen = random.Random(total).sample(fresh, len(fresh) // 100)
        set_some(service, chosen)
        for uri, index in chosen:
            want[uri].add(index)
        check_every_list(service, want)
        return fresh

    round_of(REFERENCES)
    by_list = collections.Counter(u for u, _ in references)
    # Every list is used wholly, but for what waits in the ring and with the keeper.
    assert len(by_list) * SIZE - len(references) <= SIZE + 2 * CAPACITY

    service.stop()
    service.start(seconds=60)
    check_every_list(service, want)
    round_of(REFERENCES // 10)
    # What was given back was given out: at most the last list is begun.
    by_list = collections.Counter(u for u, _ in references)
    assert len(by_list) * SIZE - len(references) <= SIZE + 2 * CAPACITY

    service.kill()
    service.start(seconds=60)
    check_every_list(service, want)
    round_of(REFERENCES // 10)

    kill_redis(service, redis)
    until(lambda: service.alive() and service.readiness()[0], 30, "readiness")
    check_every_list(service, want)
    round_of(REFERENCES // 10)

    # Both at once.
    service.kill()
    if redis is not None:
        redis.restart()
    service.start(seconds=60)
    check_every_list(service, want)
    round_of(REFERENCES // 10)
    assert service.metric("rollback_detected_total") == 0


def kill_redis(service, redis):
    if redis is not None:
        redis.restart()
        return
    child, = service.children()
    service.signal_child(child, signal.SIGKILL)
    until(lambda: not service.readiness()[0], 10, "the loss")
