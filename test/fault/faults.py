"""What is done to a service under load. A fault leaves nothing behind: when it returns, its cause is gone.

Each is a function of a fixture (fixture.py). It says `fixture.history.event("healed")` when the cause is removed, where that is not at
its very end, and `fixture.lost` when Redis has gone back. `options` are those of the fixture, `rounds` says how often CI repeats it.
"""
import os
import resource
import shutil
import socket
import subprocess
import time

import processes
import restores
from client import Connection, path_of, until
from history import now

FAULTS = {}
TIMEOUT = {"redis": {"command-timeout": "1s"}}


class Fault:
    def __init__(self, name, what, run, options, rounds):
        self.name, self.what, self.run, self.options, self.rounds = name, what, run, options, rounds


def fault(name, what, rounds=2, **options):
    def register(run):
        FAULTS[name] = Fault(name, what, run, options, rounds)
        return run
    return register


def healed(fixture):
    fixture.history.event("healed")


# ---- processes that end

@fault("kill-service", "kill -9 of the service", rounds=3)
def kill_service(fixture):
    fixture.kill_service(i := fixture.any())
    fixture.sleep(0, 0.3)
    healed(fixture)
    fixture.start_service(i, ready=False)


@fault("kill-redis", "kill -9 of Redis", rounds=3)
def kill_redis(fixture):
    fixture.redis.kill()
    fixture.sleep(0.1, 1)
    fixture.redis.start()


@fault("kill-both", "kill -9 of both", rounds=3)
def kill_both(fixture):
    i = fixture.any()
    if fixture.order.random() < 0.5:
        fixture.kill_service(i)
        fixture.redis.kill()
    else:
        fixture.redis.kill()
        fixture.kill_service(i)
    fixture.sleep(0, 0.3)
    healed(fixture)
    fixture.redis.start()
    fixture.start_service(i, ready=False)


@fault("ended", "the service ended in order and started again", rounds=3)
def ended(fixture):
    fixture.kill_service(i := fixture.any(), in_order=True)
    healed(fixture)
    fixture.start_service(i, ready=False)


@fault("one-of-three", "3 instances on one Redis, one killed", rounds=3, instances=3)
def one_of_three(fixture):
    kill_service(fixture)


@fault("embedded", "kill -9 of the service and its embedded Redis", rounds=3, embedded=True)
def embedded(fixture):
    if fixture.order.random() < 0.5:
        child = fixture.services[0].children()[0]
        fixture.services[0].signal_child(child, 9)
    else:
        kill_service(fixture)


# ---- Redis that stands still, or is far

@fault("stop-redis", "Redis stopped (SIGSTOP) for 0.3 to 3 s, and continued", **TIMEOUT)
def stop_redis(fixture):
    fixture.redis.pause()
    fixture.sleep(0.3, 3)
    fixture.redis.resume()


@fault("cut-reply", "connections to Redis cut in the middle of replies", **TIMEOUT)
def cut_reply(fixture):
    def truncate(data):
        return fixture.order.randrange(len(data)) if fixture.order.random() < 0.03 else None
    for p in fixture.proxies:
        p.truncate = truncate
    fixture.sleep(1, 2)
    for p in fixture.proxies:
        p.truncate = None


@fault("slow-network", "Redis 100 to 300 ms away, then cut", **TIMEOUT)
def slow_network(fixture):
    for p in fixture.proxies:
        p.delay = fixture.order.uniform(0.05, 0.15)
    fixture.sleep(1, 2)
    for p in fixture.proxies:
        p.cut()
        p.delay = 0


@fault("delayed-write", "a write arrives after its connection was given up", rounds=4, **TIMEOUT)
def delayed_write(fixture):
    for p in fixture.proxies:
        p.keep()
    def given_up():
        return any(x.get("outcome") == "unknown" and x["t1"] > began and x["code"] != "left" for x in fixture.history.lines[-200:])
    began = now()
    if fixture.order.random() < 0.5:
        until(given_up, 20, "an unknown outcome")
        fixture.sleep(0, fixture.order.choice([0.03, 0.6]))
    else:
        fixture.sleep(0.9, 1.5)
    for p in fixture.proxies:
        p.release()


