"""Redis that is not, or stops being, what the options demand: nothing durable is acknowledged, everything else goes on, and all comes
back by itself."""
import time

import pytest

from client import until
from processes import free_port
from tokens import fetch_token

CHECK = 14  # s: a check every ten, and a machine that is busy
SOON = 4  # s: while Redis is unfit or in doubt it is checked every second


def keyed(c, key):
    headers = {"X-Api-Key": c.key, "Idempotency-Key": f'"{key}"'}
    return c.issuer.request("POST", "/pools/tests/new-references", headers)


def reason(service):
    return service.readiness()[1]


def assert_refused(r, why):
    assert r.status == 503 and r.problem()["code"] == "UNAVAILABLE" and why in r.problem()["detail"], (r, r.body)


def refuses_what_is_durable(service, reference, why):
    """With the reason; references that are ready are handed out, statuses are read, lists are fetched."""
    with service.client() as c:
        assert_refused(c.try_update(*reference, 1), why)
        assert_refused(c.try_batch([(*reference, 1)]), why)
        assert_refused(keyed(c, time.monotonic_ns()), why)
        assert c.try_status(*reference).status == 200 and c.fetch(reference[0]).status == 200
        c.reserve()
    assert service.readiness("") == (True, "")
    assert service.metric("redis_unfit", None) == 1


def works_again(service, reference):
    service.wait_ready(seconds=SOON)
    assert service.metric("redis_unfit", None) == 0
    with service.client() as c:
        c.update(*reference, 1)
        assert keyed(c, time.monotonic_ns()).status == 200
        until(lambda: fetch_token(c, reference[0]).status(reference[1]) == 1, 10, "the update")


