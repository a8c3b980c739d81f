"""Instances of one pool must agree on some options: a second instance that differs refuses to start, and names the difference."""
import signal

import pytest

from client import parallel, until
from processes import instrumented
from tokens import fetch_token

PATIENCE = 60 if instrumented() else 20
POOL = {"size": 2000, "prefetch": {"threshold": 5, "capacity": 10}}


def options(**other):
    return {"tests": {**POOL, **{k.replace("_", "-"): v for k, v in other.items()}}}


def refuses(service, *said):
    seen = len(service.log())
    service.spawn()
    assert service.wait_end(PATIENCE) == 1
    log = service.log()[seen:]
    assert "refusing to start" in log
    for text in said:
        assert text in log, log


def reload(service, result):
    count = lambda: service.metric("reloads_total", pool=None, result=result)  # noqa: E731
    before, seen = count(), len(service.log())
    service.write_config()
    service.process.send_signal(signal.SIGHUP)
    until(lambda: service.alive() and count() > before, PATIENCE, f"a reload that is {result}")
    return service.log()[seen:]


def works(service):
    with service.client() as c:
        uri, index = c.reserve()[0]
        c.update(uri, index, 1)
        until(lambda: fetch_token(c, uri).status(index) == 1, PATIENCE, "the update")


def test_the_second_refuses_and_names_every_difference(fixture):
    redis = fixture.redis()
    first = fixture.service(redis, options()).start()
    second = fixture.service(redis, options(bits=2, final_status=1, list_lifetime="2h", ttl="30s",
                                          issuer="https://other.example", aggregation_uri=True))
    second.config["public-url"] = "https://lists.example"
    refuses(second, "redis has pool tests with bits 1, this file says 2", "final-status absent, this file says 1",
            "list-lifetime 1h, this file says 2h", "ttl 60s, this file says 30s",
            "issuer https://issuer.example, this file says https://other.example",
            "aggregation-uri false, this file says true",
            f"public-url {first.config['public-url']}, this file says https://lists.example")
    assert "key-of-tests" not in second.log()
    works(first)
    # What is an instance's own business may differ.
    third = fixture.service(redis, options(prefetch={"threshold": 50, "capacity": 100}, update_interval="0s",
                                         api_key="another")).start()
    works(third)
    works(first)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_once_the_others_have_ended_the_new_options_are_those(fixture, end):
    redis = fixture.redis()
    first = fixture.service(redis, options(ttl="60s")).start()
    second = fixture.service(redis, options(ttl="30s"))
    refuses(second, "ttl 60s, this file says 30s")
    getattr(first, end)()
    second.start(seconds=PATIENCE)
    works(second)
    refuses(first, "ttl 30s, this file says 60s")
    first.options()["ttl"] = "30s"
    first.start(seconds=PATIENCE)
    works(first)


def test_a_sole_instance_comes_back_with_other_options(fixture):
    """Also after a kill, and with a database of a version that did not store its options."""
    redis = fixture.redis()
    service = fixture.service(redis, options()).start()
    for end, ttl in (("stop", "30s"), ("kill", "40s")):
        getattr(service, end)()
        service.options()["ttl"] = ttl
        service.start()
        works(service)
    redis.client.hdel("statuslist:{tests}:config", "shared")
    service.stop()
    service.start()
    assert b"ttl 40s" in redis.client.hget("statuslist:{tests}:config", "shared")


def test_size_and_bits_never_change(fixture):
    redis = fixture.redis()
    service = fixture.service(redis, options()).start()
    service.stop()
    service.options().update({"bits": 2, "size": 4000})
    refuses(service, "size 2000, this file says 4000", "bits 1, this file says 2", "use a new pool name")


def test_a_reload_of_a_sole_instance_and_beside_another(fixture):
    redis = fixture.redis()
    first = fixture.service(redis, options()).start()
    first.options()["ttl"] = "30s"
    assert "app.status-list-pools.tests.ttl" in reload(first, "done")
    until(lambda: b"ttl 30s" in redis.client.hget("statuslist:{tests}:config", "shared"), PATIENCE, "the new options")
    second = fixture.service(redis, options())
    refuses(second, "ttl 30s, this file says 60s")
    second.options()["ttl"] = "30s"
    second.start()
    # Now there are two: neither can change alone, in what is shared.
    for service in (first, second):
        service.options()["ttl"] = "20s"
        log = reload(service, "partly")
        assert "ttl 30s, this file says 20s" in log and "tests.ttl" not in log.split("changed=")[1]
        works(service)  # with the ttl that it had
        service.options()["ttl"] = "30s"
        service.options()["update-interval"] = "100ms"
        assert "update-interval" in reload(service, "done")
    works(first)
    works(second)
    second.stop()
    first.options()["ttl"] = "20s"
    reload(first, "done")
    works(first)
    # And a stranger to what was changed is refused by what is in force now.
    refuses(second, "ttl 20s, this file says 30s")


def test_many_at_once_are_never_of_two_minds(fixture):
    redis = fixture.redis()
    services = [fixture.service(redis, options(ttl=ttl)) for ttl in ("20s", "30s", "20s", "30s")]
    for s in services:
        s.spawn()

    def settled(s):
        if s.process.poll() is not None:
            return True
        return s.readiness()[0]

    until(lambda: all(settled(s) for s in services), PATIENCE, "all to be ready or ended")
    alive = {s.options()["ttl"] for s in services if s.process.poll() is None}
    assert len(alive) <= 1
    for s in services:
        if s.process.poll() is not None:
            assert s.wait_end() == 1 and "runs with different values" in s.log()


def test_redis_restarts_and_all_go_on(fixture):
    redis = fixture.redis()
    pair = [fixture.service(redis, options()).start() for _ in range(2)]
    redis.restart()
    for s in pair:
        s.wait_ready(seconds=PATIENCE)
        works(s)
    redis.client.flushall()
    redis.restart()
    parallel(2, lambda n: pair[n].wait_ready(seconds=PATIENCE))
    until(lambda: redis.client.hget("statuslist:{tests}:config", "shared"), PATIENCE, "the options, written again")
