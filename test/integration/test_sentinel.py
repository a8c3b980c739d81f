"""A Redis that sentinels watch, with real ones, and a real failover: it is never written to as if nothing were."""
import redis as redis_library

from client import until
from processes import Process, free_port

CHECK = 14  # s: a check every ten, and a machine that is busy
WHY = "sentinels watch this Redis and may make it a replica; mode: sentinel does not exist yet"


class Sentinel(Process):
    """A redis-sentinel that watches one primary under the name "lists"."""

    def __init__(self, directory, port_of_primary):
        super().__init__("redis-sentinel", directory)
        self.port = free_port()
        (self.directory / "sentinel.conf").write_text(
            f"port {self.port}\nbind 127.0.0.1\nsentinel monitor lists 127.0.0.1 {port_of_primary} 1\n"
            "sentinel down-after-milliseconds lists 2000\nsentinel failover-timeout lists 20000\n")

    def command(self):
        return ["redis-sentinel", self.directory / "sentinel.conf"]

    def start(self):
        self.spawn()
        self.client = redis_library.Redis(host="127.0.0.1", port=self.port, socket_timeout=10)
        until(self.watches, 20, "the sentinel watches")
        return self

    def watches(self):
        """It has its subscription at the primary, and knows the replica."""
        self.alive()
        try:
            state = self.client.sentinel_master("lists")
            return state["num-slaves"] == 1 and not state["flags"].startswith("s_down")
        except (redis_library.RedisError, OSError):
            return False


class Pair:
    """A primary and a replica over TCP, which the service reaches by the primary's socket."""

    def __init__(self, fixture):
        ports = free_port(), free_port()
        tcp = [["--port", str(p), "--bind", "127.0.0.1", "--repl-diskless-sync-delay", "0", "--replica-announce-ip",
                "127.0.0.1"] for p in ports]
        self.port = ports[0]
        self.primary = fixture.redis(extra=tcp[0])
        self.replica = fixture.redis(extra=[*tcp[1], "--replicaof", "127.0.0.1", str(ports[0])])
        until(lambda: self.replica.client.info("replication")["master_link_status"] == "up", 20, "the replica")


def sentinel_of(fixture, pair):
    return Sentinel(fixture.directory / "sentinel", pair.port)


def heard(redis):
    return redis.client.execute_command("PUBSUB", "CHANNELS", "__sentinel__:hello")


def is_replica(redis):
    try:
        return redis.client.role()[0] == b"slave"
    except redis_library.RedisError:
        return False  # sentinels close the connections of a server that they change


def test_a_start_is_refused(fixture):
    pair = Pair(fixture)
    sentinel = sentinel_of(fixture, pair).start()
    try:
        until(lambda: heard(pair.primary), 20, "the sentinel's subscription")
        service = fixture.service(pair.primary)
        service.spawn()
        assert service.wait_end() == 1
        assert f'msg="refusing to start" reason="{WHY}"' in service.log(), service.log()
    finally:
        sentinel.kill()


def test_sentinels_that_come_later_and_a_failover(fixture):
    """From the check that sees them on nothing is acknowledged, so nothing is lost when they make the primary a replica."""
    pair = Pair(fixture)
    service = fixture.service(pair.primary, {"tests": {"update-interval": "0s"}}).start()
    with service.client() as c:
        references = c.reserve(5)
        c.update(*references[0], 1)
    sentinel = sentinel_of(fixture, pair).start()
    try:
        until(lambda: WHY in service.readiness()[1], CHECK, "the reason")
        with service.client() as c:
            r = c.try_update(*references[1], 1)
            assert r.status == 503 and r.problem()["code"] == "UNAVAILABLE" and WHY in r.problem()["detail"]
            assert c.fetch(references[0][0]).status == 200 and service.readiness("") == (True, "")
            until(lambda: sentinel.client.sentinel_master("lists")["num-slaves"] == 1, 20, "the replica is known")
            sentinel.client.execute_command("SENTINEL", "FAILOVER", "lists")
            until(lambda: pair.replica.client.role()[0] == b"master", 20, "the failover")
            # The former primary still says that it is one, for some ten seconds, and would take writes.
            while not is_replica(pair.primary):
                assert c.try_update(*references[2], 1).status == 503
            until(lambda: "the role of the server is slave" in service.readiness()[1], CHECK, "the role")
            assert c.try_update(*references[2], 1).status == 503
            assert c.fetch(references[0][0]).status == 200 and service.readiness("") == (True, "")
    finally:
        sentinel.kill()
    pair.primary.client.execute_command("REPLICAOF", "NO", "ONE")  # and points the service at it, as it does already
    service.wait_ready(seconds=60)  # thirty seconds after the sentinel was last seen
    with service.client() as c:
        c.update(*references[2], 1)
        assert [c.status(*r) for r in references[:3]] == [1, 0, 1]
