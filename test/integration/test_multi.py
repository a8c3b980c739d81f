"""Two instances on one Redis, each with a storage directory of its own."""
import pytest

from client import parallel, until
from tokens import fetch_token


@pytest.fixture
def pair(fixture):
    redis = fixture.redis()
    pool = {"size": 2000, "update-interval": "0s", "prefetch": {"threshold": 50, "capacity": 100}}
    first = fixture.service(redis, {"tests": dict(pool)}).start()
    second = fixture.service(redis, {"tests": dict(pool)}, public_url=first.config["public-url"]).start()
    # One key for both, as it would be configured: each generated one of its own, so tokens differ by signer only.
    return first, second


def test_no_reference_twice_between_them(pair):
    def issue(n):
        mine = []
        with pair[n % 2].client() as c:
            for k in range(60):
                mine += c.reserve([1, 3, 10, 60, 100][(n + k) % 5])
        return mine

    references = [r for mine in parallel(8, issue) for r in mine]
    assert len(set(references)) == len(references)
    for end in ("stop", "kill"):
        getattr(pair[0], end)()
        pair[0].start()
        more = [r for mine in parallel(4, issue) for r in mine]
        references += more
        assert len(set(references)) == len(references)


def test_an_update_at_one_is_visible_at_the_other(pair):
    with pair[0].client() as a, pair[1].client() as b:
        uri, index = a.reserve()[0]
        until(lambda: b.fetch(uri).status == 200, 5, "the list at the other")
        for writer, reader, value in ((a, b, 1), (b, a, 0), (a, b, 1)):
            writer.update(uri, index, value)
            assert reader.status(uri, index) == value
            for c in (reader, writer):
                until(lambda: fetch_token(c, uri).status(index) == value, 3, "the update")


def test_what_one_missed_is_swept_up(pair, fixture):
    """The subscription of one is cut again and again: it still learns of lists and versions."""
    redis = fixture.redises[0]
    with pair[0].client() as a, pair[1].client() as b:
        for n in range(5):
            uri, index = a.reserve()[0]
            for client in redis.client.client_list():
                if client["name"].endswith(":feed"):
                    redis.client.client_kill_filter(_id=client["id"])
            a.update(uri, index, 1)
            until(lambda: b.fetch(uri).status == 200 and fetch_token(b, uri).status(index) == 1, 6, "the update")
            a.reserve(100)


def test_an_unknown_list_is_looked_up_while_news_do_not_come(fixture):
    """A list that the other instance has just made, while the subscription is down: the service asks Redis instead of answering 404."""
    redis = fixture.redis()
    first = fixture.service(redis, {"tests": {"prefetch": {"threshold": 5, "capacity": 10}}}).start()
    second = fixture.service(redis, {"tests": {"prefetch": {"threshold": 5, "capacity": 10}}}).start()
    with first.client() as a, second.client() as b:
        uris = {u for _ in range(3) for u, _ in a.reserve(10)}
        for uri in uris:
            assert b.fetch(uri).status in (200, 404)
            until(lambda: b.fetch(uri).status == 200, 5, "the list at the other")


def test_the_instances_do_not_close_each_others_connections(pair, fixture):
    """A predecessor is a connection of the same instance: a restart of one leaves the other's alone."""
    names = lambda: {c["id"]: c["name"] for c in fixture.redises[0].client.client_list() if c["name"].startswith("statuslistd:")}  # noqa: E731
    before = names()
    instances = {n.split(":")[1] for n in before.values()}
    assert len(instances) == 2 and len(before) == 10
    pair[0].kill()
    pair[0].start()
    after = names()
    kept = set(before) & set(after)
    assert len(kept) == 5 and len({before[i].split(":")[1] for i in kept}) == 1
    assert {n.split(":")[1] for n in after.values()} == instances
