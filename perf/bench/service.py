"""The service and its Redis, each a process of ours in a temporary directory, ended by its number."""
import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time

from bench.machine import BIN, free_port, pinned

KEY = "af05bedc-ec26-472a-af56-f3b862e8e00d"


def until(what, seconds, condition, pause=0.01):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = condition()
        if answer:
            return answer
        time.sleep(pause)
    raise TimeoutError(f"after {seconds} s: {what}")


class Process:
    live = []  # for the Place that ends them, also those whose start failed

    def __init__(self, name, command, directory, env=None):
        self.log = pathlib.Path(directory) / f"{name}.log"
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                                            env={**os.environ, **(env or {})})
        self.name, self.pid = name, self.process.pid
        Process.live.append(self)

    def alive(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended: {self.log.read_text()[-2000:]}")
        return True

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        if self in Process.live:
            Process.live.remove(self)


class Redis(Process):
    """appendfsync always; slow: with the shim that makes a sync take 2 ms."""

    def __init__(self, directory, slow=False):
        self.directory = pathlib.Path(directory) / ("redis-slow" if slow else "redis")
        self.directory.mkdir(parents=True)
        self.socket = str(self.directory / "s")
        env = {"LD_PRELOAD": str(BIN / "libslow_fdatasync.so")} if slow else None
        super().__init__("redis", ["redis-server", "--port", "0", "--unixsocket", self.socket, "--dir", str(self.directory),
                                   "--save", "", "--appendonly", "yes", "--appendfsync", "always",
                                   "--auto-aof-rewrite-percentage", "0"], self.directory, env)
        self.connection = socket.socket(socket.AF_UNIX)
        until("redis answers", 20, lambda: self.alive() and os.path.exists(self.socket)
              and self.connection.connect_ex(self.socket) == 0)
        self.file = self.connection.makefile("rb")

    def send(self, *words):
        parts = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        self.connection.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))

    def reply(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        return int(rest) if kind == b":" else rest.decode()

    def __call__(self, *words):
        self.send(*words)
        return self.reply()


def pool(size=50000, threshold=1000, capacity=10000, underflow="delay", lists=1, interval="1s", bits=1, issuer=True):
    return {"size": size, "bits": bits, "threshold": threshold, "capacity": capacity, "underflow": underflow,
            "lists": lists, "interval": interval, "issuer": issuer}


def config(directory, port, ops, redis_socket, workers, pools, connections=12000):
    lines = ["app:", f"  public-url: http://127.0.0.1:{port}",
             f"  listen: {{ public: '127.0.0.1:{port}', issuer: same, ops: '127.0.0.1:{ops}' }}",
             f"  workers: {workers}", f"  storage-directory: {directory}/storage",
             f"  limits: {{ connections: {connections} }}",
             f"  redis: {{ mode: external, socket: {redis_socket}, persistence-strategy: append-fsync-always, "
             "command-timeout: 20s }", "  status-list-pools:"]
    for name, p in pools.items():
        lines += [f"    {name}:", f"      api-key: {KEY}",
                  *(["      issuer: http://localhost:8080"] if p["issuer"] else []),
                  f"      size: {p['size']}", f"      bits: {p['bits']}",
                  f"      precreation: {{ lists: {p['lists']}, check-delay: 40s }}",
                  f"      prefetch: {{ threshold: {p['threshold']}, capacity: {p['capacity']}, "
                  f"on-underflow: {p['underflow']} }}",
                  f"      update-interval: {p['interval']}", "      list-lifetime: 24h", "      ttl: 60s",
                  "      signer: { generate: true, header: { x5c: false, kid: true } }"]
    return "\n".join(lines) + "\n"


class Service(Process):
    def __init__(self, directory, redis, pools, workers=1, cores=None, wait=True):
        self.directory, self.redis, self.pools, self.workers, self.cores = directory, redis, pools, workers, cores
        self.port, self.ops = free_port(), free_port()
        os.makedirs(f"{directory}/storage", exist_ok=True)
        self.file = f"{directory}/statuslistd.yaml"
        with open(self.file, "w", encoding="utf-8") as f:
            f.write(config(directory, self.port, self.ops, redis.socket, workers, pools))
        os.chmod(self.file, 0o600)
        self.launch(wait)

    def launch(self, wait=True):
        self.started = time.monotonic()
        super().__init__("statuslistd", pinned(self.cores, [str(BIN / "statuslistd"), "--config", self.file]),
                         self.directory)
        if wait:
            until("the service is ready", 60, lambda: self.alive() and self.ready())
            until("all lists are signed", 60, lambda: self.metric("lists_unpublished") == 0)

    def base(self):
        return f"http://127.0.0.1:{self.port}"

    def get_ops(self, path):
        try:
            c = http.client.HTTPConnection("127.0.0.1", self.ops, timeout=10)
            c.request("GET", path)
            r = c.getresponse()
            return r.status, r.read().decode()
        except OSError:
            return 0, ""

    def ready(self):
        return self.get_ops("/readyz?for=issuer")[0] == 200

    def metric(self, name, label=None):
        """The sum over the label sets that contain `label`."""
        return sum(float(m[2]) for m in re.finditer(rf"^statuslist_{name}(\{{[^}}]*\}})? (\S+)$", self.get_ops("/metrics")[1],
                                                    re.M) if label is None or label in (m[1] or ""))


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


class Place:
    """A temporary directory and the processes started in it."""

    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="sl-perf-"))
        os.chmod(self.directory, 0o755)
        self.count = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        while Process.live:
            Process.live[-1].stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def room(self):
        self.count += 1
        path = self.directory / str(self.count)
        path.mkdir()
        return path

    def redis(self, slow=False):
        return Redis(self.room(), slow)

    def service(self, redis, pools, **more):
        return Service(self.room(), redis, pools, **more)