def test_a_configuration_that_drifts(fixture):
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": {"update-interval": "0s", "list-lifetime": "12s", "ttl": "1s"}}).start()
    with service.client() as c:
        references = c.reserve(20)
        redis.client.config_set("appendfsync", "no")
        acknowledged = 0
        while service.readiness()[0]:  # what is acknowledged until the check is counted
            acknowledged += c.try_update(*references[1 + acknowledged % 10], acknowledged // 10 % 2).status == 204
            time.sleep(0.1)
    assert acknowledged > 0 and reason(service) == "store: redis is unfit (appendfsync is no, must be always)"
    counted = service.metric("acknowledged_unfit_total", None)
    assert acknowledged - 1 <= counted <= acknowledged + 1  # one may have been on its way
    refuses_what_is_durable(service, references[0], "appendfsync is no, must be always")
    redis.client.config_set("appendonly", "no")
    until(lambda: "appendonly is no" in reason(service), SOON, "the other reason")
    redis.client.config_set("maxmemory", "10gb")
    redis.client.config_set("maxmemory-policy", "volatile-lru")
    until(lambda: "maxmemory-policy is volatile-lru" in reason(service), SOON, "the third reason")
    with service.client() as c:
        first = fetch_token(c, references[0][0])
        until(lambda: fetch_token(c, references[0][0]).iat > first.iat, 14, "a renewal")  # tokens live for 12 s
    refuses_what_is_durable(service, references[0], "maxmemory-policy is volatile-lru")
    assert service.metric("acknowledged_unfit_total", None) == counted
    for name, value in (("maxmemory", 0), ("appendonly", "yes"), ("appendfsync", "always")):
        redis.client.config_set(name, value)
    works_again(service, references[0])


def test_a_restart_with_another_configuration(fixture):
    """The new server is used for what it may be used for."""
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": {"list-lifetime": "12s", "ttl": "1s"}}).start()
    with service.client() as c:
        reference = c.reserve()[0]
    redis.persistence = "everysec"
    redis.restart()
    until(lambda: "appendfsync is everysec, must be always" in reason(service), 10, "the reason")
    until(lambda: service.readiness("")[0], 10, "lists")
    with service.client() as c:
        first = fetch_token(c, reference[0])
        until(lambda: fetch_token(c, reference[0]).iat > first.iat, 14, "a renewal")
        assert_refused(c.try_update(*reference, 1), "appendfsync is everysec, must be always")
    redis.client.config_set("appendfsync", "always")
    works_again(service, reference)


def test_redis_says_so_itself(fixture):
    """At once, whoever asked."""
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": {"update-interval": "0s"}}).start()
    with service.client() as c:
        reference = c.reserve()[0]
        for name, bad, good, why in (("maxmemory", 1, 0, "OOM"), ("min-replicas-to-write", 1, 0, "NOREPLICAS")):
            redis.client.config_set(name, bad)
            assert_refused(c.try_update(*reference, 1), why)
            assert why in reason(service)
            refuses_what_is_durable(service, reference, why)
            redis.client.config_set(name, good)
            service.wait_ready(seconds=SOON)
    works_again(service, reference)
    assert service.metric("acknowledged_unfit_total", None) == 0  # what Redis refuses it has not done


def test_a_full_redis_is_read_after_a_reconnect(fixture):
    """Opening a pool writes nothing that is there already: fetches and renewals go on."""
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": {"update-interval": "0s", "list-lifetime": "6s", "ttl": "1s"}}).start()
    with service.client() as c:
        reference = c.reserve()[0]
        until(lambda: c.fetch(reference[0]).status == 200, 10, "the list")
        redis.client.config_set("maxmemory", 1)
        for client in redis.client.client_list():
            if ":keeper" in client["name"]:
                redis.client.client_kill_filter(_id=client["id"])
        first = fetch_token(c, reference[0])
        until(lambda: fetch_token(c, reference[0]).iat > first.iat, 14, "a renewal")
        assert service.readiness("")[0] and "OOM" in reason(service)
        assert "cannot open a pool" not in service.log()
        redis.client.config_set("maxmemory", 0)
    works_again(service, reference)


ACL = ("on >secret ~statuslist:* &statuslist:* +@all -@dangerous +info +config|get +client|list +client|kill").split()


def with_acl(fixture):
    redis = fixture.redis()
    redis.client.execute_command("ACL", "SETUSER", "statuslistd", *ACL)
    return redis, fixture.service(redis, redis={"username": "statuslistd", "password": "secret"})


@pytest.mark.parametrize("change, why", [
    ("-publish", "the Redis user may not run PUBLISH on statuslist:0:{tests}"),
    ("-bitfield", "the Redis user may not run BITFIELD on statuslist:{tests}:config"),
    ("-config|get", "CONFIG GET is not permitted"),
    ("-client|list", "Redis refuses CLIENT LIST: NOPERM"),
    ("resetchannels", "the Redis user may not run PUBLISH on statuslist:0:{tests}"),
    ("resetkeys ~statuslist:{tests}:*", "the Redis user may not run GET on statuslist:pools"),
    ("resetkeys ~statuslist:pools ~statuslist:{t}:*", "the Redis user may not run EVALSHA on the keys of a pool"),
    ("resetchannels &statuslist:0:{tests}", "the Redis user may not run PUBLISH on statuslist:0:{tests}:0000000000000000:"),
])
def test_a_right_that_is_missing_at_the_start(fixture, change, why):
    redis, service = with_acl(fixture)
    redis.client.execute_command("ACL", "SETUSER", "statuslistd", *change.split())
    service.spawn()
    assert service.wait_end() == 1
    assert "refusing to start" in service.log() and why in service.log(), service.log()


def test_rights_that_are_taken_away(fixture):
    redis, service = with_acl(fixture)
    service.start()
    with service.client() as c:
        reference = c.reserve()[0]
    redis.client.execute_command("ACL", "SETUSER", "statuslistd", "-publish")
    why = "the Redis user may not run PUBLISH on statuslist:0:{tests}"
    until(lambda: why in reason(service), CHECK, "the reason")
    refuses_what_is_durable(service, reference, why)
    with service.client() as c:
        c.reserve(100)  # the keeper would take new ones
    redis.client.execute_command("ACL", "SETUSER", "statuslistd", "-info")
    until(lambda: "Redis refuses INFO" in reason(service), SOON, "the other reason")
    assert service.log().count("an operation failed") <= 3  # the sweep reads on, every two seconds
    redis.client.execute_command("ACL", "SETUSER", "statuslistd", "+info", "+publish")
    works_again(service, reference)


def replicated(fixture, replicas):
    """A primary, and functions that attach a replica and detach the last one."""
    port = free_port()
    primary = fixture.redis(extra=["--port", str(port), "--bind", "127.0.0.1", "--repl-diskless-sync-delay", "0"])
    attached = []

    def attach():
        attached.append(fixture.redis(extra=["--replicaof", "127.0.0.1", str(port)]))
        until(lambda: attached[-1].client.info("replication")["master_link_status"] == "up", 20, "the replica")

    for _ in range(replicas):
        attach()
    until(lambda: primary.client.info("replication")["connected_slaves"] == replicas, 10, "the replicas")
    return primary, attach, lambda: attached.pop().kill()


def test_fewer_replicas_than_have_to_confirm(fixture):
    primary, attach, detach = replicated(fixture, 0)
    service = fixture.service(primary, {"tests": {"update-interval": "0s"}}, redis={"wait-replicas": 1}).start("")
    why = "0 of the 1 replicas that wait-replicas demands are connected and keep up"
    assert reason(service) == f"store: redis is unfit ({why})"
    attach()
    service.wait_ready(seconds=SOON)
    with service.client() as c:
        reference = c.reserve()[0]
        c.update(*reference, 1)
        assert service.metric("redis_replicas", None) == 1
        detach()
        r = c.try_update(*reference, 0)
        assert r.status == 503 and r.problem()["code"] == "OUTCOME_UNKNOWN"  # seen by this very update
        until(lambda: why in reason(service), SOON, "the reason")
        refuses_what_is_durable(service, reference, why)
        attach()
        works_again(service, reference)


def test_all_replicas(fixture):
    primary, attach, detach = replicated(fixture, 2)
    service = fixture.service(primary, {"tests": {"update-interval": "0s"}}, redis={"wait-replicas": "all"}).start()
    one = fixture.service(primary, redis={"wait-replicas": 1}).start()
    assert "a failover may choose one that lacks an acknowledged update" in one.log()
    assert "a failover may choose one" not in service.log()
    with service.client() as c, one.client() as other:
        reference = c.reserve()[0]
        c.update(*reference, 1)
        other.update(*other.reserve()[0], 1)
        detach()
        other.update(*reference, 0)
        r = c.try_update(*reference, 1)  # either this very update sees it, or a check has
        assert r.status == 503
        why = "1 of the 2 replicas that have to confirm (wait-replicas: all) are connected and keep up"
        until(lambda: why in reason(service), CHECK, "the reason")
        assert one.readiness()[0]
        attach()
        works_again(service, reference)


def test_too_many_clients_at_the_start(fixture):
    """Waited for, not judged hopeless."""
    redis = fixture.redis()
    service = fixture.service(redis)
    redis.client.config_set("maxclients", 1)
    service.spawn()
    until(lambda: "max number of clients" in service.log(), 10, "the refusal")
    until(lambda: service.log().count("max number of clients") > 8, 20, "some attempts")
    assert service.process.poll() is None and "refusing to start" not in service.log()
    redis.client.config_set("maxclients", 100)
    service.wait_ready()
