"""Processes that tests and measurements start, each in a directory of its own and ended by its pid: Redis, the service, and the fixture
that ends all of them. Used by test/integration, interop, hostile and fault, and by perf."""
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import weakref

import redis as redis_library
import yaml

from client import Client, Connection, until

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SL_BUILD", ROOT / "build" / "release")).resolve()
BINARY = pathlib.Path(os.environ.get("SL_BINARY", BUILD / "bin" / "statuslistd"))  # SL_BINARY: one with a bug planted in it
SANITIZER = re.compile(r"ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|runtime error:|assertion failed", re.I)
PORTS = range(12000, 32000)  # below those that the kernel assigns to connections, so that no connection takes one


def instrumented():
    """Whether the binary carries a sanitizer: then deadlines are longer."""
    if not hasattr(instrumented, "answer"):
        with open(BINARY, "rb") as f:
            data = f.read()
        instrumented.answer = b"__asan_init" in data or b"__tsan_init" in data
    return instrumented.answer


def free_port():
    """A port that nothing listens on. Each process of pytest chooses from a share of its own, so that two do not choose the same."""
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    while True:
        port = random.SystemRandom().choice(PORTS[number % count::count])
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def threads_of(pid):
    """The states of a process' threads, each once."""
    states = set()
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            states.add((task / "stat").read_text().rpartition(")")[2].split()[0])
        except OSError:
            pass  # it has ended
    return states


class Process:
    """A process, its directory and its log. A process that is started again goes on in the same log."""
    running = []  # those of all fixtures, also a process that was started and never became ready

    def __init__(self, name, directory, command=()):
        self.name, self.directory, self.arguments = name, pathlib.Path(directory), command
        self.directory.mkdir(parents=True, exist_ok=True)
        self.log_path = self.directory / "log"
        self.process, self.paused = None, False

    def command(self):
        return self.arguments

    def environment(self):
        """None: that of this process."""
        return None

    def spawn(self):
        """Starts it, without waiting until it is ready."""
        assert self.process is None, f"{self.name} runs"
        command = [str(word) for word in self.command()]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment(),
                                            cwd=self.directory)
        Process.running.append(self)
        return self

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        assert self.process.poll() is None, f"{self.name} ended with {self.process.returncode}:\n{self.log()[-4000:]}"
        return True

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def pause(self):
        """Nothing of it runs any more. The signal goes to one thread, and the others run on until that one has been given a processor."""
        self.paused = True
        os.kill(self.pid, signal.SIGSTOP)
        until(lambda: threads_of(self.pid) == {"T"}, 10, "every thread stopped", 0.001)

    def resume(self):
        self.paused = False
        os.kill(self.pid, signal.SIGCONT)

    def wait_end(self, seconds=30):
        """The exit status."""
        status = self.process.wait(seconds)
        self.process = None
        Process.running.remove(self)
        return status

    def end(self, how, seconds=30):
        """Sends a signal and waits for the end; does nothing where no process runs."""
        if self.process is None:
            return None
        if self.paused:
            self.resume()
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.wait_end(seconds)

    def kill(self):
        self.end(signal.SIGKILL)

    def stop(self, seconds=30):
        self.end(signal.SIGTERM, seconds)


class Redis(Process):
    """An external redis-server. persistence: always, everysec or none. extra: more of its options; variables: of its environment."""

    def __init__(self, directory, persistence="always", extra=(), variables=()):
        super().__init__("redis-server", directory)
        self.persistence, self.extra, self.variables = persistence, extra, dict(variables)
        self.socket = str(self.directory / "redis.sock")
        self.client = None

    def command(self):
        append = {"always": ["yes", "always"], "everysec": ["yes", "everysec"], "none": ["no", "everysec"]}
        on, fsync = append[self.persistence]
        return ["redis-server", "--port", "0", "--unixsocket", self.socket, "--dir", self.directory, "--save", "",
                "--appendonly", on, "--appendfsync", fsync, *self.extra]

    def environment(self):
        return {**os.environ, **self.variables}

    def start(self):
        self.spawn()
        self.client = redis_library.Redis(unix_socket_path=self.socket, socket_timeout=10)
        until(self.answers, 20, "redis answers")
        return self

    def answers(self):
        self.alive()
        try:
            return self.client.ping()
        except redis_library.AuthenticationError:
            return True
        except redis_library.RedisError:
            return False

    def wait_end(self, seconds=30):
        status = super().wait_end(seconds)
        if self.client is not None:
            self.client.close()
        return status

    def restart(self):
        self.kill()
        return self.start()

    def list_config(self, pool, uri):
        """The fields of a list, as text; the random seed is left out."""
        f = self.client.hgetall(f"statuslist:{{{pool}}}:list:{uri.rsplit('/', 1)[1]}:config")
        return {k.decode(): v.decode() for k, v in f.items() if k != b"seed"}

    def returned(self, pool, uri):
        key = f"statuslist:{{{pool}}}:list:{uri.rsplit('/', 1)[1]}:returned"
        return [int(i) for i in self.client.lrange(key, 0, -1)]


