"""The disk under Redis is full: updates are refused and change nothing, all else goes on, and with room all is as before. test/fault has
the same under load; here it is what each mode does, and what it costs."""
import os
import subprocess

import pytest

from client import until
from processes import Redis, instrumented
from tokens import fetch_token

SECONDS = 20 + 40 * instrumented()
POOL = {"size": 1000, "update-interval": "0s", "prefetch": {"threshold": 20, "capacity": 40}}


@pytest.fixture
def small_disk(fixture):
    """8 MiB; needs root, as the faults of test/fault do."""
    path = fixture.directory / "small"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(path)], check=True)
    yield path
    fixture.end_processes()
    subprocess.run(["umount", "-l", str(path)], check=True)


def fill(disk):
    filler = os.open(disk / "filler", os.O_WRONLY | os.O_CREAT)
    for size in (65536, 1):
        try:
            while True:
                os.write(filler, b"\0" * size)
        except OSError:
            pass
    os.close(filler)


class Statuses:
    """One reference whose status goes to and fro, and what it must be."""

    def __init__(self, client):
        self.client, self.reference, self.value = client, client.reserve()[0], 0

    def change(self):
        """Whether it was acknowledged; a refusal changes nothing."""
        r = self.client.try_update(*self.reference, 1 - self.value)
        if r.status == 204:
            self.value = 1 - self.value
        else:
            assert r.status == 503, r
        return r.status == 204

    def check(self):
        assert self.client.status(*self.reference) == self.value
        until(lambda: fetch_token(self.client, self.reference[0]).status(self.reference[1]) == self.value, SECONDS, "the token")


def subscriptions(service):
    """How often the subscription was lost, or not made."""
    return service.metric("store_reconnects_total", None, connection="feed")


def rejected_pings(redis):
    return redis.client.info("commandstats").get("cmdstat_ping", {}).get("rejected_calls", 0)


def test_everysec_refuses_and_costs_no_subscription(fixture, small_disk):
    redis = Redis(small_disk / "redis", "everysec")
    fixture.redises.append(redis)
    redis.start()
    service = fixture.service(redis, {"tests": POOL}, redis={"persistence-strategy": "append-fsync-everysec"}).start()
    with service.client() as c:
        statuses = Statuses(c)
        assert statuses.change()
        before, pings = subscriptions(service), rejected_pings(redis)
        fill(small_disk)
        until(lambda: not statuses.change(), SECONDS, "a refusal")
        until(lambda: not service.readiness()[0], SECONDS, "unreadiness for issuers")
        # Redis refuses to be asked whether it lives, by each connection that is idle.
        until(lambda: rejected_pings(redis) >= pings + 6, SECONDS, "refused pings")
        assert subscriptions(service) == before, "the subscription was made anew"
        assert service.readiness("") == (True, "") and c.get("/aggregation/tests").status == 200
        statuses.check()
        assert c.reserve(5)
        (small_disk / "filler").unlink()
        until(statuses.change, SECONDS, "an update")
        statuses.check()
        until(lambda: service.readiness()[0], SECONDS, "readiness for issuers")
        assert subscriptions(service) == before


def test_always_ends_redis_and_loses_nothing(fixture, small_disk):
    redis = Redis(small_disk / "redis", "always")
    fixture.redises.append(redis)
    redis.start()
    service = fixture.service(redis, {"tests": POOL}).start()
    with service.client() as c:
        statuses = Statuses(c)
        assert statuses.change()
        fill(small_disk)
        until(lambda: not statuses.change() and redis.process.poll() is not None, SECONDS, "the end of Redis")
        assert service.readiness("") == (True, "") and fetch_token(c, statuses.reference[0])
        redis.kill()
        (small_disk / "filler").unlink()
        redis.start()
        # The last update may have been carried out before Redis ended: its outcome was unknown, so it is told anew.
        until(lambda: c.try_update(*statuses.reference, statuses.value).status == 204, SECONDS, "an update")
        statuses.check()
        until(lambda: service.readiness()[0], SECONDS, "readiness for issuers")


def test_the_embedded_redis_comes_back(fixture, small_disk):
    service = fixture.service(None, {"tests": POOL}, storage_directory=str(small_disk / "storage")).start()
    with service.client() as c:
        statuses = Statuses(c)
        assert statuses.change()
        fill(small_disk)
        until(lambda: not statuses.change(), SECONDS, "a refusal")
        assert fetch_token(c, statuses.reference[0]) and service.readiness("") == (True, "")
        (small_disk / "filler").unlink()
        until(lambda: c.try_update(*statuses.reference, statuses.value).status == 204, SECONDS, "an update")
        statuses.check()
        until(lambda: service.readiness()[0], SECONDS, "readiness for issuers")
    service.stop()