@fault("tls", "TLS to Redis: connections cut inside a record, kept back, Redis stopped, Redis killed", rounds=4, tls=True, **TIMEOUT)
def over_tls(fixture):
    fixture.order.choice([cut_reply, delayed_write, stop_redis, kill_redis])(fixture)


# ---- Redis that refuses

@fault("out-of-memory", "Redis out of memory (maxmemory, noeviction)")
def out_of_memory(fixture):
    fixture.redis.client.config_set("maxmemory", 1)
    fixture.sleep(0.5, 1.5)
    fixture.redis.client.config_set("maxmemory", 0)


@fault("script-flush", "SCRIPT FLUSH, ten times")
def script_flush(fixture):
    for _ in range(10):
        fixture.redis.client.script_flush()
        fixture.sleep(0, 0.1)


@fault("slow-disk", "a disk that takes 30 ms for a sync, then kill -9 of Redis")
def slow_disk(fixture):
    shim = compiled(fixture, processes.ROOT / "perf" / "baseline" / "slow_fdatasync.c")
    fixture.redis.variables = {"LD_PRELOAD": shim, "SLOW_SYNC_US": "30000"}
    fixture.redis.restart()
    fixture.sleep(1, 1.5)
    fixture.redis.variables = {}
    fixture.redis.restart()


def compiled(fixture, source):
    """A library to preload."""
    to = fixture.directory / f"{source.stem}.so"
    if not to.exists():
        subprocess.run(["cc", "-D_GNU_SOURCE", "-O2", "-shared", "-fPIC", "-o", to, source, "-ldl"], check=True)
    return str(to)


def fill_disk(fixture):
    """Fills the disk that `small_disk` has mounted at the store's directory."""
    filler = fixture.redis.directory / "filler"
    fd = os.open(filler, os.O_WRONLY | os.O_CREAT)
    try:
        for size in (65536, 1):
            try:
                while True:
                    os.write(fd, b"\0" * size)
            except OSError:
                pass
    finally:
        os.close(fd)
    return filler


def small_disk(fixture):
    where = str(fixture.redis.directory)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", where], check=True)
    fixture.ends.append(lambda: subprocess.run(["umount", "-l", where], check=True))


@fault("disk-full-always", "the disk of the append-only file is full, always: Redis exits", prepare=small_disk)
def disk_full_always(fixture):
    filler = fill_disk(fixture)
    until(lambda: fixture.redis.process.poll() is not None, 20, "the end of Redis")
    expect_fetches_only(fixture)
    fixture.redis.kill()
    filler.unlink()
    fixture.redis.start()


@fault("disk-full-everysec", "the disk of the append-only file is full, everysec: Redis refuses", persistence="everysec",
       prepare=small_disk)
def disk_full_everysec(fixture):
    filler = fill_disk(fixture)
    until(lambda: fixture.redis.client.info("persistence")["aof_last_write_status"] == "err", 20, "an error of the append-only file")
    expect_fetches_only(fixture)
    filler.unlink()


def expect_fetches_only(fixture):
    """Not ready for issuers, with a reason; ready for wallets, and lists are fetched."""
    for s in fixture.services:
        why = until(lambda s=s: (r := s.readiness("?for=issuer"))[0] is False and r[1], 20, "unreadiness")
        assert why.startswith(("store:", "rings:")), why
        fixture.history.event("why", why=why)
        assert s.readiness("")[0], s.readiness("")
        with Connection(s.public) as c:
            for uri in fixture.load.uris[:20]:
                r = c.request("GET", path_of(uri))
                assert r.status == 200, r


# ---- Redis that goes back

def empty(fixture):
    fixture.redis.kill()
    shutil.rmtree(fixture.directory / "backup", ignore_errors=True)
    fixture.put_back()
    fixture.lost(0)
    fixture.sleep(0, 0.5)
    fixture.redis.start()