class Service(Process):
    """A statuslistd. store: a Redis, or whatever has its `socket`; none: the embedded one. pools: {name: options}, filled up with usable
    defaults."""

    def __init__(self, directory, store=None, pools=None, **app):
        super().__init__("statuslistd", directory)
        self.store = store
        port = free_port()
        self.public = self.issuer = ("127.0.0.1", port)
        self.ops = str(self.directory / "ops.sock")
        self.storage = self.directory / "storage"
        # The directory that outlives the process, and not the machine: on a file system in memory.
        self.runtime = pathlib.Path(tempfile.mkdtemp(prefix="sl-runtime-", dir="/dev/shm"))
        self.removal = weakref.finalize(self, shutil.rmtree, self.runtime, True)
        self.binary, self.extra_environment = BINARY, {"RUNTIME_DIRECTORY": str(self.runtime)}
        self.config = {"public-url": f"http://127.0.0.1:{port}", "workers": 2,
                       "listen": {"public": f"127.0.0.1:{port}", "issuer": "same", "ops": f"unix:{self.ops}"},
                       "storage-directory": str(self.storage),
                       "redis": {"mode": "embedded"} if store is None else {"socket": store.socket},
                       "status-list-pools": {n: self.pool(n, o) for n, o in (pools or {"tests": {}}).items()}}
        for key, value in app.items():
            key = key.replace("_", "-")
            if isinstance(value, dict) and isinstance(self.config.get(key), dict):
                self.config[key].update(value)
            else:
                self.config[key] = value

    @staticmethod
    def pool(name, options):
        defaults = {"api-key": f"key-of-{name}", "issuer": "https://issuer.example", "size": 1000, "bits": 1,
                    "signer": {"generate": True}}
        return {**defaults, **options}

    def key(self, pool):
        return self.config["status-list-pools"][pool]["api-key"]

    def options(self, pool="tests"):
        return self.config["status-list-pools"][pool]

    def write_config(self):
        path = self.directory / "statuslistd.yaml"
        plain = json.loads(json.dumps(self.config))  # without what would become anchors and aliases
        new = path.with_suffix(".new")  # in one step: a reload may be reading it
        new.write_text(yaml.safe_dump({"app": plain}, sort_keys=False))
        os.replace(new, path)
        return path

    def environment(self):
        env = {**os.environ, **self.extra_environment}
        supp = f"suppressions={ROOT / 'test' / 'lsan.supp'}:print_suppressions=0"
        env["LSAN_OPTIONS"] = ":".join(filter(None, (env.get("LSAN_OPTIONS"), supp)))
        env.setdefault("ASAN_OPTIONS", "detect_leaks=1:abort_on_error=0")
        env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1")
        env.setdefault("TSAN_OPTIONS", "halt_on_error=0")
        return env

    def command(self):
        return [self.binary, "--config", self.write_config()]

    def start(self, ready="?for=issuer", seconds=30):
        self.spawn()
        self.wait_ready(ready, seconds)
        return self

    def wait_ready(self, ready="?for=issuer", seconds=30):
        until(lambda: self.alive() and self.readiness(ready)[0], seconds, "readiness")

    def operations(self, target, method="GET"):
        with Connection(self.ops) as c:
            return c.request(method, target)

    def readiness(self, query="?for=issuer"):
        """(ready, reason)."""
        try:
            r = self.operations(f"/readyz{query}")
        except OSError as e:
            return False, str(e)
        answer = r.json()
        assert answer["ready"] is (r.status == 200) and r.status in (200, 503)
        return answer["ready"], answer.get("reason", "")

    def metrics(self):
        """{name{labels}: value}."""
        text = self.operations("/metrics").body.decode()
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
                for line in text.splitlines() if line and not line.startswith("#")}

    def metric(self, name, pool="tests", **labels):
        wanted = [f'{k}="{v}"' for k, v in {"pool": pool, **labels}.items() if v is not None]
        return sum(v for k, v in self.metrics().items()
                   if k.partition("{")[0] == f"statuslist_{name}" and all(w in k for w in wanted))

    def client(self, pool="tests", key=None):
        return Client(self, pool, key)

    def stop(self, seconds=30):
        """Everything torn down, and exit status 0."""
        self.alive()
        status = self.end(signal.SIGTERM, seconds)
        assert status == 0, f"exit status {status}:\n{self.log()[-4000:]}"

    def children(self):
        pid = self.process.pid
        return [int(p) for p in open(f"/proc/{pid}/task/{pid}/children").read().split()]

    def signal_child(self, child, how):
        assert child in self.children()
        os.kill(child, how)

    def check_log(self):
        found = SANITIZER.search(self.log())
        assert found is None, self.log()[max(0, found.start() - 200) : found.start() + 6000]


class Fixture:
    """All processes and files of a test; ended together."""

    def __init__(self, prefix="sl-", place=None):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=prefix, dir=place))
        self.redises, self.services = [], []

    def redis(self, persistence="always", extra=()):
        r = Redis(self.directory / f"redis{len(self.redises)}", persistence, extra)
        self.redises.append(r)
        return r.start()

    def service(self, store=None, pools=None, **app):
        """Not started yet. store: a Redis; none: the embedded one."""
        for other in self.services:  # all instances of a pool give out the same URIs
            if store is not None and other.store is store:
                app.setdefault("public_url", other.config["public-url"])
        s = Service(self.directory / f"service{len(self.services)}", store, pools, **app)
        self.services.append(s)
        return s

    def end(self):
        try:
            self.end_processes()
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)

    def end_processes(self):
        """Every service has to end as it should and to leave a clean log; the first that does not is raised when all have ended."""
        errors = []
        for r in self.redises:
            if r.paused:
                r.resume()
        for s in self.services:
            try:
                if s.process is not None:
                    s.stop()
            except BaseException as e:  # noqa: B902 - the other processes have to be ended first
                errors.append(e)
                s.kill()
            try:
                s.check_log()
            except AssertionError as e:
                errors.append(e)
        for r in self.redises:
            r.kill()
        if errors:
            raise errors[0]

    def logs(self):
        return "\n".join(f"--- {s.directory.name}\n{s.log()[-6000:]}" for s in self.services)


def wait_for_second(fraction=0.05):
    """Returns shortly after the wall clock began a new second."""
    until(lambda: time.time() % 1 < fraction, 3, "a new second")
