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
