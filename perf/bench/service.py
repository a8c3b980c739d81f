"""The service and its Redis as test/support starts them, with the options that are measured, and an issuer that calls them."""
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time

from bench.machine import BIN, ROOT, pinned

sys.path.insert(0, str(ROOT / "test" / "support"))

import processes  # noqa: E402 - found by the line above  # pylint: disable=wrong-import-position
from client import until  # noqa: E402  # pylint: disable=wrong-import-position

KEY = "af05bedc-ec26-472a-af56-f3b862e8e00d"


def pool(size=50000, threshold=1000, capacity=10000, underflow="delay", lists=1, interval="1s", bits=1, issuer=True):
    return {"api-key": KEY, **({"issuer": "http://localhost:8080"} if issuer else {}), "size": size, "bits": bits,
            "precreation": {"lists": lists, "check-delay": "40s"},
            "prefetch": {"threshold": threshold, "capacity": capacity, "on-underflow": underflow},
            "update-interval": interval, "list-lifetime": "24h", "ttl": "60s",
            "signer": {"generate": True, "header": {"x5c": False, "kid": True}}}


class Redis(processes.Redis):
    """slow: with the shim that makes a sync take 2 ms. cores: where it runs (anywhere if None)."""

    def __init__(self, directory, slow=False, cores=None):
        super().__init__(directory, "always", ["--auto-aof-rewrite-percentage", "0"],
                         {"LD_PRELOAD": str(BIN / "libslow_fdatasync.so")} if slow else {})
        self.cores = cores

    def command(self):
        return pinned(self.cores, super().command())


class Service(processes.Service):
    """With `workers` on `cores` (anywhere if None). program: the words that start it, before its options."""

    def __init__(self, directory, redis, pools, workers=1, cores=None, program=(BIN / "statuslistd",)):
        super().__init__(directory, redis, pools, workers=workers, limits={"connections": 12000},
                         redis={"mode": "external", "persistence-strategy": "append-fsync-always", "command-timeout": "20s"})
        self.config["status-list-pools"] = pools
        self.pools, self.workers, self.cores = pools, workers, cores
        self.program = program
        self.port, self.started = self.public[1], 0.0

    def command(self):
        return pinned(self.cores, [*self.program, *super().command()[1:]])

    def launch(self, wait=True):
        """wait: until it is ready and has signed every list."""
        self.started = time.monotonic()
        self.spawn()
        if wait:
            self.wait_ready(seconds=60)
            until(lambda: self.metric("lists_unpublished") == 0, 60, "all lists are signed")
        return self

    def base(self):
        return f"http://127.0.0.1:{self.port}"

    def ready(self):
        return self.readiness()[0]

    def metrics(self):
        """None of them until it answers."""
        try:
            return super().metrics()
        except OSError:
            return {}

    def metric(self, name, pool=None, **labels):
        return super().metric(name, pool, **labels)


class Issuer:
    """A client on a connection of its own, which is a new one where the service may have closed the idle one."""
    IDLE = 3

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.used = -self.IDLE

    def connect(self):
        if time.monotonic() - self.used >= self.IDLE:
            self.connection.close()
            self.connection.connect()
            self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def call(self, method, path, body=None, headers=None, expect=(200, 204)):
        self.connect()
        data = json.dumps(body, separators=(",", ":")) if body is not None else None
        self.connection.request(method, path, data, {"X-Api-Key": KEY, "Content-Type": "application/json", **(headers or {})})
        r = self.connection.getresponse()
        text = r.read()
        self.used = time.monotonic()
        if r.status not in expect:
            raise RuntimeError(f"{method} {path}: {r.status} {text[:300]!r}")
        return r, text

    def reserve(self, name, amount, step=10000):
        found = []
        while len(found) < amount:
            n = min(step, amount - len(found))
            found += json.loads(self.call("POST", f"/pools/{name}/new-references?amount={n}")[1])["references"]
        return found

    def revoke(self, references, value=1):
        for first in range(0, len(references), 5000):
            self.call("PATCH", "/status-lists/batch-update",
                      {"statusListReferences": references[first:first + 5000], "value": value})


class Fixture(processes.Fixture):
    """A temporary directory, in `place` if that is given, and the processes that a measurement starts in it."""

    def __init__(self, place=None):
        super().__init__("sl-perf-", place)
        os.chmod(self.directory, 0o755)
        self.count = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def end_processes(self):
        """Of all of them, also those that never became ready. How one ends is not judged here."""
        while processes.Process.running:
            process = processes.Process.running[-1]
            try:
                process.end(signal.SIGTERM)
            except subprocess.TimeoutExpired:
                process.kill()

    def folder(self):
        self.count += 1
        path = self.directory / str(self.count)
        path.mkdir()
        return path

    def redis(self, slow=False, cores=None):
        return Redis(self.folder(), slow, cores).start()

    def service(self, redis, pools, wait=True, **more):
        return Service(self.folder(), redis, pools, **more).launch(wait)
