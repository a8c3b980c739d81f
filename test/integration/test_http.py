"""HTTP/1.1 as clients of all kinds speak it: bodies in chunks, odd targets, pipelines, connections cut at any byte."""
import json
import random
import socket

import pytest

from client import Connection, parallel, path_of, until
from tokens import Token, fetch_token


pytestmark = pytest.mark.tsan


@pytest.fixture(scope="module")
def service(shared_fixture):
    pools = {"tests": {"size": 4000, "update-interval": "0s", "prefetch": {"threshold": 200, "capacity": 400}}}
    return shared_fixture.service(shared_fixture.redis(), pools).start()


@pytest.fixture
def reference(service):
    with service.client() as c:
        return c.reserve()[0]


def update_of(reference, value):
    return json.dumps({"uri": reference[0], "index": reference[1], "value": value}).encode()


HEAD = "PATCH /status-lists/update HTTP/1.1\r\nHost: x\r\nx-API-key: key-of-tests\r\nCONTENT-TYPE: application/json; charset=UTF-8\r\n"


ISSUER = {"X-Api-Key": "key-of-tests", "Content-Type": "application/json"}


def test_a_body_in_chunks(service, reference):
    body = update_of(reference, 1)
    with Connection(service.public) as c:
        for sizes in ((len(body),), (1,) * len(body), (7, 50)):
            c.send((HEAD + "Transfer-Encoding: chunked\r\n\r\n").encode())
            at = 0
            for size in (*sizes, len(body)):
                part = body[at : at + size]
                at += len(part)
                if part:
                    c.send(b"%x\r\n%s\r\n" % (len(part), part))
            c.send(b"0\r\n\r\n")
            assert c.read_response().status == 204 and not c.buffer
    with service.client() as c:
        assert c.status(*reference) == 1


def test_expect_100_continue(service, reference):
    body = update_of(reference, 1)
    with Connection(service.public) as c:
        c.send((HEAD + f"Expect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n").encode())
        while b"\r\n\r\n" not in c.buffer:
            c._more()
        interim, _, c.buffer = c.buffer.partition(b"\r\n\r\n")
        assert interim.startswith(b"HTTP/1.1 100 ")
        c.send(body)
        assert c.read_response().status == 204


def test_targets_in_other_forms(service, reference):
    target = path_of(reference[0])
    with Connection(service.public) as c:
        def the_same():  # unless it was published in between
            plain, absolute = c.request("GET", target), c.request("GET", reference[0])
            assert plain.status == absolute.status == 200
            return plain.body == absolute.body
        until(the_same, 10, "the same answer to both forms")
        for other in ("http://x" + target + "/..", target.upper(), target.replace("-", "%2D"), "/./" + target[1:], "/x/.." + target):
            assert c.request("GET", other).status in (200, 404), other
        assert c.request("OPTIONS", "*").status in (204, 404, 405)


def test_http_1_0(service, reference):
    with Connection(service.public) as c:
        c.send(f"GET {path_of(reference[0])} HTTP/1.0\r\n\r\n".encode())
        r = c.read_response()
        assert r.status == 200 and Token(r.body)
        assert c.closed_by_peer()


def test_pipelines_keep_their_order(service):
    """Reads, updates and reservations in one go on one connection: each answer in its turn."""
    with service.client() as issuer:
        references = issuer.reserve(20)
    kinds = []
    with Connection(service.public) as c:
        for n, (uri, index) in enumerate(references):
            headers = {"X-Api-Key": "key-of-tests", "Content-Type": "application/json"}
            c.send_request("PATCH", "/status-lists/update", headers, update_of((uri, index), 1))
            c.send_request("GET", f"/status-lists/status?uri={uri}&index={index}", headers)
            c.send_request("POST", f"/pools/tests/new-references?amount={n + 1}", headers, b"")
            c.send_request("GET", path_of(uri), {"Accept-Encoding": "gzip"} if n % 2 else {})
            kinds.append((index, n))
        for index, n in kinds:
            assert c.read_response().status == 204
            s = c.read_response().json()
            assert (s["index"], s["value"]) == (index, 1)
            assert len(c.read_response().json()["references"]) == n + 1
            r = c.read_response()
            assert r.status == 200 and (r["content-encoding"] == "gzip") == (n % 2 == 1)
        assert not c.buffer


