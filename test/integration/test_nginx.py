"""The web server in front: packaging/nginx/statuslistd.conf, with the addresses and files of a test in place of its own."""
import json
import os
import random
import shutil
import socket
import ssl
import subprocess
import time

import pytest

from client import parallel, path_of, until
from processes import ROOT, Fixture, free_port
from tls import Authority, TlsClient, TlsConnection
from tokens import Token, fetch_token

JWT, CWT = "application/statuslist+jwt", "application/statuslist+cwt"


class Front:
    """nginx with that configuration, in front of a service whose public and issuer listeners have addresses of their own."""

    def __init__(self, directory, service, authority):
        self.directory, self.service = directory, service
        self.process, self.used = None, set()
        directory.mkdir()
        (directory / "cache").mkdir()
        self.public, self.issuer = ("127.0.0.1", free_port()), ("127.0.0.1", free_port())
        text = (ROOT / "packaging" / "nginx" / "statuslistd.conf").read_text()
        for name in ("public", "issuer"):
            certificate, key = authority.issue(name)
            text = self.put(text, f"/etc/statuslistd/tls/{name}.crt.pem", certificate)
            text = self.put(text, f"/etc/statuslistd/tls/{name}.key.pem", key)
        text = self.put(text, "    listen [::]:443 ssl http2;\n", "")
        text = self.put(text, "listen 443 ", "listen 127.0.0.1:%d " % self.public[1])
        text = self.put(text, "listen 8443 ", "listen 127.0.0.1:%d " % self.issuer[1])
        text = self.put(text, "server 127.0.0.1:8080;", "server 127.0.0.1:%d;" % service.public[1])
        text = self.put(text, "server 127.0.0.1:8081;", "server 127.0.0.1:%d;" % service.issuer[1])
        text = self.put(text, "/var/cache/nginx/statuslistd", directory / "cache")
        temporary = "".join(f"    {kind}_temp_path {directory}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (directory / "statuslistd.conf").write_text(text)
        (directory / "nginx.conf").write_text(
            f"daemon off;\nmaster_process off;\npid {directory}/pid;\nevents {{ }}\n"
            f"http {{\n    access_log off;\n{temporary}    include {directory}/statuslistd.conf;\n}}\n")

    @staticmethod
    def put(text, old, new):
        assert text.count(old) == 1, (old, text.count(old))
        return text.replace(old, str(new))

    def start(self):
        nginx = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
        with open(self.directory / "output", "ab") as log:
            self.process = subprocess.Popen([nginx, "-p", str(self.directory), "-c", str(self.directory / "nginx.conf"),
                                             "-e", str(self.directory / "error.log")],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(self.listens, 20, "nginx listens")
        return self

    def listens(self):
        assert self.process.poll() is None, (self.directory / "output").read_text() + (self.directory / "error.log").read_text()
        try:
            socket.create_connection(self.issuer).close()
            return True
        except OSError:
            return False

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)

    def key(self, pool):
        return self.service.key(pool)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def front(authority):
    fixture = Fixture()
    lasting = {"size": 4000, "update-interval": "0s", "ttl": "600s", "precreation": {"lists": 12, "check-delay": "100ms"}}
    service = fixture.service(fixture.redis(), {"tests": lasting, "quick": {**lasting, "ttl": "1s", "list-lifetime": "40s"}})
    service.issuer = ("127.0.0.1", free_port())
    service.config["listen"]["issuer"] = "127.0.0.1:%d" % service.issuer[1]
    service.config["public-url"] = "https://status.example.org"
    nginx = Front(fixture.directory / "nginx", service, authority)
    try:
        service.start()
        yield nginx.start()
    finally:
        nginx.stop()
        fixture.end()


@pytest.fixture
def client(front, authority):
    with TlsClient(front, authority.context()) as c:
        yield c


def served(front, route="list"):
    """How many requests of that kind the service itself has answered."""
    return front.service.metric("http_requests_total", pool=None, route=route)


def cached(response):
    return response["x-cache-status"]


# ---- the calls


def test_every_call_through_nginx(front, authority, client):
    references = client.reserve(20)
    front.used.update(u for u, _ in references)
    uri, index = references[0]
    assert uri.startswith("https://status.example.org/")
    client.update(uri, index, 1)
    client.batch(references[1:5], 1)
    assert client.status(uri, index) == 1
    assert client.try_update(uri, 4000, 1).problem()["code"] == "INDEX_OUT_OF_BOUNDS"
    assert client.issuer.request("POST", "/pools/tests/new-references").problem()["code"] == "UNAUTHORIZED"
    assert uri in client.lists() and fetch_token(client, uri).sub == uri
    # Each side serves its own calls only.
    for method, target in (("POST", "/pools/tests/new-references"), ("PATCH", "/status-lists/update"), ("GET", "/metrics"), ("GET", "/readyz")):
        assert client.connection.request(method, target, {"X-Api-Key": "key-of-tests"}).status == 404
        client.connection.close()
    assert client.issuer.request("GET", path_of(uri)).status == 404
    assert client.issuer.request("GET", "/metrics").status == 404


def test_http2(front, authority, client):
    uri = fresh_list(front)
    out = subprocess.run(["curl", "-sS", "--http2", "--cacert", authority.path, "-D", "-", "-w", "\n%{http_version}",
                          "https://localhost:%d%s" % (front.public[1], path_of(uri))], capture_output=True, timeout=30)
    assert out.returncode == 0, out.stderr
    head, rest = out.stdout.split(b"\r\n\r\n", 1)
    body, version = rest.rsplit(b"\n", 1)
    assert version == b"2" and b"etag: " in head.lower() and Token(body).sub == uri
    out = subprocess.run(["curl", "-sS", "--http2", "--cacert", authority.path, "-X", "POST", "-H", "X-Api-Key: key-of-tests",
                          "-w", "\n%{http_version}", "https://localhost:%d/pools/tests/new-references?amount=3" % front.issuer[1]],
                         capture_output=True, timeout=30)
    body, version = out.stdout.rsplit(b"\n", 1)
    assert version == b"2" and len(json.loads(body)["references"]) == 3


# ---- the cache


def fresh_list(front):
    """A list that has not been fetched through the cache yet."""
    with front.service.client() as direct:
        uri = until(lambda: next((u for u in direct.lists() if u not in front.used), None), 20, "another list")
    front.used.add(uri)
    return uri


def test_variants_are_cached_apart(front, client):
    uri = fresh_list(front)
    variants = {"jwt": {}, "gzip": {"Accept-Encoding": "br, gzip"}, "cwt": {"Accept": CWT, "Accept-Encoding": "gzip"}}
    before = served(front)
    first = {name: client.fetch(uri, fields) for name, fields in variants.items()}
    assert {cached(r) for r in first.values()} == {"MISS"} and served(front) - before == 3
    assert len({r["etag"] for r in first.values()}) == 3
    assert [first[n]["content-type"] for n in ("jwt", "gzip", "cwt")] == [JWT, JWT, CWT]
    assert first["gzip"]["content-encoding"] == "gzip" and first["cwt"].get("content-encoding") is None
    for r in first.values():
        assert r["vary"] == "Accept, Accept-Encoding" and r["access-control-allow-origin"] == "*"
        assert 0 < int(r["cache-control"].removeprefix("max-age=")) <= 600
    spellings = {"jwt": [{"Accept": "*/*"}, {"Accept": JWT, "Accept-Encoding": "gzip;q=0"}, {"Accept-Encoding": "identity"},
                         {"Accept-Encoding": "deflate, br"}, {"Accept": "application/*"}],
                 "gzip": [{"Accept-Encoding": "gzip"}, {"Accept": JWT, "Accept-Encoding": "gzip, deflate, br, zstd"},
                          {"Accept-Encoding": "br;q=1.0, gzip;q=0.8"}, {"Accept-Encoding": "GZIP"}],
                 "cwt": [{"Accept": CWT}]}
    for name, all_of_it in spellings.items():
        for fields in all_of_it:
            again = client.fetch(uri, fields)
            assert (cached(again), again["etag"], again.body) == ("HIT", first[name]["etag"], first[name].body), (name, fields)
    assert served(front) - before == 3
    # Both methods, and conditions, are answered from the copy.
    head = client.fetch(uri, method="HEAD")
    assert head["etag"] == first["jwt"]["etag"] and cached(head) == "HIT" and head.body == b""
    for name, fields in variants.items():
        r = client.fetch(uri, {**fields, "If-None-Match": first[name]["etag"]})
        assert r.status == 304 and r.body == b""
    assert client.fetch(uri, {"If-None-Match": first["gzip"]["etag"]}).status == 200
    assert served(front) - before == 3


def test_what_the_service_has_to_judge_passes_the_cache_by(front, client):
    uri = fresh_list(front)
    cwt = client.fetch(uri, {"Accept": CWT})["etag"]
    before = served(front)
    for _ in range(2):
        assert client.fetch(uri, {"Accept": "text/html"}).problem()["code"] == "NOT_ACCEPTABLE"
        weighed = client.fetch(uri, {"Accept": f"{JWT};q=0.3, {CWT};q=0.9"})
        assert weighed.status == 200 and weighed["etag"] == cwt and cached(weighed) in ("BYPASS", "MISS")
        assert client.get(path_of(uri) + "?time=1700000000").problem()["code"] == "NOT_IMPLEMENTED"
        assert client.get(path_of(uri) + "?a=b&time=x").problem()["code"] == "MALFORMED_REQUEST"
    assert served(front) - before == 8
    assert client.fetch(uri).status == 200 and client.fetch(uri, {"Accept": CWT})["etag"] == cwt


def test_queries_and_spellings_of_a_path_make_no_new_copies(front, client):
    uri = fresh_list(front)
    path = path_of(uri)
    tag = client.fetch(uri)["etag"]
    before = served(front)
    for target in (f"{path}?", f"{path}?x={random.random()}", f"/{path}", f"/a/..{path}", f"/%{ord(path[1]):02x}{path[2:]}", f"https://status.example.org{path}"):
        r = client.get(target)
        assert (r.status, r["etag"], cached(r)) == (200, tag, "HIT"), target
    for target in (path.upper() if path.upper() != path else path + "0", path + "/", f"{path}/..{path}x", "/%00", "/aggregation/..%2f", "/", "/favicon.ico"):
        r = client.get(target)
        assert r.status in (400, 404), target
        if r.get("connection") == "close":
            client.connection.close()
    assert served(front) == before


def test_a_copy_lives_as_long_as_its_token_says(front, client):
    client.pool, client.key = "quick", front.key("quick")
    uri, index = client.reserve()[0]
    old = client.fetch(uri)
    assert old["cache-control"] == "max-age=1"
    client.update(uri, index, 1)
    begun = time.monotonic()
    until(lambda: fetch_token(client, uri).status(index) == 1, 20, "the update")
    assert time.monotonic() - begun < 15
    # Nothing new: the copy is confirmed, not fetched again.
    until(lambda: cached(client.fetch(uri)) == "REVALIDATED", 20, "a copy that was confirmed")
    statuses = front.service.metric("http_requests_total", pool=None, route="list", status="304")
    assert statuses >= 1


def test_one_question_for_many_who_ask_at_once(front, authority, client):
    uri = fresh_list(front)
    before = served(front)

    def ask(_):
        with TlsConnection(front.public, authority.context(), timeout=60) as c:
            return c.request("GET", path_of(uri)).status
    assert parallel(40, ask) == [200] * 40
    assert served(front) - before == 1


# ---- requests of two meanings


HIDDEN = b"POST /pools/tests/new-references HTTP/1.1\r\nHost: x\r\nX-Api-Key: key-of-tests\r\n\r\n"
LENGTH = b"%d" % len(HIDDEN)


def smuggling(head):
    """Heads whose body one reader would take for the next request, and another would not."""
    te = b"Transfer-Encoding: chunked\r\n"
    return {
        "both lengths": head + b"Content-Length: " + LENGTH + b"\r\n" + te + b"\r\n0\r\n\r\n" + HIDDEN,
        "both, the other way round": head + te + b"Content-Length: 5\r\n\r\n0\r\n\r\n" + HIDDEN,
        "two lengths": head + b"Content-Length: 0\r\nContent-Length: " + LENGTH + b"\r\n\r\n" + HIDDEN,
        "a list of lengths": head + b"Content-Length: 0, " + LENGTH + b"\r\n\r\n" + HIDDEN,
        "a signed length": head + b"Content-Length: +" + LENGTH + b"\r\n\r\n" + HIDDEN,
        "a space before the colon": head + b"Content-Length : " + LENGTH + b"\r\n\r\n" + HIDDEN,
        "a folded line": head + b"X: y\r\n Content-Length: " + LENGTH + b"\r\n\r\n" + HIDDEN,
        "an unknown coding": head + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + HIDDEN,
        "two codings": head + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + HIDDEN,
        "a coding after a tab": head + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n" + HIDDEN,
        "a bad chunk": head + te + b"\r\n0x0\r\n\r\n" + HIDDEN,
        "a chunk with a huge size": head + te + b"\r\nffffffffffffffff1\r\n" + HIDDEN,
        "a NUL in a name": head + b"Content-Length\0: " + LENGTH + b"\r\n\r\n" + HIDDEN,
        "a line break in a value": head + b"X: y\rContent-Length: " + LENGTH + b"\r\n\r\n" + HIDDEN,
    }


def answers(address, context, request):
    """The status of each answer until the server closes the connection, as the last request asks."""
    with socket.create_connection(address, timeout=20) as raw, context.wrap_socket(raw, server_hostname="localhost") as s:
        s.sendall(request)
        data = b""
        s.settimeout(2)
        try:
            while more := s.recv(65536):
                data += more
        except (socket.timeout, ssl.SSLError, ConnectionError):
            pass
    return [int(part[:3]) for part in data.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize("name", list(smuggling(b"")))
def test_no_request_hides_in_another(front, authority, client, name):
    """On the issuers' side the hidden request carries a credential: if the service ever saw it, a reference would be gone."""
    context = authority.context()
    before = served(front, "reserve"), served(front)
    head = b"PATCH /status-lists/update HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    issuers = answers(front.issuer, context, smuggling(head)[name])
    readers = answers(front.public, context, smuggling(b"GET /00000000-0000-4000-8000-000000000001 HTTP/1.1\r\nHost: x\r\n")[name])
    assert served(front, "reserve") == before[0], "the hidden request was served"
    for got in (issuers, readers):
        assert len(got) <= 2 and 200 not in got, got
        # nginx refuses it, or ends it where the service never saw the rest as a request of its own
        assert got[0] in (400, 401, 404, 501), got
    with TlsConnection(front.issuer, context) as c:  # the next answer is not made of bytes that were left behind
        assert c.request("GET", "/status-lists/status?uri=x&index=1").problem()["code"] == "UNAUTHORIZED"


def test_bodies_end_at_nginx_on_the_readers_side(front, client):
    uri = fresh_list(front)
    before = served(front)
    assert client.connection.request("GET", path_of(uri) + "?time=1", {"Content-Type": "text/plain"}, b"x" * 500).status == 501
    assert served(front) - before == 1
    assert client.connection.request("GET", path_of(uri), {}, b"x" * 5000).status == 413


def test_the_service_comes_and_goes(front, client):
    """While the service is away nginx serves its copies and answers everything else with an error; afterwards all works again."""
    uri = fresh_list(front)
    tag = client.fetch(uri)["etag"]
    front.service.stop()
    assert client.fetch(uri)["etag"] == tag and cached(client.fetch(uri)) == "HIT"
    assert client.fetch(uri, {"Accept": CWT}).status == 502
    assert client.try_reserve().status == 502
    front.service.start()
    until(lambda: client.fetch(uri, {"Accept": CWT}).status == 200, 20, "the service is back")
    assert client.reserve()
