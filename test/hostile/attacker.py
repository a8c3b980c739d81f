"""Attackers, each in a process of its own: attacker.py KIND ADDRESS SECONDS [what the kind takes]. Prints one line: what it did.

Connections are few lines of epoll: ten thousand of them fit into one process."""
import errno
import os
import random
import resource
import select
import socket
import ssl
import sys
import time


class Crowd:
    """Connections to one address. Loopback sources are spread over 127.0.0.0/8, so ports do not run out."""

    def __init__(self, address, receive=None):
        self.address, self.receive = address, receive
        self.poll, self.members = select.epoll(), {}
        self.opened = self.closed = self.sent = self.got = 0

    def open(self):
        """The new connection's descriptor, or None."""
        s = socket.socket()
        s.setblocking(False)
        if self.receive:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive)
        s.bind(("127.0.%d.1" % (self.opened % 40 + 1), 0))
        if s.connect_ex(self.address) not in (0, errno.EINPROGRESS):
            s.close()
            return None
        self.opened += 1
        self.members[s.fileno()] = s
        self.poll.register(s.fileno(), select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET)
        return s.fileno()

    def close(self, s):
        self.closed += 1
        del self.members[s.fileno()]
        s.close()

    def turn(self, on_writable, on_readable, timeout=0.05):
        for fd, events in self.poll.poll(timeout, 4096):
            s = self.members.get(fd)
            if s is None:
                continue
            try:
                if events & (select.EPOLLERR | select.EPOLLHUP):
                    raise ConnectionError
                if events & select.EPOLLIN and on_readable:
                    on_readable(s)
                if events & select.EPOLLOUT and on_writable:
                    on_writable(s)
                if events & select.EPOLLRDHUP:
                    raise ConnectionError
            except BlockingIOError:
                pass
            except OSError:
                self.close(s)

    def drain(self, s):
        while data := s.recv(262144):
            self.got += len(data)
        raise ConnectionError

    def put(self, s, data):
        while data:
            n = s.send(data)
            self.sent += n
            data = data[n:]
        return True

    def report(self):
        print(f"{self.opened} connections, {self.closed} closed by the service, {self.sent / 1e6:.0f} MB sent, {self.got / 1e6:.0f} MB read")


def keep(address, seconds, count, first, read=True, receive=None, again=True, rate=400):
    """`count` connections that send as much of `first(number)` as the server takes, opened again when they are closed."""
    crowd, rest = Crowd(address, receive), {}
    until = time.monotonic() + seconds

    def on_writable(s):
        fd = s.fileno()
        if fd not in rest:
            rest[fd] = memoryview(first(crowd.opened))
        while rest[fd]:
            n = s.send(rest[fd][:262144])
            crowd.sent += n
            rest[fd] = rest[fd][n:]

    while time.monotonic() < until:
        for _ in range(rate):
            if len(crowd.members) >= count or (not again and crowd.opened >= count):
                break
            rest.pop(crowd.open(), None)
        crowd.turn(on_writable, crowd.drain if read else None)
    crowd.report()


def flood(address, seconds, count, burst, read=True):
    """Connections that send `burst` for ever."""
    crowd = Crowd(address, None)
    until, at = time.monotonic() + seconds, {}

    def pump(s):
        sent = 0
        while sent < 1 << 20:
            start = at.get(s.fileno(), 0)
            n = s.send(burst[start:])
            crowd.sent += n
            sent += n
            at[s.fileno()] = (start + n) % len(burst)

    while time.monotonic() < until:
        while len(crowd.members) < count:
            crowd.open()
        at = {fd: v for fd, v in at.items() if fd in crowd.members}
        crowd.turn(pump, crowd.drain if read else None)
        for s in list(crowd.members.values()):
            try:
                pump(s)
            except BlockingIOError:
                pass
            except OSError:
                crowd.close(s)
    crowd.report()


def hello():
    """The first message of a TLS client."""
    out = ssl.MemoryBIO()
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        c.wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost").do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


def tls_noise(number):
    first = hello_bytes
    dice = random.Random(number)
    kind = number % 6
    if kind == 0:
        return b""  # nothing comes
    if kind == 1:
        return first  # and nothing after it
    if kind == 2:
        return first[:dice.randrange(1, len(first))]
    if kind == 3:
        return dice.randbytes(dice.randrange(1, 2000))
    if kind == 4:
        damaged = bytearray(first)
        for _ in range(4):
            damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
        return bytes(damaged)
    return b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


hello_bytes = hello()
KINDS = {
    "idle": lambda a, t, n: keep(a, t, int(n), lambda i: b"", again=False),
    "idle-again": lambda a, t, n: keep(a, t, int(n), lambda i: b""),
    "half-head": lambda a, t, n: keep(a, t, int(n), lambda i: b"GET / HTTP/1.1\r\nX: "),
    "head-bomb": lambda a, t, n: keep(a, t, int(n), lambda i: HEAD_BOMB),
    "many-heads": lambda a, t, n: keep(a, t, int(n), lambda i: MANY_HEADS),
    "body-bomb": lambda a, t, n: keep(a, t, int(n), lambda i: BODY_BOMB),
    "chunk-bomb": lambda a, t, n: keep(a, t, int(n), lambda i: CHUNK_BOMB),
    "never-read": lambda a, t, n, path: keep(a, t, int(n), lambda i: b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode() * 20,
                                             read=False, receive=4096),
    "pipeline": lambda a, t, n, path: flood(a, t, int(n), b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode() * 500),
    "pipeline-posts": lambda a, t, n: flood(a, t, int(n), b"POST /pools/tests/new-references HTTP/1.1\r\nHost: x\r\nX-Api-Key: wrong\r\n"
                                                          b"Content-Length: 3\r\n\r\nabc" * 300),
    "pipeline-deaf": lambda a, t, n, path: flood(a, t, int(n), b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode() * 500, read=False),
    "tls-noise": lambda a, t, n: keep(a, t, int(n), tls_noise),
}
PATCH = b"PATCH /status-lists/update HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
HEAD_BOMB = b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 410_000
MANY_HEADS = b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: %s\r\n" % (i, b"y" * 4000) for i in range(98))
BODY_BOMB = PATCH + b"Content-Length: 1048576\r\n\r\n" + b"y" * 1_048_000
CHUNK_BOMB = PATCH + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\ny\r\n" * 170_000

if __name__ == "__main__":
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    host, _, port = sys.argv[2].partition(":")
    KINDS[sys.argv[1]]((host, int(port)), float(sys.argv[3]), *sys.argv[4:])
    sys.stdout.flush()
    os._exit(0)  # ten thousand sockets are closed sooner by the kernel
