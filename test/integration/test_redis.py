"""Kinds of Redis: at other addresses, with a password, full, without the scripts, with replicas."""
import threading

import pytest

from client import until
from processes import free_port
from tokens import fetch_token


def works(service):
    with service.client() as c:
        uri, index = c.reserve()[0]
        c.update(uri, index, 1)
        c.batch([(uri, index, 1)])
        assert c.status(uri, index) == 1
        until(lambda: fetch_token(c, uri).nonzero().get(index) == 1, 10, "the update")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_over_tcp_by_address_and_by_name(fixture, host):
    port = free_port()
    service = fixture.service(fixture.redis(extra=["--port", str(port), "--bind", "127.0.0.1"]))
    service.config["redis"] = {"host": host, "port": port}
    works(service.start())


def test_another_database(fixture):
    redis = fixture.redis()
    one, two = [fixture.service(redis, redis={"database": n}).start() for n in (0, 3)]
    works(one)
    works(two)
    with one.client() as a, two.client() as b:
        assert not set(a.lists()) & set(b.lists())
        assert b.fetch(a.lists()[0].replace(one.config["public-url"], two.config["public-url"])).status == 404


@pytest.mark.parametrize("how", ["password", "password-file", "user"])
def test_with_a_password(fixture, how):
    redis = fixture.redis()
    keys = {"user": {"username": "lists", "password": "se cret#1"}, "password": {"password": "se cret#1"}}
    if how == "user":
        redis.client.execute_command("ACL", "SETUSER", "lists", "on", ">se cret#1", "~statuslist:*", "&statuslist:*", "+@all")
    else:
        redis.client.config_set("requirepass", "se cret#1")
    path = fixture.directory / "password"
    path.write_text("se cret#1\n")
    keys["password-file"] = {"password-file": str(path)}
    service = fixture.service(redis, redis=keys[how]).start()
    works(service)
    service.stop()
    service.config["redis"].update({k: "wrong" for k in keys[how] if k == "password"})
    if how == "password-file":
        path.write_text("wrong\n")
    service.spawn()
    assert service.wait_end() == 1 and "refusing to start" in service.log()
    assert "se cret#1" not in service.log()


def test_scripts_that_were_flushed(fixture):
    redis = fixture.redis()
    service = fixture.service(redis).start()
    for _ in range(3):
        redis.client.script_flush()
        works(service)
    assert service.metric("store_script_reloads_total", None) >= 1
    assert service.metric("updates_total", result="unknown") == 0


def test_full_memory(fixture):
    """Writes that Redis refuses for lack of memory have not happened, and the answer says so; no restart is needed."""
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": {"update-interval": "0s"}}).start()
    with service.client() as c:
        uri, index = c.reserve()[0]
        redis.client.config_set("maxmemory", 1)
        for r in (c.try_update(uri, index, 1), c.try_batch([(uri, index, 1)])):
            assert r.status == 503 and r.problem()["code"] == "UNAVAILABLE"
        assert c.status(uri, index) == 0 and fetch_token(c, uri).status(index) == 0
        redis.client.config_set("maxmemory", 0)
        until(lambda: c.try_update(uri, index, 1).status == 204, 5, "room")
    service.wait_ready()
    works(service)


def test_replicas_that_must_have_an_update(fixture):
    port = free_port()
    primary = fixture.redis(extra=["--port", str(port), "--bind", "127.0.0.1", "--repl-diskless-sync-delay", "0"])
    service = fixture.service(primary, redis={"wait-replicas": 1, "command-timeout": "1s"}).start("")
    replica = fixture.redis(extra=["--replicaof", "127.0.0.1", str(port)])
    service.wait_ready()
    with service.client() as c:
        uri, index = c.reserve()[0]
        until(lambda: c.try_update(uri, index, 1).status == 204, 10, "the replica's answer")
        data = f"statuslist:{{tests}}:list:{uri.rsplit('/', 1)[1]}:data"
        other = (uri, (index + 1) % 1000, 1)
        until(lambda: c.try_batch([other]).status == 204, 10, "the replica's answer")
        assert replica.client.get(data) == primary.client.get(data) is not None
        replica.kill()
        r = c.try_update(uri, index, 0)
        assert r.status == 503 and r.problem()["code"] == "OUTCOME_UNKNOWN"


def test_a_server_that_says_it_has_too_many_clients(fixture):
    redis = fixture.redis()
    service = fixture.service(redis).start()
    redis.client.config_set("maxclients", 7)
    for client in redis.client.client_list():
        if client["name"].startswith("statuslistd:"):
            redis.client.client_kill_filter(_id=client["id"])
    until(lambda: service.readiness()[0], 20, "readiness")
    works(service)


def test_commands_are_not_sent_at_rest(fixture):
    """An idle service sends Redis few commands: its sweeps and its heartbeat."""
    redis = fixture.redis()
    fixture.service(redis).start()
    before = redis.client.info("stats")["total_commands_processed"]
    done = threading.Event()
    done.wait(0.4)
    done.wait(0.4)
    done.wait(0.4)
    assert redis.client.info("stats")["total_commands_processed"] - before < 40