def older(fixture):
    taken = fixture.snapshot()
    fixture.sleep(0.5, 1.5)
    fixture.redis.kill()
    fixture.put_back()
    fixture.lost(taken)
    fixture.sleep(0, 0.5)
    fixture.redis.start()


for mode in ("always", "everysec", "none"):
    name = {"none": "disabled"}.get(mode, mode)
    fault(f"empty-{name}", f"Redis restarted without its data, {name}", persistence=mode)(empty)
    fault(f"older-{name}", f"Redis restarted with older data, {name}", persistence=mode)(older)


@fault("older-all", "Redis and the service killed, and Redis restarted with older data", rounds=2)
def older_all(fixture):
    """No instance is left that knows what was given out: only the epoch of the lists says that more was."""
    taken = fixture.snapshot()
    fixture.sleep(0.5, 1.5)
    for i in range(len(fixture.services)):
        fixture.kill_service(i)
    fixture.redis.kill()
    fixture.put_back()
    fixture.lost(taken)
    fixture.redis.start()
    for i in range(len(fixture.services)):
        fixture.start_service(i, ready=False)


fault("older-three", "3 instances, Redis restarted with older data", instances=3)(older)


@fault("restored-stopped", "the keys of a moment ago put back by a tool, while no instance runs", rounds=2, instances=2)
def restored_stopped(fixture):
    taken = now()
    keys = restores.keys_of(fixture.redis.client)
    fixture.sleep(0.3, 1)
    in_order = fixture.order.random() < 0.5
    for i in range(len(fixture.services)):
        fixture.kill_service(i, in_order)
    with fixture.going_back(taken):
        restores.put_keys_back(fixture.redis.client, keys)
    healed(fixture)
    for i in range(len(fixture.services)):
        fixture.start_service(i, ready=False)


@fault("restored-running", "the keys of some seconds ago put back by a tool, while two instances run", rounds=2, instances=2, **TIMEOUT)
def restored_running(fixture):
    """FLUSHALL and RESTORE: connections, epoch and process of Redis stay what they are. What was lost is older than a sweep, so each
    instance has heard of it."""
    taken = now()
    keys = restores.keys_of(fixture.redis.client)
    fixture.sleep(2.5, 3.5)
    with fixture.going_back(taken):
        restores.put_keys_back(fixture.redis.client, keys)


@fault("restored-snapshot", "Redis restarted from a snapshot (RDB)", rounds=2, instances=2)
def restored_snapshot(fixture):
    taken = now()
    snapshot = restores.snapshot_of(fixture.redis, fixture.directory / "snapshot.rdb")
    fixture.sleep(0.3, 1)
    fixture.redis.kill()
    fixture.lost(taken)
    restores.put_snapshot_back(fixture.redis, snapshot)


@fault("restored-directory", "the whole storage directory put back from a copy (embedded Redis)", rounds=2, embedded=True)
def restored_directory(fixture):
    service, copy = fixture.services[0], fixture.directory / "copy"
    taken = now()
    restores.copy_of(service.storage, copy)
    fixture.sleep(0.3, 1)
    fixture.kill_service(0, in_order=fixture.order.random() < 0.5)
    restores.copy_of(copy, service.storage)
    fixture.lost(taken)
    healed(fixture)
    fixture.start_service(0, ready=False)


@fault("flushed", "FLUSHALL while two instances run", rounds=2, instances=2, **TIMEOUT)
def flushed(fixture):
    with fixture.going_back(0):
        fixture.redis.client.flushall()


@fault("paused", "an instance is paused, Redis goes back meanwhile, and it wakes", rounds=2, instances=2, **TIMEOUT)
def paused(fixture):
    i = fixture.any()
    taken = fixture.snapshot()
    fixture.sleep(0.5, 1)
    fixture.resting = {i}
    fixture.sleep(0.1, 0.3)
    fixture.services[i].pause()
    fixture.redis.kill()
    fixture.put_back()
    fixture.lost(taken)
    fixture.redis.start()
    fixture.wait_ready(1 - i)
    fixture.sleep(0.5, 2)
    fixture.services[i].resume()
    fixture.wait_ready(i)
    fixture.resting = set()


