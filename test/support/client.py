"""A small HTTP/1.1 client over sockets: a test decides every byte that is sent, and sees every byte that comes back."""
import json
import re
import socket
import threading
import time
import urllib.parse


class Response:
    def __init__(self, status, fields, body, version):
        self.status, self.fields, self.body, self.version = status, fields, body, version

    def __getitem__(self, name):
        return self.get(name)

    def get(self, name, default=None):
        values = [v for k, v in self.fields if k == name.lower()]
        return ", ".join(values) if values else default

    def json(self):
        return json.loads(self.body)

    def problem(self):
        """The problem document, after checking its form."""
        assert self["content-type"] == "application/problem+json", (self.status, self.fields, self.body)
        p = self.json()
        assert set(p) == {"type", "title", "status", "detail", "code", "message", "requestId"}, p
        assert p["requestId"] == self["x-request-id"] and re.fullmatch(r"[A-Za-z0-9._-]{1,64}", p["requestId"]), (p, self.fields)
        assert p["status"] == self.status
        assert all(isinstance(p[k], str) and p[k] for k in ("type", "title", "detail", "code", "message")), p
        return p

    def __repr__(self):
        return f"<{self.status} {self.body[:200]!r}>"


class Connection:
    """One connection. address: (host, port) or the path of a unix socket."""

    def __init__(self, address, timeout=20):
        self.address, self.timeout = address, timeout
        self.sock, self.buffer = None, b""

    def open(self, receive_buffer=None):
        family = socket.AF_UNIX if isinstance(self.address, str) else socket.AF_INET6 if ":" in self.address[0] else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.address)
        if family != socket.AF_UNIX:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        return self

    def close(self):
        if self.sock is not None:
            self.sock.close()
        self.sock, self.buffer = None, b""

    def __enter__(self):
        return self.open()

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        if self.sock is None:
            self.open()
        self.sock.sendall(data)

    def send_request(self, method, target, headers=(), body=None):
        fields = list(headers.items() if isinstance(headers, dict) else headers)
        names = {k.lower() for k, _ in fields}
        if "host" not in names:
            fields.insert(0, ("Host", "test"))
        if body is not None and "content-length" not in names:
            fields.append(("Content-Length", str(len(body))))
        head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields) + "\r\n"
        self.send(head.encode("latin-1") + (body or b""))

    def _more(self):
        data = self.sock.recv(262144)
        if not data:
            raise ConnectionError("closed by the server")
        self.buffer += data

    def read_response(self, method="GET"):
        while b"\r\n\r\n" not in self.buffer:
            self._more()
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        version, status, _ = lines[0].split(" ", 2)
        assert version == "HTTP/1.1", lines[0]
        fields = [(k.lower(), v.strip()) for k, _, v in (line.partition(":") for line in lines[1:])]
        r = Response(int(status), fields, b"", version)
        if method == "HEAD" or r.status in (204, 304):
            return r
        length = r["content-length"]
        assert length is not None, f"neither length nor another end: {lines}"
        while len(self.buffer) < int(length):
            self._more()
        r.body, self.buffer = self.buffer[: int(length)], self.buffer[int(length) :]
        return r

    def request(self, method, target, headers=(), body=None):
        assert not self.buffer, f"bytes that belong to no answer: {self.buffer[:200]!r}"
        self.send_request(method, target, headers, body)
        r = self.read_response(method)
        assert not self.buffer, f"bytes after the answer to {method} {target}: {self.buffer[:200]!r}"
        if r.get("connection", "").lower() == "close":
            self.close()
        return r

    def closed_by_peer(self, timeout=5):
        self.sock.settimeout(timeout)
        try:
            return self.sock.recv(65536) == b""
        except ConnectionError:
            return True


def path_of(uri):
    return urllib.parse.urlsplit(uri).path


class Client:
    """One issuer or wallet with a connection of its own. Not for several threads."""

    def __init__(self, service, pool="tests", key=None):
        self.service, self.pool = service, pool
        self.key = key if key is not None else service.key(pool)
        self.connection = Connection(service.public)
        self.issuer = self.connection if service.issuer == service.public else Connection(service.issuer)

    def close(self):
        self.connection.close()
        self.issuer.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def get(self, target, headers=(), method="GET"):
        return self.connection.request(method, target, headers)

    def fetch(self, uri, headers=(), method="GET"):
        return self.get(path_of(uri), headers, method)

    def call(self, method, target, body=None):
        headers = {"X-Api-Key": self.key}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        return self.issuer.request(method, target, headers, data)

    def try_reserve(self, amount=None):
        query = "" if amount is None else f"?amount={amount}"
        return self.call("POST", f"/pools/{self.pool}/new-references{query}")

    def reserve(self, amount=None):
        r = self.try_reserve(amount)
        assert r.status == 200, r
        assert r["content-type"] == "application/json" and r["cache-control"] == "no-store"
        answer = r.json()
        assert set(answer) == {"references"}
        assert len(answer["references"]) == (amount or 1)
        return [(e["uri"], e["index"]) for e in answer["references"]]

    def try_update(self, uri, index, value):
        return self.call("PATCH", "/status-lists/update", {"uri": uri, "index": index, "value": value})

    def update(self, uri, index, value):
        r = self.try_update(uri, index, value)
        assert r.status == 204, r

    def try_batch(self, entries, value=None):
        """entries: (uri, index) or (uri, index, value)."""
        body = {"statusListReferences": [dict(zip(("uri", "index", "value"), e)) for e in entries]}
        if value is not None:
            body["value"] = value
        return self.call("PATCH", "/status-lists/batch-update", body)

    def batch(self, entries, value=None):
        r = self.try_batch(entries, value)
        assert r.status == 204, r

    def try_status(self, uri, index):
        query = urllib.parse.urlencode({"uri": uri, "index": index})
        return self.call("GET", f"/status-lists/status?{query}")

    def status(self, uri, index):
        r = self.try_status(uri, index)
        assert r.status == 200, r
        s = r.json()
        assert set(s) - {"history"} == {"uri", "index", "value", "version", "publishedVersion"} and (s["uri"], s["index"]) == (uri, index)
        return s["value"]

    def lists(self):
        """All lists of the pool. While the service subscribes again it answers 503: then this asks once more."""
        r = until(lambda: (r := self.get(f"/aggregation/{self.pool}")).status != 503 and r, 5, "the aggregation")
        assert r.status == 200 and r["content-type"] == "application/json", r
        assert set(r.json()) == {"status_lists"}
        return r.json()["status_lists"]


def until(condition, seconds=10, what="the condition", pause=0.02):
    """Waits until the condition returns something true, and returns that; asks again after each pause."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what} did not come true within {seconds} s"
        time.sleep(pause)


def parallel(count, work):
    """work(number) in `count` threads; the results in order; the first exception is raised."""
    results, errors = [None] * count, []

    def run(i):
        try:
            results[i] = work(i)
        except BaseException as e:  # noqa: B902 - handed to the caller
            errors.append(e)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if errors:
        raise errors[0]
    return results
