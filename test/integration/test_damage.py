"""Records in Redis that somebody has damaged: one hides no other, each is named, and what is put right works again."""
import time

from client import path_of, until

POOL = {"size": 16, "update-interval": "0s", "prefetch": {"threshold": 8, "capacity": 16},
        "precreation": {"lists": 1000, "check-delay": "1s"}}
CHANGES = "statuslist:{tests}:changes"


def id_of(uri):
    return uri.rsplit("/", 1)[1]


def record(uri):
    return f"statuslist:{{tests}}:list:{id_of(uri)}:config"


def lists_of(issuer, least):
    def all_of_them():
        r = issuer.get("/aggregation/tests")
        return r.status == 200 and len(r.json()["status_lists"]) >= least and r.json()["status_lists"]
    return until(all_of_them, 60, "the lists")


def test_a_damaged_list_hides_no_other(fixture):
    """More lists than a reading of changes has in one page, and the first record gone: those behind it are served."""
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": POOL}).start()
    with service.client() as issuer:
        for _ in range(8):  # some lists are used up
            issuer.reserve(8)
        lists_of(issuer, 1001)
    uris = [f"{service.config['public-url']}/{i.decode()}" for i in redis.client.zrange(CHANGES, 0, -1)]
    missing, malformed, last = uris[0], uris[1], uris[-1]
    service.stop()
    redis.client.delete(record(missing))
    redis.client.hset(record(malformed), "state", "Open")
    service = fixture.service(redis, {"tests": {**POOL, "precreation": {"lists": 1}}}).start()
    with service.client() as issuer:
        assert issuer.fetch(last).status == 200
        assert len(lists_of(issuer, 999)) >= 999
        assert {issuer.fetch(uri).status for uri in (missing, malformed)} == {503}, "they exist, and cannot be served"
        assert issuer.get(path_of(missing)[:-12] + "0" * 12).status == 404
        answer = service.operations("/readyz?for=issuer").json()
        assert answer["ready"] and "pools: tests has 2 lists with a damaged record" in answer["detail"], answer
        assert service.metric("lists_damaged", pool="tests") == 2
        log = service.log()
        for uri, field in ((missing, "record"), (malformed, "state")):
            assert f'list="{id_of(uri)}" field="{field}"' in log
        redis.client.hset(record(malformed), "state", "sealed")
        until(lambda: issuer.fetch(malformed).status == 200, 20, "the list that was put right")
        until(lambda: service.metric("lists_damaged", pool="tests") == 1, 5, "the gauge")


def test_a_pool_of_another_shape_stops_no_other(fixture):
    """Redis comes back with a pool that has another size: that pool is refused, and named; the connections serve the others."""
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": {"size": 2000}, "other": {"size": 2000}}, workers=1).start()
    with service.client() as c, service.client("other") as other:
        refused, reference = c.reserve()[0], other.reserve()[0]
        redis.client.hset("statuslist:{tests}:config", "size", 4000)
        redis.restart()
        until(lambda: other.try_update(*reference, 1).status == 204, 10, "the other pool")
        for n in range(40):  # twice as long as a connection that leads elsewhere is left alone
            other.update(*reference, n % 2)
            time.sleep(0.1)
        ready, reason = service.readiness("?for=issuer&pool=tests")
        assert not ready and "tests" in reason and "size 4000" in reason, reason
        assert service.readiness("?for=issuer&pool=other") == (True, "")
        assert c.try_update(*refused, 1).status == 503
        assert "dialling anew" not in service.log()
        redis.client.hset("statuslist:{tests}:config", "size", 2000)
        until(lambda: c.try_update(*refused, 1).status == 204, 10, "the pool whose size was put right", 0.5)
        service.wait_ready()


def test_a_malformed_line_is_named_once_and_left_alone(fixture):
    """By hand, in the list that is given out from: no reference of it comes any more, and nothing is asked for again and again."""
    redis = fixture.redis()
    pool = {**POOL, "precreation": {"lists": 1, "check-delay": "1s"}}
    service = fixture.service(redis, {"tests": pool}).start()
    with service.client() as c:
        uri = c.reserve()[0][0]
        c.update(uri, 1, 1)
        until(lambda: c.fetch(uri).status == 200, 10, "the list")
        line = redis.client.hget(record(uri), "line") or b""
        redis.client.hset(record(uri), "line", "not a line")
        loads = service.metric("store_operations_total", None, connection="keeper", operation="load")
        redis.client.publish("statuslist:0:{tests}", f"{id_of(uri)} 99")
        until(lambda: service.metric("lists_damaged", pool="tests") == 1, 10, "the gauge")
        for _ in range(4):  # another list is taken
            c.reserve(8)
        time.sleep(1)  # in which it was asked for ten times before
        assert service.metric("store_operations_total", None, connection="keeper", operation="load") <= loads + 6
        log = service.log()
        assert log.count("the record of a list in redis is damaged") == 1 and log.count("unexpected reply shape") <= 2, log[-3000:]
        assert c.fetch(uri).status == 200
        redis.client.hset(record(uri), "line", line)
        until(lambda: service.metric("lists_damaged", pool="tests") == 0, 10, "the gauge")
    service.stop()
    # An heir, too, goes on without such a list.
    redis.client.hset(record(uri), "line", "1:1")
    service.start()
    with service.client() as c:
        c.reserve(8)
        assert service.log().count("unexpected reply shape") == log.count("unexpected reply shape")