def test_connections_cut_at_any_byte(service, reference):
    """Half requests, resets, and answers that the client does not read: the next client is served as before."""
    body = update_of(reference, 1)
    whole = (HEAD + f"Content-Length: {len(body)}\r\n\r\n").encode() + body
    order = random.Random(1)

    def cut(n):
        for _ in range(25):
            c = Connection(service.public).open()
            c.send(whole[: order.randrange(1, len(whole))] if n % 3 else whole * 3)
            if n % 2:
                c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            c.close()

    parallel(8, cut)
    until(lambda: service.metric("http_connections", None) <= 1, 15, "closed connections")
    with service.client() as c:
        c.update(*reference, 0)
        until(lambda: fetch_token(c, reference[0]).status(reference[1]) == 0, 5, "the update")


@pytest.mark.parametrize("amount", [1, 5000, 8000])
def test_large_batches(fixture, amount):
    service = fixture.service(fixture.redis(), {"tests": {"size": 16000, "bits": 2, "update-interval": "0s",
                                                     "prefetch": {"threshold": 100, "capacity": 9000}}}).start()
    with service.client() as c:
        references = c.reserve(amount)
        c.batch(references, value=3)
        for uri in {u for u, _ in references}:
            want = {i: 3 for u, i in references if u == uri}
            until(lambda: fetch_token(c, uri).nonzero() == want, 10, "the batch")
        for reference in references[:: max(1, amount // 5)]:
            assert c.status(*reference) == 3


def test_a_body_at_its_limit(fixture):
    service = fixture.service(fixture.redis(), limits={"body": "1KiB"}).start()
    with service.client() as c:
        (uri, index), = c.reserve()
        body = update_of((uri, index), 1)
        for size, status in ((1024, 204), (1025, 413)):
            with Connection(service.public) as k:
                k.send_request("PATCH", "/status-lists/update", {"X-Api-Key": c.key, "Content-Type": "application/json"},
                               body + b" " * (size - len(body)))
                assert k.read_response().status == status


# ---- how long a connection lives


SHAPES = [  # fields, and whether the connection is used again (RFC 9112 section 9.3)
    ("no Connection", "1.1", (), True),
    ("as the JDK sends it", "1.1", (("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAEAAEAA")), True),
    ("as HttpClient 5 sends it", "1.1", (("Connection", "keep-alive"), ("Upgrade", "TLS/1.2"), ("Connection", "Upgrade")), True),
    ("TE", "1.1", (("Connection", "TE"), ("TE", "trailers")), True),
    ("a word of no meaning", "1.1", (("Connection", "x-something"),), True),
    ("nothing in it", "1.1", (("Connection", ""),), True),
    ("keep-alive", "1.1", (("Connection", "Keep-Alive"), ("Keep-Alive", "timeout=5")), True),
    ("close", "1.1", (("Connection", "close"),), False),
    ("close at the end", "1.1", (("Connection", "TE, Close"),), False),
    ("close at the front", "1.1", (("Connection", "close,TE"),), False),
    ("close in the middle", "1.1", (("Connection", "a , CLOSE , b"),), False),
    ("close beside keep-alive", "1.1", (("Connection", "keep-alive, close"),), False),
    ("close in an earlier line", "1.1", (("Connection", "close"), ("Connection", "keep-alive")), False),
    ("close in a later line", "1.1", (("Connection", "TE"), ("Connection", "close")), False),
    ("1.0", "1.0", (), False),
    ("1.0, keep-alive", "1.0", (("Connection", "keep-alive"),), True),
    ("1.0, close beside keep-alive", "1.0", (("Connection", "keep-alive, close"),), False),
    ("1.0, another word", "1.0", (("Connection", "TE"),), False),
]


@pytest.mark.parametrize("shape", SHAPES, ids=[s[0].replace(" ", "_") for s in SHAPES])
def test_which_connections_persist(service, reference, shape):
    _, version, fields, persists = shape
    more = "".join(f"{k}: {v}\r\n" for k, v in fields)
    target = path_of(reference[0])
    update = update_of(reference, 0)
    requests = [f"GET {target} HTTP/{version}\r\nHost: x\r\n{more}\r\n".encode(),
                (HEAD.replace("HTTP/1.1", f"HTTP/{version}") + f"{more}Content-Length: {len(update)}\r\n\r\n").encode() + update,
                f"GET /nothing HTTP/{version}\r\nHost: x\r\n{more}\r\n".encode()]
    for request, status in zip(requests, (200, 204, 404)):
        with Connection(service.public) as c:
            c.send(request)
            r = c.read_response()
            assert r.status == status and r["connection"] == ("keep-alive" if persists else "close"), (r, r.fields)
            if persists:
                assert c.request("GET", target).status == 200
            else:
                assert c.closed_by_peer()


def test_a_pipeline_ends_at_close(service, reference):
    target = path_of(reference[0])
    with Connection(service.public) as c:
        get = f"GET {target} HTTP/1.1\r\nHost: x\r\n"
        c.send((get + "\r\n" + get + "Connection: close\r\n\r\n" + get + "\r\n").encode())
        assert [c.read_response().status for _ in range(2)] == [200, 200] and c.closed_by_peer()


# ---- heads that could be read in two ways


LENGTH = "Content-Length: 0\r\n"
HEADS = [
    ("no Host", "GET", "1.1", "", "Send a Host header"),
    ("two Hosts", "GET", "1.1", "Host: x\r\nHost: x\r\n", "Send one Host header"),
    ("a Host of two words", "GET", "1.1", "Host: a b/c\r\n", "Host must be"),
    ("a Host with a path", "GET", "1.0", "Host: x/y\r\n", "Host must be"),
    ("two lengths", "PATCH", "1.1", "Host: x\r\n" + LENGTH + LENGTH, "Send one Content-Length"),
    ("two lengths that differ", "PATCH", "1.1", "Host: x\r\n" + LENGTH + "Content-Length: 31\r\n", "Send one Content-Length"),
    ("a length beside chunks", "PATCH", "1.1", "Host: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Send Content-Length or"),
    ("chunks in HTTP/1.0", "PATCH", "1.0", "Host: x\r\nTransfer-Encoding: chunked\r\n", "Send Content-Length:"),
    ("a folded line", "GET", "1.1", "Host: x\r\nX: y\r\n z\r\n", "Send each header in one line"),
]


@pytest.mark.parametrize("row", HEADS, ids=[r[0].replace(" ", "_") for r in HEADS])
def test_heads_of_doubtful_meaning(service, row):
    """400, and the connection ends: what follows is never taken for a request of its own."""
    _, method, version, fields, detail = row
    hidden = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    end = b"0\r\n\r\n" if "chunked" in fields else b""
    before = service.metric("http_requests_total", None)
    with Connection(service.public) as c:
        c.send(f"{method} /status-lists/update HTTP/{version}\r\n{fields}\r\n".encode() + end + hidden)
        r = c.read_response()
        assert r.status == 400 and r.problem()["detail"].startswith(detail) and r["connection"] == "close"
        assert not c.buffer and c.closed_by_peer()
    after = service.metric("http_requests_total", None)
    assert after - before <= 2, "the answer, and perhaps that to the question for metrics"


def test_hosts_of_all_forms(service, reference):
    target = path_of(reference[0])
    with Connection(service.public) as c:
        for host in ("x", "status.example.com:443", "127.0.0.1:8080", "[::1]:8080", "x:", "", "x  ", "a_b"):
            assert c.request("GET", target, {"Host": host}).status == 200, host
        for form in ("HTTP://x", "hTTps://X:1"):
            assert c.request("GET", form + target).status == 200, form


def test_white_space_after_a_value(service, reference):
    """RFC 9110 section 5.5: it is no part of the value."""
    update = update_of(reference, 1)
    target = path_of(reference[0])
    for space in (" ", "\t", " \t "):
        with Connection(service.public) as c:
            fields = {"X-Api-Key": "key-of-tests" + space, "Content-Type": "application/json" + space,
                      "Idempotency-Key": f'"{random.random()}"' + space, "X-Request-Id": "mine" + space}
            r = c.request("PATCH", "/status-lists/update", fields, update)
            assert r.status == 204 and r["x-request-id"] == "mine", r
            assert c.request("POST", "/pools/tests/new-references", fields).status == 200
            token = c.request("GET", target)
            assert c.request("GET", target, {"If-None-Match": token["etag"] + space}).status == 304
            assert c.request("GET", target, {"If-Unmodified-Since": "Thu, 01 Jan 1970 00:00:01 GMT" + space}).status == 412
            assert c.request("GET", target, {"Accept": "application/statuslist+cwt" + space})["content-type"].endswith("+cwt")


@pytest.mark.parametrize("lines", [9, 60])
def test_many_lines_of_one_field(service, reference, lines):
    target = path_of(reference[0])
    with Connection(service.public) as c:
        tag = until(lambda: (r := c.request("GET", target)).status == 200 and r, 5, "a token")["etag"]
        fill = lines - 1
        cwt = [("Accept", "text/x")] * fill + [("Accept", "application/statuslist+cwt")]
        assert c.request("GET", target, cwt)["content-type"] == "application/statuslist+cwt"
        assert c.request("GET", target, [("Accept-Encoding", "br")] * fill + [("Accept-Encoding", "gzip")])["content-encoding"] == "gzip"
        assert c.request("GET", target, [("If-None-Match", '"x"')] * fill + [("If-None-Match", tag)]).status == 304
        assert c.request("GET", target, [("If-Match", '"x"')] * fill + [("If-Match", tag)]).status == 200
        held = [("X-Api-Key", "key-of-tests"), ("Content-Type", "application/json"), *[("Prefer", "x")] * fill, ("Prefer", "wait=5")]
        assert c.request("PATCH", "/status-lists/update", held, update_of(reference, 1))["preference-applied"] == "wait=5"


# ---- ids of requests


def test_request_ids(service, reference):
    """Taken where they cannot do harm, otherwise made; never shown where an answer may be kept for others."""
    target = path_of(reference[0])
    body = update_of(reference, 0)
    with Connection(service.public) as c:
        for given in ("a", "Az0._-", "x" * 64):
            for call in (("PATCH", "/status-lists/update", {**ISSUER, "X-Request-Id": given}, body),
                         ("POST", "/pools/tests/new-references", {**ISSUER, "X-Request-Id": given}),
                         ("GET", "/nothing", {"X-Request-Id": given}), ("PATCH", "/status-lists/update", {"X-Request-Id": given}, body)):
                r = c.request(*call)
                assert r["x-request-id"] == given and (r.status < 300 or r.problem()["requestId"] == given), r
        made = set()
        for bad in (None, "", "x" * 65, 'a"b', "a b", "a,b", "\xe9"):
            for call in (("PATCH", "/status-lists/update", ISSUER, body), ("GET", "/nothing", {})):
                r = c.request(call[0], call[1], {**call[2], **({"X-Request-Id": bad} if bad is not None else {})}, *call[3:])
                made.add(r["x-request-id"])
        assert len(made) == 14 and all(len(m) == 16 and int(m, 16) >= 0 for m in made)
        for kept in (target, "/aggregation/tests"):
            r = c.request("GET", kept, {"X-Request-Id": "mine"})
            assert r.status == 200 and r["x-request-id"] is None
            assert c.request("GET", kept, {"X-Request-Id": "mine", "If-None-Match": r["etag"]})["x-request-id"] is None
        refused = c.request("GET", target, {"Accept": "text/html"})
        assert refused["access-control-expose-headers"] == "ETag, Retry-After, X-Request-Id"
        assert "X-Request-Id" in c.request("OPTIONS", target)["access-control-allow-headers"]


# ---- bodies where none belongs


def test_a_reservation_has_no_body(service):
    with Connection(service.public) as c:
        for body in (b"", b"{}", b" { }\r\n", b"null", b"\n"):
            assert c.request("POST", "/pools/tests/new-references?amount=2", ISSUER, body).status == 200, body
        for body in (b'{"amount":5}', b"amount=5", b"5", b"[]", b"{}x", b"{{}}", b"nullnull", b"\0"):
            r = c.request("POST", "/pools/tests/new-references", ISSUER, body)
            assert r.status == 400 and "?amount=5" in r.problem()["detail"], body
