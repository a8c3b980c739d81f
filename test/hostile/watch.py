"""A well-behaved client that goes on during an attack, and the memory and descriptors of the service."""
import os
import threading
import time

from client import Client, until

PATIENCE = 5  # seconds that any call of the well-behaved client may take


class WellBehaved(threading.Thread):
    """Fetches and reserves, some 50 calls a second, on a connection that it keeps and every tenth on a new one.

    As clients do (RFC 9112 section 9.3.1), it asks once more where a connection that it kept was closed before an answer
    began; those are counted. Anything else that is not 200 is an error.
    """

    def __init__(self, make):
        super().__init__(daemon=True)
        self.make, self.ending = make, threading.Event()
        self.times, self.errors, self.again, self.uri = [], [], 0, None

    def fresh(self):
        c = self.make()
        c.connection.timeout = c.issuer.timeout = PATIENCE
        return c

    def call(self, c, number):
        r = c.fetch(self.uri) if number % 2 and self.uri else c.try_reserve()
        assert r.status == 200, r
        if self.uri is None:
            self.uri = r.json()["references"][0]["uri"]

    def once(self, c, number, is_new):
        """One call; returns the client for the next one."""
        begun = time.monotonic()
        try:
            self.call(c, number)
        except (ConnectionError, OSError) as e:
            c.close()
            if is_new or isinstance(e, TimeoutError):
                self.errors.append(repr(e))
                return self.fresh()
            self.again += 1
            c = self.fresh()
            try:
                self.call(c, number)
            except (AssertionError, OSError) as e:
                self.errors.append(repr(e))
        except AssertionError as e:
            self.errors.append(str(e))
        self.times.append(time.monotonic() - begun)
        return c

    def run(self):
        c, number = self.fresh(), 0
        while not self.ending.is_set():
            is_new = number % 10 == 0
            if is_new:
                c.close()
                c = self.fresh()
            c = self.once(c, number, is_new)
            number += 1
            time.sleep(0.02)
        c.close()

    def quantile(self, q):
        ordered = sorted(self.times)
        return 1000 * ordered[min(len(ordered) - 1, int(q * len(ordered)))]


class Watch(threading.Thread):
    """Memory and descriptors of a process."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.ending = pid, threading.Event()
        self.most_memory = self.most_descriptors = 0

    def memory(self):
        with open(f"/proc/{self.pid}/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS")) / 1024

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def run(self):
        over = False
        while not over:
            over = self.ending.wait(0.05 + self.most_descriptors / 20000)  # the more there are, the longer it takes to count
            self.most_memory = max(self.most_memory, self.memory())
            self.most_descriptors = max(self.most_descriptors, self.descriptors())


class Attack:
    """`with Attack(...)`: the block is the attack. After it, the number of connections has to be back to what it was."""

    def __init__(self, name, service, table, make=None, most_mib=None):
        self.name, self.service, self.table, self.most_mib = name, service, table, most_mib
        self.client = WellBehaved(make or (lambda: Client(service)))
        self.watch = Watch(service.process.pid)
        self.came = ""

    def open_connections(self):
        return self.service.metric("http_connections", None)

    def shed(self):
        prefix = 'statuslist_http_connections_shed_total{reason="'
        found = {}
        for name, value in self.service.metrics().items():
            if name.startswith(prefix) and value:
                reason = name[len(prefix):].split('"')[0]
                found[reason] = found.get(reason, 0) + int(value)
        return found

    def __enter__(self):
        self.client.start()
        until(lambda: len(self.client.times) >= 20, 30, "the well-behaved client")
        self.before = self.watch.memory(), self.watch.descriptors()
        self.watch.start()
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                until(lambda: self.open_connections() <= 4, 60, "connections go")
        finally:
            self.client.ending.set()
            self.watch.ending.set()
            self.client.join(30)
            self.watch.join(30)
        if kind is None:
            self.judge()

    def judge(self):
        c, w = self.client, self.watch
        after = until(lambda: w.descriptors() <= self.before[1] + 8 and w.memory(), 20, "descriptors go")
        shed = ", ".join(f"{n} {k}" for k, n in self.shed().items())
        self.table.append((self.name, self.came, len(c.times), "%.1f, %.1f, %.0f" % (c.quantile(0.5), c.quantile(0.99), c.quantile(1)),
                           c.again, "%.0f, %.0f, %.0f" % (self.before[0], w.most_memory, after),
                           "%d, %d, %d" % (self.before[1], w.most_descriptors, w.descriptors()), shed or "-"))
        assert not c.errors, c.errors[:5]
        assert max(c.times) <= 2 * PATIENCE
        if self.most_mib is not None:
            assert w.most_memory <= self.most_mib, w.most_memory
        assert self.service.readiness("?for=issuer")[0]
