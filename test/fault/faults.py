"""What is done to a service under load. A fault leaves nothing behind: when it returns, its cause is gone.

Each is a function of a house (house.py) that says `h.history.event("healed")` when the cause is removed, where that is not at
its very end; what went back in Redis it tells by `h.lost`. `house` is what it needs, `rounds` how often CI repeats it.
"""
import os
import resource
import shutil
import socket
import subprocess
import time

import harness
from client import Connection, path_of, until
from history import now

FAULTS = {}
TIMEOUT = {"redis": {"command-timeout": "1s"}}


class Fault:
    def __init__(self, name, what, run, house, rounds):
        self.name, self.what, self.run, self.house, self.rounds = name, what, run, house, rounds


def fault(name, what, rounds=2, **house):
    def register(run):
        FAULTS[name] = Fault(name, what, run, house, rounds)
        return run
    return register


def healed(h):
    h.history.event("healed")


# ---- processes that end

@fault("kill-service", "kill -9 of the service", rounds=3)
def kill_service(h):
    h.kill_service(i := h.any())
    h.sleep(0, 0.3)
    healed(h)
    h.start_service(i, ready=False)


@fault("kill-redis", "kill -9 of Redis", rounds=3)
def kill_redis(h):
    h.redis.kill()
    h.sleep(0.1, 1)
    h.redis.start()


@fault("kill-both", "kill -9 of both", rounds=3)
def kill_both(h):
    i = h.any()
    if h.order.random() < 0.5:
        h.kill_service(i)
        h.redis.kill()
    else:
        h.redis.kill()
        h.kill_service(i)
    h.sleep(0, 0.3)
    healed(h)
    h.redis.start()
    h.start_service(i, ready=False)


@fault("one-of-three", "3 instances on one Redis, one killed", rounds=3, instances=3)
def one_of_three(h):
    kill_service(h)


@fault("embedded", "kill -9 of the service and its embedded Redis", rounds=3, embedded=True)
def embedded(h):
    if h.order.random() < 0.5:
        child = h.services[0].children()[0]
        h.services[0].signal_child(child, 9)
    else:
        kill_service(h)


# ---- Redis that stands still, or is far

@fault("stop-redis", "Redis stopped (SIGSTOP) for 0.3 to 3 s, and continued", **TIMEOUT)
def stop_redis(h):
    h.redis.pause()
    h.sleep(0.3, 3)
    h.redis.resume()


@fault("cut-reply", "connections to Redis cut in the middle of replies", **TIMEOUT)
def cut_reply(h):
    def truncate(data):
        return h.order.randrange(len(data)) if h.order.random() < 0.03 else None
    for p in h.proxies:
        p.truncate = truncate
    h.sleep(1, 2)
    for p in h.proxies:
        p.truncate = None


@fault("slow-network", "Redis 100 to 300 ms away, then cut", **TIMEOUT)
def slow_network(h):
    for p in h.proxies:
        p.delay = h.order.uniform(0.05, 0.15)
    h.sleep(1, 2)
    for p in h.proxies:
        p.cut()
        p.delay = 0


@fault("delayed-write", "a write arrives after its connection was given up", rounds=4, **TIMEOUT)
def delayed_write(h):
    for p in h.proxies:
        p.keep()
    def given_up():
        return any(x.get("outcome") == "unknown" and x["t1"] > began and x["code"] != "left" for x in h.history.lines[-200:])
    began = now()
    if h.order.random() < 0.5:
        until(given_up, 20, "an unknown outcome")
        h.sleep(0, h.order.choice([0.03, 0.6]))
    else:
        h.sleep(0.9, 1.5)
    for p in h.proxies:
        p.release()


@fault("tls", "TLS to Redis: connections cut inside a record, kept back, Redis stopped, Redis killed", rounds=4, tls=True, **TIMEOUT)
def over_tls(h):
    h.order.choice([cut_reply, delayed_write, stop_redis, kill_redis])(h)


# ---- Redis that refuses