# ---- what is kept for a successor

@fault("runtime-lost", "kill -9 of the service, its runtime directory emptied", rounds=3)
def runtime_lost(fixture):
    fixture.kill_service(i := fixture.any())
    shutil.rmtree(fixture.runtime(i))
    fixture.runtime(i)
    healed(fixture)
    fixture.start_service(i, ready=False)


@fault("everysec", "kill -9 of Redis, everysec: the process dies, the machine lives", persistence="everysec")
def everysec(fixture):
    kill_redis(fixture)


def pair(fixture):
    """Two servers that can replicate from each other; the proxies lead to the first."""
    fixture.others = []
    for n in (0, 1):
        port = processes.free_port()
        r = fixture.redis if n == 0 else processes.Redis(fixture.directory / "redis1", fixture.persistence)
        r.extra = ("--port", str(port), "--repl-diskless-sync-delay", "0")
        r.port = port
        fixture.others.append(r)
    fixture.others[1].start()
    fixture.redises.append(fixture.others[1])


def follow(replica, primary):
    replica.client.execute_command("REPLICAOF", "127.0.0.1", primary.port)

    def attached():
        i = replica.client.info("replication")
        return i["role"] == "slave" and i["master_link_status"] == "up" and not i["master_sync_in_progress"]
    until(attached, 20, "an attached replica")


def in_step(replica, primary):
    """A time up to which the replica has all writes of the primary."""
    at = now()
    offset = primary.client.info("replication")["master_repl_offset"]
    until(lambda: replica.client.info("replication")["master_repl_offset"] >= offset, 20, "a replica in step", 0.001)
    return at


def fail_over(fixture, to):
    """The replica takes over with its data of a moment ago: later writes are lost."""
    at = in_step(to, fixture.redis)
    to.client.execute_command("REPLICAOF", "NO", "ONE")
    fixture.sleep(0.2, 0.6)
    for p in fixture.proxies:
        p.refuse()
    time.sleep(0.05)  # answers that were through the proxy already
    for p in fixture.proxies:
        p.target = to.socket
    fixture.lost(at)
    for p in fixture.proxies:
        p.closed = False
    fixture.redis = to


@fault("failover", "failover to a replica that lags, and back", prepare=pair)
def failover(fixture):
    first = fixture.redis
    second = next(r for r in fixture.others if r is not first)
    follow(second, first)
    fail_over(fixture, second)
    for i in range(len(fixture.services)):
        fixture.wait_ready(i)
    fixture.sleep(0.3, 0.6)
    follow(first, second)
    fixture.sleep(0.2, 0.4)
    fail_over(fixture, first)


def split_up(fixture):
    """The replica becomes a primary beside the old one, which lives on: instance 0 stays with that, instance 1 goes to the new one.
    Returns (old, new, the time)."""
    old = fixture.redis
    new = next(r for r in fixture.others if r is not old)
    follow(new, old)
    fixture.split = True
    fixture.sleep(0.2, 0.4)  # each client has come to its instance
    at = in_step(new, old)
    new.client.execute_command("REPLICAOF", "NO", "ONE")
    fixture.proxies[1].refuse()
    time.sleep(0.05)
    fixture.proxies[1].target = new.socket
    fixture.lost(at)  # what its clients had written at the old one since then
    fixture.proxies[1].closed = False
    fixture.wait_ready(1)
    fixture.sleep(0.5, 1.5)
    return old, new, at


@fault("two-primaries", "failover; the old primary lives on with one of two instances, then dies", prepare=pair, instances=2, **TIMEOUT)
def two_primaries(fixture):
    old, new, at = split_up(fixture)
    with fixture.going_back(at):
        old.kill()
        fixture.proxies[0].target = new.socket
        fixture.redis = new
    for i in (0, 1):
        fixture.wait_ready(i)
    fixture.split = False
    old.start()


