"""Redis comes back with older data than readers have seen: an instance mends what it has shown, and no reference is given out twice."""
import shutil

import pytest

from client import until
from tokens import fetch_token

POOL = {"size": 2000, "bits": 4, "update-interval": "0s", "prefetch": {"threshold": 50, "capacity": 200}}


def visible(client, uri, expected):
    until(lambda: fetch_token(client, uri).nonzero() == expected, 10, f"{expected} in the token")


def set_some(client, uri, values):
    for index, value in values.items():
        client.update(uri, index, value)


def test_a_list_that_redis_lost_is_made_again(fixture):
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": dict(POOL)}).start()
    with service.client() as c:
        given = c.reserve(150)
        uri = given[0][0]
        set_some(c, uri, {5: 3, 1999: 15})
        visible(c, uri, {5: 3, 1999: 15})
        redis.kill()
        shutil.rmtree(redis.directory / "appendonlydir")
        redis.start()
        until(lambda: service.metric("lists_mended_total", how="new") >= 1, 20, "a mended list")
        service.wait_ready()
        assert fetch_token(c, uri).nonzero() == {5: 3, 1999: 15}
        assert c.status(uri, 5) == 3
        assert redis.list_config("tests", uri)["state"] == "sealed"
        set_some(c, uri, {5: 0, 7: 1})
        visible(c, uri, {7: 1, 1999: 15})
        given += c.reserve(150) + c.reserve(150)
        assert len(set(given)) == len(given) and all(u != uri for u, _ in given[150:])
        assert uri in c.lists()
    lost = service.metric("rollback_detected_total")
    assert lost >= 1 and service.log().count("redis has lost changes of a list") == lost
    named = [line for line in service.log().splitlines() if "made again from their last tokens" in line]
    assert any(uri.rsplit("/", 1)[1] in line for line in named)
    # Another start finds the list as any other.
    service.stop()
    service.start()
    with service.client() as c:
        assert fetch_token(c, uri).nonzero() == {7: 1, 1999: 15}
        more = c.reserve(100)
        assert not set(more) & set(given)


@pytest.mark.parametrize("shown", [True, False])
def test_a_list_that_redis_has_older_is_raised(fixture, shown):
    """Changes that no token has shown are lost; those that one has shown are there again."""
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": {**POOL, "update-interval": "0s" if shown else "1h"}}).start()
    with service.client() as c:
        uri = c.reserve()[0][0]
        set_some(c, uri, {1: 1})
        if shown:
            visible(c, uri, {1: 1})
        shutil.copytree(redis.directory / "appendonlydir", redis.directory / "backup")
        set_some(c, uri, {1: 2, 2: 9})
        if shown:
            visible(c, uri, {1: 2, 2: 9})
        redis.kill()
        shutil.rmtree(redis.directory / "appendonlydir")
        (redis.directory / "backup").rename(redis.directory / "appendonlydir")
        redis.start()
        until(lambda: service.metric("pool_histories_total", why="replid") == 1, 20, "a new history")
        if shown:
            until(lambda: service.metric("lists_mended_total", how="raised") == 1, 20, "a mended list")
        service.wait_ready()
        assert (c.status(uri, 1), c.status(uri, 2)) == ((2, 9) if shown else (1, 0))
        c.update(uri, 3, 3)
        assert c.status(uri, 3) == 3
        if shown:
            visible(c, uri, {1: 2, 2: 9, 3: 3})
    assert service.metric("rollback_detected_total") == service.metric("lists_mended_total") == (1 if shown else 0)


def test_intact_data_needs_no_mending(fixture):
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": dict(POOL)}).start()
    with service.client() as c:
        uri = c.reserve()[0][0]
        for n in range(3):
            c.update(uri, n, 1)
            redis.restart()
            service.wait_ready()
            c.update(uri, 10 + n, 1)
        visible(c, uri, {n: 1 for n in (0, 1, 2, 10, 11, 12)})
    assert service.metric("rollback_detected_total") == 0 and service.metric("lists_mended_total") == 0
    assert "mended" not in service.log() and "lost changes" not in service.log()


def test_a_flushed_database(fixture):
    """Redis goes on running, without its data: not the epoch, but the numbers of changes show it."""
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": dict(POOL)}).start()
    with service.client() as c:
        given = c.reserve(20)
        uri = given[0][0]
        c.update(uri, 4, 1)
        visible(c, uri, {4: 1})
        until(lambda: service.metric("references_reserved_total") >= 20, 5, "the count")
        redis.client.flushall()
        until(lambda: service.metric("lists_mended_total", how="new") >= 1, 20, "a mended list")
        service.wait_ready()
        c.update(uri, 6, 2)
        visible(c, uri, {4: 1, 6: 2})
        more = c.reserve(200) + c.reserve(200)
        assert not set(more) & set(given) and len(set(more)) == 400