@fault("out-of-memory", "Redis out of memory (maxmemory, noeviction)")
def out_of_memory(h):
    h.redis.client.config_set("maxmemory", 1)
    h.sleep(0.5, 1.5)
    h.redis.client.config_set("maxmemory", 0)


@fault("script-flush", "SCRIPT FLUSH, ten times")
def script_flush(h):
    for _ in range(10):
        h.redis.client.script_flush()
        h.sleep(0, 0.1)


@fault("slow-disk", "a disk that takes 30 ms for a sync, then kill -9 of Redis")
def slow_disk(h):
    shim = compiled(h, harness.ROOT / "perf" / "baseline" / "slow_fdatasync.c")
    h.redis.environment = {**os.environ, "LD_PRELOAD": shim, "SLOW_SYNC_US": "30000"}
    h.redis.restart()
    h.sleep(1, 1.5)
    h.redis.environment = None
    h.redis.restart()


def compiled(h, source):
    """A library to preload."""
    to = h.directory / f"{source.stem}.so"
    if not to.exists():
        subprocess.run(["cc", "-D_GNU_SOURCE", "-O2", "-shared", "-fPIC", "-o", to, source, "-ldl"], check=True)
    return str(to)


def fill_disk(h):
    """The store's directory on a disk of its own, already mounted by `small_disk`; what is left of it is taken."""
    filler = h.redis.directory / "filler"
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


def small_disk(h):
    where = str(h.redis.directory)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", where], check=True)
    h.ends.append(lambda: subprocess.run(["umount", "-l", where], check=True))


@fault("disk-full-always", "the disk of the append-only file is full, always: Redis exits", prepare=small_disk)
def disk_full_always(h):
    filler = fill_disk(h)
    until(lambda: h.redis.process.poll() is not None, 20, "the end of Redis")
    expect_fetches_only(h)
    h.redis.kill()
    filler.unlink()
    h.redis.start()


@fault("disk-full-everysec", "the disk of the append-only file is full, everysec: Redis refuses", persistence="everysec",
       prepare=small_disk)
def disk_full_everysec(h):
    filler = fill_disk(h)
    until(lambda: h.redis.client.info("persistence")["aof_last_write_status"] == "err", 20, "an error of the append-only file")
    expect_fetches_only(h)
    filler.unlink()


def expect_fetches_only(h):
    """Not ready for issuers, with a reason; ready for wallets, and lists are fetched."""
    for s in h.services:
        why = until(lambda s=s: (r := s.readiness("?for=issuer"))[0] is False and r[1], 20, "unreadiness")
        assert why.startswith(("store:", "rings:")), why
        h.history.event("why", why=why)
        assert s.readiness("")[0], s.readiness("")
        with Connection(s.public) as c:
            for uri in h.load.uris[:20]:
                r = c.request("GET", path_of(uri))
                assert r.status == 200, r


# ---- Redis that goes back

def empty(h):
    h.redis.kill()
    shutil.rmtree(h.directory / "backup", ignore_errors=True)
    h.put_back()
    h.lost(0)
    h.sleep(0, 0.5)
    h.redis.start()


def older(h):
    taken = h.snapshot()
    h.sleep(0.5, 1.5)
    h.redis.kill()
    h.put_back()
    h.lost(taken)
    h.sleep(0, 0.5)
    h.redis.start()


for mode in ("always", "everysec", "none"):
    told = {"none": "disabled"}.get(mode, mode)
    fault(f"empty-{told}", f"Redis restarted without its data, {told}", persistence=mode)(empty)
    fault(f"older-{told}", f"Redis restarted with older data, {told}", persistence=mode)(older)


@fault("older-all", "Redis and the service killed, and Redis restarted with older data", rounds=2)
def older_all(h):
    """Nobody is left who knows what was given: only the epoch of the lists says that more was."""
    taken = h.snapshot()
    h.sleep(0.5, 1.5)
    for i in range(len(h.services)):
        h.kill_service(i)
    h.redis.kill()
    h.put_back()
    h.lost(taken)
    h.redis.start()
    for i in range(len(h.services)):
        h.start_service(i, ready=False)