@fault("open-connections", "failover and failback: one of two instances keeps its connections to the old primary", prepare=pair,
       instances=2, **TIMEOUT)
def open_connections(fixture):
    old, new, at = split_up(fixture)
    with fixture.going_back(at):
        follow(old, new)
        fixture.proxies[1].refuse()
        old.client.execute_command("REPLICAOF", "NO", "ONE")
        fixture.proxies[1].target = old.socket
        fixture.proxies[1].closed = False
    for i in (0, 1):
        fixture.wait_ready(i)
    fixture.split = False


@fault("two-servers", "failover; the workers are led to the new primary, the keeper stays with the old one until that dies", prepare=pair,
       **TIMEOUT)
def two_servers(fixture):
    old = fixture.redis
    new = next(r for r in fixture.others if r is not old)
    follow(new, old)
    at = in_step(new, old)
    new.client.execute_command("REPLICAOF", "NO", "ONE")
    fixture.sleep(0, 0.2)
    led = fixture.order.choice(["worker", "worker-0", "keeper", "loader"])
    with fixture.going_back(at):
        for p in fixture.proxies:
            p.ways = {led: new.socket}
            p.cut()
        fixture.sleep(0.5, 1.5)
        old.kill()
        for p in fixture.proxies:
            p.ways, p.target = {}, new.socket
        fixture.redis = new
    healed(fixture)
    for i in range(len(fixture.services)):
        fixture.wait_ready(i)
    old.start()


@fault("first-replica", "a first replica attaches to Redis", rounds=1, prepare=pair)
def first_replica(fixture):
    follow(fixture.others[1], fixture.others[0])
    fixture.sleep(2, 2.5)


# ---- the machine

def false_clock(fixture):
    fixture.clock = fixture.directory / "clock"
    fixture.clock.write_bytes(bytes(8))
    for s in fixture.services:
        s.extra_environment |= {"LD_PRELOAD": compiled(fixture, processes.ROOT / "test" / "fault" / "wall_clock.c"),
                                "WALL_CLOCK_FILE": str(fixture.clock)}
        s.extra_environment["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"


@fault("clock", "the wall clock steps back and forth by up to an hour", prepare=false_clock,
       options={"list-lifetime": "20s", "ttl": "5s"})
def clock(fixture):
    """Tokens live for 20 s here. The clock is wrong for less than a minute and Redis' is right, so no token follows it: none
    that has expired is served, and none has an iat ahead."""
    for _ in range(2):
        set_clock(fixture, fixture.order.choice([-3600, -60, -5, 5, 60, 1200]))
        fixture.sleep(2, 3)
    set_clock(fixture, 0)


def set_clock(fixture, seconds):
    with open(fixture.clock, "r+b") as f:
        f.write((seconds * 1000).to_bytes(8, "little", signed=True))


@fault("no-descriptors", "no file descriptor left (EMFILE), and Redis restarted at that time")
def no_descriptors(fixture):
    pid = fixture.services[0].process.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (len(os.listdir(f"/proc/{pid}/fd")) + 4, before[1]))
    idle = []
    for _ in range(60):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(fixture.services[0].public)
        idle.append(s)
    time.sleep(0.2)
    fixture.redis.restart()
    fixture.sleep(0.5, 1)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    for s in idle:
        s.close()


@fault("read-only", "the storage directory becomes read-only (embedded Redis)", embedded=True)
def read_only(fixture):
    where = str(fixture.services[0].storage)
    subprocess.run(["mount", "--bind", where, where], check=True)
    try:
        # Busy while a file there is open for writing.
        until(lambda: subprocess.run(["mount", "-o", "remount,bind,ro", where], capture_output=True).returncode == 0, 10,
              "a moment without a writer")
        fixture.sleep(1, 2)
    finally:
        subprocess.run(["umount", "-l", where], check=True)
