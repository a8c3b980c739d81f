"""The life of a list: retired some time after its last reservation, served until its token expires, then unknown for ever."""
import time

from client import until
from tokens import fetch_token

AFTER = 10
POOL = {"size": 16, "bits": 1, "update-interval": "0s", "list-lifetime": "4s", "ttl": "1s", "retire-after": f"{AFTER}s",
        "prefetch": {"threshold": 2, "capacity": 4, "underflow-timeout": "1s"}}
LONG = 120  # seconds; what is waited for takes some 20


def key(uri):
    return f"statuslist:{{tests}}:list:{uri.rsplit('/', 1)[1]}:config"


def state(redis, uri):
    answer = redis.client.hget(key(uri), "state")
    return answer.decode() if answer is not None else None


def all_of_a_list(*clients):
    """Reserves until every index of a list was given out: that list, and all references."""
    given = []
    while True:
        for client in clients:
            given += client.reserve()
        uri = given[0][0]
        if sum(u == uri for u, _ in given) == POOL["size"]:
            return uri, given


def waiting(redis, given):
    """Lists that are full, and were not given out whole."""
    lists = sorted({u for u, _ in given})
    return [u for u in lists if state(redis, u) == "full" and sum(g == u for g, _ in given) < POOL["size"]]


def test_the_life_of_a_list(fixture):
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": dict(POOL)}).start()
    other = fixture.service(redis, {"tests": dict(POOL)}, public_url=service.config["public-url"]).start()
    with service.client() as c, other.client() as far:
        uri, given = all_of_a_list(c, far)
        last = time.monotonic()
        c.update(uri, 3, 1)
        until(lambda: far.fetch(uri).status == 200 and fetch_token(far, uri).nonzero() == {3: 1}, 20, "the update elsewhere")
        # This one is full in Redis, and its last references are still in the ring of the first instance.
        held_elsewhere = {f"{service.config['public-url']}/{id.decode()}" for id in redis.client.smembers("statuslist:{tests}:lists")}
        while not (full := [u for u in waiting(redis, given) if u not in held_elsewhere]):
            given += c.reserve()
        other.pause()  # it learns nothing of what follows

        until(lambda: state(redis, uri) == "retired", LONG, "the end of the list")
        assert time.monotonic() - last > AFTER
        c.close()  # idle connections are closed: the next call opens another
        for refused in (c.try_update(uri, 3, 0), c.try_batch([(full[0], 0, 1), (uri, 5, 1)])):
            assert refused.status == 409 and refused.problem()["code"] == "LIST_RETIRED", refused
        assert c.status(uri, 3) == 1 and c.status(full[0], 0) == 0
        until(lambda: uri not in c.lists(), LONG, "an aggregation without it")
        until(lambda: c.fetch(uri).status == 404, LONG, "404 after its last token")
        assert c.fetch(uri).problem()["code"] == "NO_SUCH_LIST"
        assert service.readiness()[0] and service.metric("lists_retired_total") >= 1
        id = uri.rsplit("/", 1)[1]
        until(lambda: redis.client.sismember("statuslist:{tests}:retired", id), LONG, "its keys being dropped")
        c.close()
        assert redis.client.keys(f"*{id}*") == [] and not redis.client.sismember("statuslist:{tests}:lists", id)
        assert redis.client.zscore("statuslist:{tests}:changes", id) is None
        assert c.try_update(uri, 3, 0).problem()["code"] == "NO_SUCH_LIST" and c.try_status(uri, 3).status == 400

        # The list whose references were not all given out lives on, and so do they.
        assert state(redis, full[0]) == "full"
        while sum(u == full[0] for u, _ in given) < POOL["size"]:
            given += c.reserve()
        assert len(set(given)) == len(given)
        c.update(*[g for g in given if g[0] == full[0]][-1], 1)

        # Who comes back knows the list as one of others, and finds that Redis was restarted: it makes it again, or would.
        redis.restart()
        far.close()
        other.resume()
        until(lambda: far.fetch(uri).status == 404, LONG, "404 at the instance that was away")
        for s in (service, other):
            s.wait_ready()
        assert redis.client.keys(f"*{id}*") == []
        assert uri not in far.lists() and full[0] in far.lists()
        given += far.reserve(4) + c.reserve(4)
        assert len(set(given)) == len(given)
    service.stop()
    service.start()
    with service.client() as c:
        assert c.fetch(uri).status == 404 and uri not in c.lists()
