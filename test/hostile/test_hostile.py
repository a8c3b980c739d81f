"""One attack at a time on a service of its own, while a well-behaved client goes on.

Nothing is timed here: the conditions hold on a slow machine too. Every call of the well-behaved client succeeds, memory
stays below a bound, and when the attack is over its connections are gone."""
import json
import pathlib
import random
import re
import shutil
import socket
import subprocess
import sys

import pytest

from client import Connection, path_of, until
from processes import instrumented
from tls import Authority, TlsClient, pair
from watch import Attack

HERE = pathlib.Path(__file__).parent
LIMITS = {"request-timeout": "2s", "send-timeout": "3s", "request-memory": "64MiB"}
# A release build that serves a few lists needs 20 MiB. Sanitizers need more, and keep what was freed.
ROOM = 3 if instrumented() else 1


@pytest.fixture
def service(fixture):
    options = {"size": 100_000, "bits": 8, "update-interval": "0s", "prefetch": {"threshold": 200, "capacity": 400}}
    return fixture.service(fixture.redis(), {"tests": options}, limits=dict(LIMITS)).start()


@pytest.fixture
def big(service):
    """The path of a token of some 130 KB."""
    with service.client() as c:
        uri = c.reserve()[0][0]
        dice = random.Random(1)
        for first in range(0, 100_000, 10_000):
            c.batch([(uri, i, dice.randrange(256)) for i in range(first, first + 10_000)])
        until(lambda: len(c.fetch(uri).body) > 100_000, 30, "a large token")
    return path_of(uri)


