"""The processes of a fault run: one Redis (or the embedded one), any number of instances, a proxy before each, a history."""
import contextlib
import pathlib
import random
import shutil
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import client  # noqa: E402
import processes  # noqa: E402
import restores  # noqa: E402
from checker import check  # noqa: E402
from client import until  # noqa: E402
from history import History, now  # noqa: E402
from load import Caller, Load  # noqa: E402
from proxy import Proxy  # noqa: E402
from tls import Authority, pair  # noqa: E402

POOL = "faults"
OPTIONS = {"size": 3000, "bits": 8, "final-status": 255, "update-interval": "100ms", "list-lifetime": "1h", "ttl": "60s",
           "prefetch": {"threshold": 70, "capacity": 300, "underflow-timeout": "2s"}}
PERSISTENCE = {"always": "append-fsync-always", "everysec": "append-fsync-everysec", "none": "disabled"}


class Store:
    """Where a service finds Redis: at the proxy's socket."""

    def __init__(self, path):
        self.socket = str(path)


class Fixture(processes.Fixture):
    def __init__(self, seed, instances=1, persistence="always", embedded=False, options=(), redis_extra=(), binary=None,
                 environment=(), redis_environment=(), keep=None, tls=False, **app):
        super().__init__("sl-fault-")
        self.seed, self.order = seed, random.Random(seed)
        self.history = History(keep or self.directory / "history.jsonl")
        self.pool, self.persistence, self.embedded = POOL, persistence, embedded
        self.errors, self.ends = [], []
        self.redis, self.proxies = None, []
        self.split = False     # each client stays with one instance: there are two primaries
        self.resting = set()   # instances that no client turns to
        if not embedded:
            if tls:
                self.authority = Authority(self.directory / "authority")
                redis_extra, self.tls_port = self._tls(), processes.free_port()
                redis_extra += ["--tls-port", str(self.tls_port)]
            self.redis = processes.Redis(self.directory / "redis", persistence, redis_extra, redis_environment)
            self.redises = [self.redis]
            app["redis"] = {"persistence-strategy": PERSISTENCE[persistence], **app.get("redis", {})}
        for i in range(instances):
            store = None
            if not embedded:
                path = ("127.0.0.1", processes.free_port()) if tls else self.directory / f"proxy{i}.sock"
                self.proxies.append(Proxy(path, ("127.0.0.1", self.tls_port) if tls else self.redis.socket))
                store = Store(path)
            s = processes.Service(self.directory / f"service{i}", store, {POOL: {**OPTIONS, **dict(options)}}, **app)
            if i > 0:
                s.config["public-url"] = self.services[0].config["public-url"]
            if tls:
                del s.config["redis"]["socket"]
                s.config["redis"] |= {"host": path[0], "port": path[1],
                                      "tls": {"enabled": True, "ca": str(self.authority.path), **pair(self.authority.issue("us"))}}
            s.binary = binary or s.binary
            s.extra_environment = {"RUNTIME_DIRECTORY": str(self.runtime(i)), **dict(environment)}
            self.services.append(s)
        self.lives = [0] * instances
        self.key = self.services[0].key(POOL)
        self.load, self.lock = None, threading.Lock()

    def runtime(self, i):
        """The directory of instance i that outlives its process, and not the machine: on a file system in memory."""
        path = pathlib.Path("/dev/shm") / self.directory.name / f"instance{i}"
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        return path

    def _tls(self):
        """Redis with a TLS port that asks for certificates."""
        certificate, key = self.authority.issue("redis")
        return ["--tls-cert-file", str(certificate), "--tls-key-file", str(key), "--tls-ca-cert-file", str(self.authority.path)]

    # ---- processes

    def start(self, **load):
        if self.redis is not None:
            self.redis.start()
        for i in range(len(self.services)):
            self.start_service(i)
        self.load = Load(self, **load).start()
        return self

    def start_service(self, i, ready=True):
        self.lives[i] += 1
        self.history.event("start", instance=i, life=self.lives[i])
        self.services[i].spawn()
        if ready:
            self.wait_ready(i)

    def kill_service(self, i, in_order=False):
        if in_order:
            self.services[i].stop()
        else:
            self.services[i].kill()
        self.history.event("kill", instance=i, life=self.lives[i])

    def restart_service(self, i, ready=True):
        self.kill_service(i)
        self.start_service(i, ready)

    def wait_ready(self, i, seconds=60):
        s = self.services[i]
        seen = []

        def ready():
            s.alive()
            ok, why = s.readiness("?for=issuer")
            if not ok and (not seen or seen[-1] != why):
                seen.append(why)
            return ok
        try:
            until(ready, seconds, f"readiness of instance {i}")
        except AssertionError as e:
            raise AssertionError(f"{e}; it said: {seen[-3:]}\n{s.log()[-3000:]}") from None

    def any(self):
        return self.order.randrange(len(self.services))

    def sleep(self, least, most):
        time.sleep(self.order.uniform(least, most))

    # ---- Redis and its data

    def lost(self, since):
        """From now on Redis has what it had at `since`."""
        return self.history.event("loss", since=since)

    @contextlib.contextmanager
    def going_back(self, since):
        """While this lasts Redis comes to have what it had at `since`."""
        began = now()
        yield
        self.history.event("loss", since=since, t=began, until=now())

    def snapshot(self):
        """Backs up what Redis has now, while it works; returns the time."""
        taken = now()
        if self.persistence == "none":
            self.redis.client.save()
        restores.files_of(self.redis, self.directory / "backup")
        return taken

    def put_back(self):
        """While Redis is down: its files become those of the backup, or none when there is none."""
        restores.put_files_back(self.redis, self.directory / "backup")

    # ---- the end

    def quiet(self):
        """No load any more, everything ready, everything read."""
        self.load.stop()
        for i in range(len(self.services)):
            self.wait_ready(i)
        self._read_all()
        self.history.event("end")

    def _read_all(self):
        written = sorted({(u, i) for x in self.history.lines if "sets" in x for u, i, _ in x["sets"]})
        uris = sorted({u for u, _ in written})

        def read(part):
            caller = Caller(self, 100 + part)
            for reference in written[part::4]:
                def status(reference=reference):
                    line = caller.status(part % len(self.services), reference, final=True)
                    return line["outcome"] == "ok" and line
                caller.add(until(status, 20, f"a final status of {reference}"))
            caller.close()
        client.parallel(4, read)
        final = {tuple(x["ref"]): x["value"] for x in self.history.lines if x.get("final") and x["op"] == "status"}
        caller = Caller(self, 200)
        for i in range(len(self.services)):
            for uri in uris:
                self._read_token(caller, i, uri, {str(n): v for (u, n), v in final.items() if u == uri})
        caller.close()

    def _read_token(self, caller, instance, uri, expected):
        """Records the token once it shows what Redis has, or as it is after 15 s, for the checker to judge."""
        deadline = time.monotonic() + 15
        while True:
            line = caller.fetch(instance, uri)
            if line["outcome"] == "ok" and all(line["statuses"].get(n, 0) == v for n, v in expected.items()):
                break
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        if line["outcome"] != "ok" and line["code"].startswith("404") and not any(expected.values()):
            return  # the list is gone with all that was in it
        assert line["outcome"] == "ok", f"{uri} at instance {instance}: {line['code']}"
        caller.add({**line, "final": True})

    def check(self):
        report = check(self.history.lines)
        for e in self.errors:
            report.violate("served", e)
        return report

    def end_processes(self):
        try:
            if self.load is not None and not self.load.stopping.is_set():
                self.load.stop()
        finally:
            try:
                super().end_processes()
            finally:
                for p in self.proxies:
                    p.stop()
                for end in self.ends:
                    end()
                shutil.rmtree(pathlib.Path("/dev/shm") / self.directory.name, ignore_errors=True)
                self.history.close()