fault("older-three", "3 instances, Redis restarted with older data", instances=3)(older)


@fault("everysec", "kill -9 of Redis, everysec: the process dies, the machine lives", persistence="everysec")
def everysec(h):
    kill_redis(h)


def pair(h):
    """Two servers that can replicate from each other; the proxies lead to the first."""
    h.others = []
    for n in (0, 1):
        port = harness.free_port()
        r = h.redis if n == 0 else harness.Redis(h.directory / "redis1", h.persistence)
        r.extra = ("--port", str(port), "--repl-diskless-sync-delay", "0")
        r.port = port
        h.others.append(r)
    h.others[1].start()
    h.ends.append(h.others[1].kill)
    h.ends.append(lambda: setattr(h, "redis", h.others[0]))


def follow(replica, primary):
    replica.client.execute_command("REPLICAOF", "127.0.0.1", primary.port)

    def in_step():
        i = replica.client.info("replication")
        return i["role"] == "slave" and i["master_link_status"] == "up" and not i["master_sync_in_progress"]
    until(in_step, 20, "a replica in step")


def fail_over(h, to):
    """The replica takes over as it was a moment ago: what came since is lost."""
    at = now()
    to.client.execute_command("REPLICAOF", "NO", "ONE")
    h.sleep(0.2, 0.6)
    for p in h.proxies:
        p.refuse()
    time.sleep(0.05)  # answers that were through the proxy already
    for p in h.proxies:
        p.target = to.socket
    h.lost(at)
    for p in h.proxies:
        p.closed = False
    h.redis = to


@fault("failover", "failover to a replica that lags, and back", prepare=pair)
def failover(h):
    first, second = h.others
    follow(second, first)
    fail_over(h, second)
    h.wait_ready(0)
    h.sleep(0.3, 0.6)
    follow(first, second)
    h.sleep(0.2, 0.4)
    fail_over(h, first)


# ---- the machine

def false_clock(h):
    h.clock = h.directory / "clock"
    h.clock.write_bytes(bytes(8))
    for s in h.services:
        s.extra_environment |= {"LD_PRELOAD": compiled(h, harness.ROOT / "test" / "fault" / "wall_clock.c"),
                                "WALL_CLOCK_FILE": str(h.clock)}
        s.extra_environment["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"


@fault("clock", "the wall clock steps back and forth by up to an hour", prepare=false_clock,
       options={"list-lifetime": "20s", "ttl": "5s"})
def clock(h):
    """Tokens live for 20 s here: a step forward outlives all of them, and none of those may be served."""
    for _ in range(2):
        set_clock(h, h.order.choice([-3600, -60, -5, 5, 60, 1200]))
        h.sleep(2, 3)
    set_clock(h, 0)


def set_clock(h, seconds):
    h.wall_moved_ns = now()
    with open(h.clock, "r+b") as f:
        f.write((seconds * 1000).to_bytes(8, "little", signed=True))
    h.wall_offset, h.wall_moved_ns = seconds, now()


@fault("no-descriptors", "no file descriptor left (EMFILE), and Redis restarted meanwhile")
def no_descriptors(h):
    pid = h.services[0].process.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (len(os.listdir(f"/proc/{pid}/fd")) + 4, before[1]))
    idle = []
    for _ in range(60):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(h.services[0].public)
        idle.append(s)
    time.sleep(0.2)
    h.redis.restart()
    h.sleep(0.5, 1)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    for s in idle:
        s.close()


@fault("read-only", "the storage directory becomes read-only (embedded Redis)", embedded=True)
def read_only(h):
    where = str(h.services[0].storage)
    subprocess.run(["mount", "--bind", where, where], check=True)
    try:
        # Busy while a file there is open for writing.
        until(lambda: subprocess.run(["mount", "-o", "remount,bind,ro", where], capture_output=True).returncode == 0, 10,
              "a moment without a writer")
        h.sleep(1, 2)
    finally:
        subprocess.run(["umount", "-l", where], check=True)