def attack(kind, service, seconds, *rest):
    """Runs an attacker to its end; returns the line that it prints."""
    done = subprocess.run([sys.executable, str(HERE / "attacker.py"), kind, "%s:%d" % service.public, str(seconds), *map(str, rest)],
                          capture_output=True, text=True, timeout=seconds + 120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def slowhttptest(service, seconds, path, *options):
    done = subprocess.run(["slowhttptest", "-u", "http://%s:%d%s" % (*service.public, path), "-l", str(int(seconds)), "-p", "30",
                           "-r", "500", "-v", "1", *map(str, options)], capture_output=True, text=True, timeout=seconds + 120)
    text = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
    end = text.rpartition("Exit status:")[2].strip()
    assert end in ("No open connections left", "Hit test time limit"), done.stdout + done.stderr
    return f"slowhttptest {options[0]}, {options[2]} connections: {end}"


# ---- slow ones


@pytest.mark.parametrize("name, options", [
    ("slow headers", ["-H", "-c", 1500, "-i", 1]),
    ("slow bodies", ["-B", "-c", 1500, "-i", 1, "-s", 8192]),
])
def test_slow_requests(service, table, seconds, name, options):
    with Attack(name, service, table, most_mib=80 * ROOM) as s:
        s.came = slowhttptest(service, seconds, "/status-lists/update", *options)


def test_slow_readers(service, big, table, seconds):
    with Attack("slow readers", service, table, most_mib=80 * ROOM) as s:
        s.came = slowhttptest(service, seconds, big, "-X", "-c", 500, "-k", 3, "-n", 1, "-z", 32, "-w", 256, "-y", 1024)


def test_readers_that_never_read(service, big, table, seconds):
    """An answer that the client does not read is given up after limits.send-timeout."""
    with Attack("deaf readers", service, table, most_mib=100 * ROOM) as s:
        s.came = attack("never-read", service, seconds + 4, 200, big)
        assert s.shed().get("slow", 0) >= 50


# ---- many


def test_ten_thousand_idle_connections(service, table, seconds):
    """More connections than the limit: the well-behaved client is served all the same."""
    service.stop()
    service.config["limits"]["request-timeout"] = "%ds" % (seconds + 20)
    service.start()
    with Attack("10,000 idle connections", service, table, most_mib=100 * ROOM) as s:
        s.came = attack("idle-again", service, seconds + 5, 10_500)
        assert s.shed().get("idle", 0) >= 200
        assert s.watch.most_descriptors >= 9000


def test_half_a_head_on_every_place(service, table, seconds):
    with Attack("half a head on each of 2,000 places", service, table, most_mib=100 * ROOM) as s:
        s.came = attack("half-head", service, seconds, 2000)


# ---- bombs


@pytest.mark.parametrize("kind", ["head-bomb", "many-heads", "body-bomb", "chunk-bomb"])
def test_bombs(service, table, seconds, kind):
    """400 requests of up to a megabyte that never end: 400 MB, and limits.request-memory is 64 MiB."""
    with Attack(kind, service, table, most_mib=450 * ROOM) as s:
        s.came = attack(kind, service, seconds, 400)
        if kind != "many-heads":  # 98 headers of 4 KB are read, and refused
            assert 10 <= s.shed().get("memory", 0) <= int(s.came.split()[0])  # each is counted once


# ---- floods


@pytest.mark.parametrize("kind, path", [("pipeline", True), ("pipeline-posts", False), ("pipeline-deaf", True)])
def test_pipelines(service, table, seconds, kind, path):
    with Attack(kind, service, table, most_mib=150 * ROOM) as s:
        s.came = attack(kind, service, seconds, 20, *(["/00000000-0000-4000-8000-000000000001"] if path else []))
    with service.client() as c:
        assert c.try_reserve().status == 200


def test_tls_noise(fixture, table, seconds, tmp_path):
    """On a listener with TLS: no handshake, half a handshake, nonsense, and plain HTTP."""
    authority = Authority(tmp_path)
    service = fixture.service(fixture.redis(), limits=dict(LIMITS), tls={"public": pair(authority.issue("server"))}).start()
    context = authority.context()
    with Attack("TLS: random, broken and half-open", service, table, make=lambda: TlsClient(service, context), most_mib=150 * ROOM) as s:
        s.came = attack("tls-noise", service, seconds, 1500)
        assert service.metric("tls_handshakes_total", None, result="failed") >= 100


# ---- tricks

LIST = "/00000000-0000-4000-8000-000000000001"
TARGETS = [
    "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fmetrics", "/%2e%2e%5cmetrics", "/.//metrics", "//metrics", "/metrics%00",
    "/%6d%65trics", "/%zz", "/%", "/%c0%af..%c0%af", "/%ef%bc%8fmetrics", "/\xc0\xaf", "/\xff\xfe", "/\xf0\x9f\x92\xa3",
    LIST + "%00", LIST + "/", LIST + "/..", LIST.upper(), LIST + "?time=\xff", LIST + "?" + "a" * 1500, LIST + ";x=y", LIST + "%20",
    "/aggregation/", "/aggregation/%00", "/aggregation/../tests", "/aggregation/" + "a" * 1000, "/aggregation/tests/..", "/pools//new-references",
    "/pools/../new-references", "/pools/tests%2fnew-references", "/pools/t%00ests/new-references", "/pools/tests/new-references?amount=\xff",
    "x%0Ats=2026-01-01T00:00:00.000Z%20level=error%20subject=daemon%20msg=%22forged%22%0A", "/..%0Ats=1%20level=error%20subject=x/../..",
    "http://x/metrics", "http://" + "x" * 1000, "https://x", "*", "x:1", "/" + "a" * 2047, "/" + "a" * 2048, "/" + "a" * 100_000, "/" + "%41" * 600,
    "/" + "/" * 1500, "/" + "../" * 600, "/?" + "&" * 1900, "/status-lists/status?uri=%ff&index=1", "/status-lists/status?uri=" + "%f0" * 600,
    "/status-lists/status?uri=a&uri=b&index=1", "/readyz", "/livez", "/version", "/%72eadyz",
]


def answer(service, request):
    """The statuses of all answers until the service closes the connection or falls silent."""
    c = Connection(service.public, timeout=5).open()
    try:
        c.send(request)
        c.sock.shutdown(socket.SHUT_WR)
        data = b""
        while more := c.sock.recv(65536):
            data += more
    except ConnectionError:
        pass
    finally:
        c.close()
    return [int(part[:3]) for part in data.split(b"HTTP/1.1 ")[1:]], data


def test_paths(service, table):
    """They are all refused, and no answer repeats their contents unescaped."""
    methods = ["GET", "HEAD", "POST", "PATCH", "OPTIONS", "TRACE", "CONNECT", "G@T", "\x80"]
    wanted = {204, 400, 401, 403, 404, 405, 409, 411, 413, 414, 417, 431, 501}
    with Attack("paths, UTF-8, methods", service, table, most_mib=80 * ROOM) as s:
        for method in methods:
            for target in TARGETS:
                head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode("latin-1")
                got, data = answer(service, head)
                assert set(got) <= wanted and len(got) <= 1, (method, target[:80], data[:300])
                assert b"\xff" not in data and b"passwd" not in data, (method, target[:80])
        s.came = f"{len(methods) * len(TARGETS)} requests"
    # What libh2o says of paths on stderr comes decoded.
    assert all(re.match(r'ts=\S+ level=\w+ subject=[a-z-]+ msg="', line) and len(line) < 2000 for line in service.log().splitlines())
    assert "level=error" not in service.log()


def shapes(key):
    """Malformed requests, with a valid key where that could help them."""
    head = b"POST /pools/tests/new-references HTTP/1.1\r\nHost: x\r\nX-Api-Key: " + key + b"\r\n"
    return {
        "two lengths": head + b"Content-Length: 0\r\nContent-Length: 5\r\n\r\n",
        "a huge length": head + b"Content-Length: 18446744073709551615\r\n\r\n",
        "a length beyond": head + b"Content-Length: 99999999999999999999999\r\n\r\n",
        "a negative length": head + b"Content-Length: -1\r\n\r\n",
        "a chunk beyond": head + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        "a chunk of all": head + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx",
        "a negative chunk": head + b"Transfer-Encoding: chunked\r\n\r\n-1\r\nx",
        "an endless extension": head + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"x" * 100_000,
        "endless trailers": head + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * 50_000,
        "a coding twice": head + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "folded": head + b"X: y\r\n\tz\r\n\r\n",
        "folded first": b"GET / HTTP/1.1\r\n folded: x\r\n\r\n",
        "101 headers": head + b"X: y\r\n" * 101 + b"\r\n",
        "no colon": head + b"abc\r\n\r\n",
        "NUL": head + b"X: a\0b\r\n\r\n",
        "bare CR": head + b"X: a\rb\r\n\r\n",
        "bare LF": head.replace(b"\r\n", b"\n") + b"\n",
        "an expectation": head + b"Expect: the spanish inquisition\r\nContent-Length: 5\r\n\r\n",
        "h2c": b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
        "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0" * 50,
        "websocket": b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n",
        "HTTP/1.9": b"GET / HTTP/1.9\r\nHost: x\r\n\r\n",
        "HTTP/0.9": b"GET /\r\n\r\n",
        "proxy line": b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "noise": random.Random(7).randbytes(50_000),
        "line breaks": b"\r\n" * 50_000,
        "two keys": head + b"X-Api-Key: other\r\n\r\n",
        "a long key": b"POST /pools/tests/new-references HTTP/1.1\r\nHost: x\r\nX-Api-Key: " + b"k" * 15_000 + b"\r\n\r\n",
        "a long bearer": b"POST /pools/tests/new-references HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + b"a." * 7000 + b"\r\n\r\n",
        "many accepts": b"GET " + LIST.encode() + b" HTTP/1.1\r\nHost: x\r\n" + b"".join(b"Accept: " + b"a/b;q=0.1," * 15 + b"\r\n" for _ in range(90)) + b"\r\n",
        "many etags": b"GET " + LIST.encode() + b" HTTP/1.1\r\nHost: x\r\nIf-None-Match: " + b'"x",' * 4000 + b"\r\n\r\n",
    }


def test_shapes(service, table):
    """Requests that libh2o's parser accepts or refuses: neither ends the service, and no upgrade is accepted."""
    key = service.key("tests").encode()
    with Attack("malformed requests", service, table, most_mib=80 * ROOM) as s:
        for round_ in range(5):
            for name, request in shapes(key).items():
                got, data = answer(service, request)
                assert 101 not in got and 500 not in got, (name, data[:300])
        s.came = f"{5 * len(shapes(key))} requests"


def bombs(uri):
    entry = json.dumps({"uri": uri, "index": 1, "value": 1})
    most = 1_048_000
    return {
        "nested arrays": b"[" * most, "nested objects": b'{"a":' * (most // 5), "closed nesting": b"[" * 1000 + b"]" * 1000,
        "blanks": b" " * most, "a long string": b'{"uri":"' + b"a" * (most - 20) + b'"}', "escapes": b'{"uri":"' + b"\\u0041" * (most // 6 - 20) + b'"}',
        "a long number": b'{"index":' + b"9" * (most - 20) + b"}", "an exponent": b'{"uri":"x","index":1e999999999,"value":1}',
        "a deep fraction": b'{"uri":"x","index":0.' + b"0" * (most - 100) + b'1,"value":1}',
        "many members": b"{" + b",".join(b'"%d":1' % i for i in range(90_000)) + b"}", "one member often": b"{" + b",".join([b'"a":1'] * 170_000) + b"}",
        "many entries": b'{"value":1,"statusListReferences":[' + b",".join([b"{}"] * 340_000) + b"]}",
        "many good entries": b'{"value":1,"statusListReferences":[' + b",".join([entry.encode()] * 9000) + b"]}",
        "invalid UTF-8": b'{"uri":"' + b"\xff" * 1000 + b'"}', "half a pair": b'{"uri":"\\ud800","index":1,"value":1}', "NUL": b'{"uri":"\\u0000","index":1,"value":1}',
        "cut": entry.encode()[:-1], "two": entry.encode() * 2, "nothing": b"", "a byte order mark": b"\xef\xbb\xbf" + entry.encode(),
    }


def test_json(service, table, seconds):
    """Sent with an issuer's credential: without one the service would not read the body."""
    with service.client() as c:
        uri = c.reserve()[0][0]
    headers = {"X-Api-Key": service.key("tests"), "Content-Type": "application/json"}
    with Attack("JSON bombs", service, table, most_mib=250 * ROOM) as s:
        sent = 0
        for round_ in range(max(1, int(seconds / 2))):
            for name, body in bombs(uri).items():
                for target in ("/status-lists/update", "/status-lists/batch-update"):
                    with Connection(service.public) as c:
                        r = c.request("PATCH", target, headers, body)
                    fine = name == "many good entries" and target.endswith("batch-update")
                    assert r.status == 204 if fine else 400 <= r.status < 500, (name, target, r)
                    sent += 1
        s.came = f"{sent} requests"


# ---- through the web server in front


def test_smuggling_through_nginx(fixture, table, seconds, tmp_path):
    """test_nginx.py judges each shape by itself; here they come all at once, and none of what they hide is served."""
    from test_nginx import Front, smuggling
    authority = Authority(tmp_path)
    service = fixture.service(fixture.redis(), limits=dict(LIMITS))
    service.issuer = ("127.0.0.1", free_port_of(service))
    service.config["listen"]["issuer"] = "127.0.0.1:%d" % service.issuer[1]
    front = Front(fixture.directory / "nginx", service, authority)
    try:
        service.start()
        front.start()
        context = authority.context()
        with Attack("smuggling through nginx", service, table, make=lambda: TlsClient(front, context), most_mib=80 * ROOM) as s:
            s.came = smuggle(front, context, smuggling(b"PATCH /status-lists/update HTTP/1.1\r\nHost: x\r\n"), seconds)
            s.client.ending.set()
            s.client.join()
            reserved = sum(1 for _ in s.client.times[::2])  # its first call, and then every other one
            assert service.metric("http_requests_total", None, route="reserve", status="200") <= reserved + 1
    finally:
        front.stop()


def free_port_of(service):
    from processes import free_port
    return until(lambda: (p := free_port()) != service.public[1] and p, 5)


def smuggle(front, context, requests, seconds):
    import time
    end, sent = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        for request in requests.values():
            with socket.create_connection(front.issuer, timeout=20) as raw, context.wrap_socket(raw, server_hostname="localhost") as s:
                s.sendall(request)
                s.settimeout(0.02)
                try:
                    while s.recv(65536):
                        pass
                except OSError:
                    pass
            sent += 1
    return f"{sent} requests of {len(requests)} shapes"


def test_the_tools_are_there():
    assert shutil.which("slowhttptest")
