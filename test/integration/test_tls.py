"""Listeners with TLS: which clients are accepted, with which certificates, and which are refused."""
import json
import os
import random
import re
import select
import socket
import ssl
import struct
import subprocess
import time

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from client import parallel, path_of, until
from processes import BINARY, free_port
from tls import Authority, TlsClient, TlsConnection, pair, refused
from tokens import fetch_token

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def with_tls(fixture, authority, issuer=None, ops=None, store=None, **app):
    """A service with TLS on its public listener; issuer: the options of an issuer listener of its own."""
    service = fixture.service(store, {"tests": {"size": 4000, "update-interval": "0s"}}, **app)
    service.config["public-url"] = service.config["public-url"].replace("http:", "https:")
    service.config["tls"] = {"public": pair(authority.issue("public"))}
    if issuer is not None:
        service.issuer = ("127.0.0.1", free_port())
        service.config["listen"]["issuer"] = "127.0.0.1:%d" % service.issuer[1]
        service.config["tls"]["issuer"] = {**pair(authority.issue("issuer")), **issuer}
    if ops is not None:
        service.config["tls"]["ops"] = ops
    return service


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def clients(tmp_path_factory):
    """Another authority, which issues the issuers' client certificates."""
    return Authority(tmp_path_factory.mktemp("clients"), "clients")


@pytest.fixture(scope="module")
def service(shared_fixture, authority, clients):
    issuer = {"client-ca": str(clients.path), "client-certificates": "required"}
    return with_tls(shared_fixture, authority, issuer, store=shared_fixture.redis()).start()


@pytest.fixture(scope="module")
def shown(clients):
    """An issuer's client certificate."""
    return clients.issue("an-issuer")


def connections(service):
    return service.metric("http_connections", pool=None)


def all_closed(service):
    """The scrape itself is one."""
    until(lambda: connections(service) <= 1, 30, "the end of all connections")


# ---- serving


@pytest.mark.tsan
@pytest.mark.parametrize("version", [V12, V13])
def test_every_call(service, authority, shown, version):
    public, issuer = authority.context(least=version, most=version), authority.context(shown, version, version)
    with TlsClient(service, public, issuer_context=issuer) as c:
        references = c.reserve(50)
        uri, index = references[0]
        assert uri.startswith("https://")
        c.update(uri, index, 1)
        c.batch(references[1:10], 1)
        assert c.status(uri, index) == 1
        expected = {i for u, i in references[:10] if u == uri}
        until(lambda: expected <= set(fetch_token(c, uri).nonzero()), 20, "the updates")
        assert c.fetch(uri, {"If-None-Match": c.fetch(uri)["etag"]}).status == 304
        assert uri in c.lists()
        assert c.connection.sock.version() == {V12: "TLSv1.2", V13: "TLSv1.3"}[version]


def test_a_large_token_and_a_large_body(fixture, authority):
    """More than one TLS record, and more than a socket takes at once, each way."""
    service = fixture.service(fixture.redis(), {"tests": {"size": 4000000, "bits": 8, "prefetch": {"threshold": 200, "capacity": 20000}}})
    service.config["public-url"] = service.config["public-url"].replace("http:", "https:")
    service.config["tls"] = {"public": pair(authority.issue("large"))}
    service.start()
    rng = random.Random(7)
    with TlsClient(service, authority.context()) as c:
        references = c.reserve(10000)
        uri = references[0][0]
        c.batch([(u, i, rng.randrange(1, 256)) for u, i in references])
        token = until(lambda: (t := fetch_token(c, uri)).nonzero() and t, 20, "the batch")
        assert len(token.nonzero()) == 10000 and len(token.text) > 30000
        slow = TlsConnection(service.public, authority.context())
        slow.open(receive_buffer=4096)
        fetched = service.metric("fetched_bytes_total", None)
        slow.send_request("GET", path_of(uri))
        until(lambda: service.metric("fetched_bytes_total", None) > fetched, 20, "an answer, unread")
        assert slow.read_response().body.decode() == token.text
        slow.close()


def test_curl_and_httpx(service, authority, shown):
    """Clients that would rather speak HTTP/2 are given HTTP/1.1."""
    url = f"https://localhost:{service.issuer[1]}/pools/tests/new-references"
    out = subprocess.run(["curl", "-sS", "--http2", "--cacert", authority.path, "--cert", shown[0], "--key", shown[1],
                          "-X", "POST", "-H", "X-Api-Key: key-of-tests", "-w", "\n%{http_version} %{http_code}", url],
                         capture_output=True, text=True, timeout=30)
    assert out.returncode == 0, out.stderr
    body, version = out.stdout.rsplit("\n", 1)
    assert version == "1.1 200"
    reference = json.loads(body)["references"][0]
    with httpx.Client(verify=authority.context(shown)) as c:
        r = c.patch(f"https://localhost:{service.issuer[1]}/status-lists/update", json={**reference, "value": 1},
                    headers={"X-Api-Key": "key-of-tests"})
        assert r.status_code == 204 and r.http_version == "HTTP/1.1"
    with httpx.Client(verify=authority.context()) as c:
        assert c.get(reference["uri"].replace("127.0.0.1", "localhost")).status_code == 200
    out = subprocess.run(["curl", "-sS", "--http2", "--cacert", authority.path, "-w", "%{http_version} %{http_code}",
                          "-o", os.devnull, reference["uri"]], capture_output=True, text=True, timeout=30)
    assert out.returncode == 0 and out.stdout == "1.1 200", out.stderr


def test_ops_with_tls(fixture, authority, clients):
    port = free_port()
    ops = {**pair(authority.issue("ops")), "client-ca": str(clients.path), "client-certificates": "required"}
    service = with_tls(fixture, authority, ops=ops, listen={"ops": f"127.0.0.1:{port}"})
    service.spawn()
    shown = clients.issue("prometheus")

    def ready():
        try:
            with TlsConnection(("127.0.0.1", port), authority.context(shown)) as c:
                return service.alive() and c.request("GET", "/readyz?for=issuer").status == 200
        except OSError:
            return False
    until(ready, 30, "readiness")
    with TlsConnection(("127.0.0.1", port), authority.context(shown)) as c:
        text = c.request("GET", "/metrics").body.decode()
    assert 'statuslist_tls_certificate_not_after_seconds{listener="ops"} 1' in text
    assert 'not_after_seconds{listener="issuer"}' not in text, "there is no listener of that name"
    assert refused(("127.0.0.1", port), authority.context())


# ---- versions, ciphers, protocols


@pytest.mark.parametrize("arguments", [
    ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], ["-tls1", "-cipher", "ALL:@SECLEVEL=0"],
    ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"], ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA"],
    ["-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_SHA256"],
])
def test_old_versions_and_weak_ciphers_are_refused(service, arguments):
    out = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % service.public[1], *arguments],
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    assert "Cipher is (NONE)" in out.stdout, out.stdout + out.stderr


def negotiated(service, context, protocols):
    context.set_alpn_protocols(protocols)
    with TlsConnection(service.public, context) as c:
        assert c.request("GET", "/nothing").status == 404
        return c.sock.selected_alpn_protocol()


def test_application_protocols(service, authority):
    assert negotiated(service, authority.context(), ["h2", "http/1.1"]) == "http/1.1"
    assert negotiated(service, authority.context(), ["http/1.1"]) == "http/1.1"
    with TlsConnection(service.public, authority.context()) as c:  # none offered
        assert c.request("GET", "/nothing").status == 404
    for foreign in (["h2"], ["http/1.0", "acme-tls/1"]):
        context = authority.context()
        context.set_alpn_protocols(foreign)
        assert refused(service.public, context)


def test_http2_is_not_spoken_behind_another_protocols_back(service, authority):
    with TlsConnection(service.public, authority.context()) as c:
        c.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
        answer = b""
        while data := c.sock.recv(1000):
            answer += data
        assert answer.startswith(b"HTTP/1.1 400 ")


def s_client(service, steps, *arguments):
    """Sends openssl's client one line at a time, each after an expected output, and returns what it prints: it takes a letter
    for a command only where a read begins with it."""
    p = subprocess.Popen(["openssl", "s_client", "-connect", "127.0.0.1:%d" % service.public[1], *arguments],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said, deadline = b"", time.monotonic() + 60
    try:
        for after, line in steps:
            at = len(said)
            while after not in said[at:]:
                assert select.select([p.stdout], [], [], max(0, deadline - time.monotonic()))[0], said
                more = os.read(p.stdout.fileno(), 65536)
                assert more, said
                said += more
            p.stdin.write(line)
            p.stdin.flush()
        while select.select([p.stdout], [], [], max(0, deadline - time.monotonic()))[0]:
            more = os.read(p.stdout.fileno(), 65536)
            said += more
            if not more:
                return said
        raise AssertionError(said)
    finally:
        p.kill()
        p.wait()
        p.stdout.close()
        try:
            p.stdin.close()
        except BrokenPipeError:
            pass


def test_renegotiation_is_refused_and_a_key_update_is_not(service):
    request = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    ready = b"Verify return code"
    out = s_client(service, [(ready, b"R\n")], "-tls1_2")
    assert b"RENEGOTIATING" in out and b"HTTP/1.1" not in out, out
    out = s_client(service, [(ready, b"k\n"), (b"KEYUPDATE", b"K\n"), (b"KEYUPDATE", request)], "-tls1_3")
    assert out.count(b"KEYUPDATE") == 2 and b"HTTP/1.1 404 " in out, out


# ---- resumption


def resumed(address, context, count, version):
    """How many of so many later connections, on whichever thread they land, were resumed."""
    hits, session = 0, None
    for _ in range(count + 1):
        c = TlsConnection(address, context, session=session).open()
        assert c.request("GET", "/nothing").status == 404  # TLS 1.3: the tickets come with it
        hits += c.sock.session_reused
        if session is None or version == V13:
            session = c.sock.session
        c.close()
    return hits


@pytest.mark.parametrize("version", [V12, V13])
def test_sessions_are_resumed_by_every_thread(service, authority, version):
    context = authority.context(least=version, most=version)
    assert resumed(service.public, context, 12, version) == 12


@pytest.mark.parametrize("version", [V12, V13])
def test_whoever_shows_a_certificate_shows_it_each_time(service, authority, shown, version):
    context = authority.context(shown, version, version)
    assert resumed(service.issuer, context, 4, version) == 0


# ---- client certificates


@pytest.mark.parametrize("version", [V12, V13])
def test_required_client_certificates(service, authority, clients, shown, tmp_path, version):
    def get(certificate):
        return authority.context(certificate, version, version)

    with TlsConnection(service.issuer, get(shown)) as c:
        assert c.request("POST", "/pools/tests/new-references").status == 401, "a certificate is no credential"
    before = service.metric("http_requests_total", pool=None)
    stranger = Authority(tmp_path, "clients")  # of the same name
    assert refused(service.issuer, get(None))
    assert refused(service.issuer, get(stranger.issue("an-issuer")))
    assert refused(service.issuer, get(clients.issue("expired", days=-1, before=past(days=10))))
    assert refused(service.issuer, get(clients.issue("not-yet", days=10, before=past(days=-5))))
    assert refused(service.issuer, get(authority.issue("of-the-server")))
    assert service.metric("http_requests_total", pool=None) - before == 1, "only the scrape"
    intermediate = Authority(tmp_path / "i", "intermediate", parent=clients)
    with TlsConnection(service.issuer, get(intermediate.issue("below"))) as c:
        assert c.request("GET", "/nothing").status == 404
    all_closed(service)


def test_the_public_listener_never_asks(service):
    def shows(address):
        return subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % address[1]], input="",
                              capture_output=True, text=True, timeout=30).stdout
    assert "No client certificate CA names sent" in shows(service.public)
    assert re.search(r"Acceptable client certificate CA names\nCN ?= ?clients", shows(service.issuer))


def test_optional_client_certificates(fixture, authority, clients, shown, tmp_path):
    issuer = {"client-ca": str(clients.path), "client-certificates": "optional"}
    service = with_tls(fixture, authority, issuer).start()
    for certificate in (None, shown):
        with TlsConnection(service.issuer, authority.context(certificate)) as c:
            r = c.request("POST", "/pools/tests/new-references", {"X-Api-Key": "key-of-tests"})
            assert r.status == 200
    assert refused(service.issuer, authority.context(Authority(tmp_path).issue("foreign")))


# ---- what is refused at start, and what is warned of


def past(days):
    import datetime
    return datetime.datetime.utcnow() - datetime.timedelta(days=days)


def other_key(authority):
    certificate, _ = authority.issue("one")
    return certificate, authority.issue("two")[1]


def broken(authority):
    certificate, key = authority.issue("broken")
    certificate.write_text(certificate.read_text().replace("A", "*", 3))
    return certificate, key


@pytest.mark.parametrize("make,key,words", [
    (other_key, "certificate", ["does not belong to the key", "put the certificate issued for this key first"]),
    (broken, "certificate", ["intact BEGIN CERTIFICATE"]),
    (lambda a: a.issue("open", mode=0o640), "key", ["open to other users (mode 0640)", "chmod 600"]),
    (lambda a: a.issue("locked", password=b"open sesame"), "key", ["is encrypted", "password-file"]),
    (lambda a: (a.directory / "nothing", a.issue("half")[1]), "certificate", ["nothing cannot be opened", "No such file"]),
    (lambda a: (a.issue("half")[0], a.directory), "key", ["not a regular file"]),
])
def test_files_that_cannot_be_used(fixture, tmp_path, make, key, words):
    service = with_tls(fixture, Authority(tmp_path))
    service.config["tls"]["public"] = pair(make(Authority(tmp_path / "a")))
    path = service.write_config()
    at = next(n for n, line in enumerate(path.read_text().splitlines(), 1) if line.startswith(f"      {key}: "))
    out = subprocess.run([str(BINARY), "--config", str(path), "--check"], capture_output=True, text=True, timeout=30)
    line = next(x for x in out.stderr.splitlines() if x.startswith(f"{path}:{at}: app.tls.public.{key}: "))
    assert out.returncode == 1
    service.spawn()
    assert service.wait_end(30) == 1
    for word in words:
        assert word in line and word in service.log(), line
    service.log_path.unlink()


def test_a_client_ca_that_cannot_be_used(fixture, authority, tmp_path):
    (tmp_path / "empty").write_text("nothing\n")
    issuer = {"client-ca": str(tmp_path / "empty"), "client-certificates": "required"}
    service = with_tls(fixture, authority, issuer)
    service.spawn()
    assert service.wait_end(30) == 1
    assert "app.tls.issuer.client-ca: " in service.log() and "BEGIN CERTIFICATE" in service.log()


def test_client_certificates_need_a_listener_of_their_own(fixture, authority, clients):
    service = with_tls(fixture, authority)
    service.config["tls"]["issuer"] = {"client-ca": str(clients.path), "client-certificates": "required"}
    service.spawn()
    assert service.wait_end(30) == 1
    assert "expected an address of its own in listen.issuer" in service.log()


@pytest.mark.parametrize("kind", ["rsa", "p384", "ed25519", "chain", "encrypted"])
def test_kinds_of_keys(fixture, tmp_path, kind):
    make = {"rsa": lambda: rsa.generate_private_key(65537, 2048), "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
            "ed25519": ed25519.Ed25519PrivateKey.generate}.get(kind, lambda: None)
    root = Authority(tmp_path)
    issuer = Authority(tmp_path / "i", "intermediate", parent=root) if kind == "chain" else root
    service = with_tls(fixture, root)
    service.config["tls"]["public"] = pair(issuer.issue("k", key=make(), password=b"secret" if kind == "encrypted" else None))
    if kind == "encrypted":
        (tmp_path / "password").write_text("secret\n")
        (tmp_path / "password").chmod(0o600)
        service.config["tls"]["public"]["password-file"] = str(tmp_path / "password")
    service.start()
    for version in (V12, V13):
        with TlsConnection(service.public, root.context(least=version, most=version)) as c:
            assert c.request("GET", "/nothing").status == 404


@pytest.mark.parametrize("days,warned", [(5, True), (17.9, True), (18.1, False)])
def test_a_certificate_that_ends_soon_is_reported(fixture, tmp_path, days, warned):
    authority = Authority(tmp_path)
    service = with_tls(fixture, authority)
    service.config["tls"]["public"] = pair(authority.issue("soon", days=days, before=past(days=54)))
    service.start()
    assert ("expires soon" in service.log()) is warned
    assert service.log().count('listener="public" not-after=') == warned
    end = service.metric("tls_certificate_not_after_seconds", pool=None, listener="public")
    assert abs(end - time.time() - days * 86400) < 120
    assert not [k for k in service.metrics() if "tls_certificate" in k and "public" not in k]


def test_a_public_url_without_tls_is_warned_of(fixture, authority):
    service = with_tls(fixture, authority)
    service.config["public-url"] = "http://status.example"
    service.start()
    assert "begins with http:// although the public listener accepts only TLS" in service.log()


# ---- hostile clients


def hello(authority):
    """The first flight of a real client."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        authority.context().wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    return outgoing.read()


def closed(sock, seconds=5):
    sock.settimeout(seconds)
    try:
        while sock.recv(65536):
            pass
        return True
    except ConnectionError:
        return True
    except socket.timeout:
        return False


@pytest.mark.tsan
def test_half_open_handshakes_end_and_disturb_nobody(service, authority):
    first = hello(authority)
    before = service.metric("tls_handshakes_total", pool=None, result="timeout")
    idle = []
    for sent in (b"", first[:1], first[:5], first[: len(first) // 2], first[:-1], first):
        for _ in range(20):
            s = socket.create_connection(service.public)
            s.sendall(sent)
            idle.append(s)
    begun = time.monotonic()
    drip = socket.create_connection(service.public)
    for byte in first[:40]:  # the time is that of the handshake, not from byte to byte
        drip.sendall(bytes([byte]))
        time.sleep(0.02)
    with TlsConnection(service.public, authority.context()) as c:
        assert c.request("GET", "/nothing").status == 404
    assert time.monotonic() - begun < 9, "the half-open ones were still there"
    assert service.metric("tls_handshakes_total", pool=None, result="timeout") == before
    for s in (*idle, drip):
        assert closed(s, 30)
        s.close()
    assert service.metric("tls_handshakes_total", pool=None, result="timeout") - before == 121
    all_closed(service)


@pytest.mark.tsan
def test_what_is_no_tls_is_closed(service, authority):
    rng = random.Random(11)
    first = hello(authority)
    before = service.metric("tls_handshakes_total", pool=None, result="failed")
    shapes = [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\0" * 100, b"\x80\x2e\x01\0\2" + b"x" * 60,
              b"\x16\x03\x01\xff\xff" + b"\x01" * 70000, b"\x15\x03\x03\0\2\2\x28", b"\x16\x03\x03\0\0" * 50]
    shapes += [rng.randbytes(rng.randrange(40, 3000)) for _ in range(60)]
    for _ in range(60):  # a real one with a bit turned
        at = rng.randrange(len(first))
        shapes.append(first[:at] + bytes([first[at] ^ 1 << rng.randrange(8)]) + first[at + 1 :])
    ended = 0
    for shape in shapes:
        with socket.create_connection(service.public) as s:
            try:
                s.sendall(shape)
                s.shutdown(socket.SHUT_WR)
            except ConnectionError:
                pass
            assert closed(s, 30), shape[:40]
            ended += 1
    assert ended == len(shapes)
    until(lambda: service.metric("tls_handshakes_total", pool=None, result="failed") - before >= ended - 60, 10, "the count")
    with TlsConnection(service.public, authority.context()) as c:
        assert c.request("GET", "/nothing").status == 404
    all_closed(service)


class Wire:
    """A client whose bytes pass through the test: handshake in memory, socket by hand."""

    def __init__(self, address, context):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        self.sock = socket.create_connection(address, timeout=20)

    def handshake(self, flights):
        """Sends that many flights of the client; returns the next one unsent, None when the handshake is done."""
        while True:
            try:
                self.tls.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                done = False
            data = self.outgoing.read()
            if data and flights == 0:
                return data
            if data:
                self.sock.sendall(data)
                flights -= 1
            if done:
                return None
            self.incoming.write(self.sock.recv(65536))


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@pytest.mark.tsan
@pytest.mark.parametrize("version", [V12, V13])
def test_clients_that_leave_at_any_byte(service, authority, shown, version):
    rng = random.Random(13)

    def leave(number):
        listener, certificate = (service.public, None) if number % 2 else (service.issuer, shown)
        w = Wire(listener, authority.context(certificate, version, version))
        rest = w.handshake(number // 2 % 3)
        if rest is None:
            w.tls.write(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
            rest = w.outgoing.read()
        w.sock.sendall(rest[: rng.randrange(len(rest) + 1)])
        (reset if rng.random() < 0.5 else socket.socket.close)(w.sock)

    for number in range(120):
        leave(number)
    with TlsConnection(service.public, authority.context()) as c:
        assert c.request("GET", "/nothing").status == 404
    all_closed(service)


def test_records_that_were_changed_on_the_way(service, authority):
    rng = random.Random(17)
    for number in range(30):
        w = Wire(service.public, authority.context(least=V13 if number % 2 else V12, most=V13 if number % 2 else V12))
        assert w.handshake(9) is None
        w.tls.write(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
        record = bytearray(w.outgoing.read())
        record[rng.randrange(5, len(record))] ^= 1
        w.sock.sendall(record)
        assert closed(w.sock, 30)
        w.sock.close()
    all_closed(service)


def test_many_connections_at_once(service, authority):
    def one(number):
        with TlsConnection(service.public, authority.context(), timeout=60) as c:
            return [c.request("GET", "/nothing").status for _ in range(20)]
    assert parallel(40, one) == [[404] * 20] * 40
    all_closed(service)


# ---- the end


@pytest.mark.tsan
def test_the_end_does_not_wait_for_half_open_handshakes(fixture, authority):
    service = with_tls(fixture, authority, shutdown={"deadline": "300ms"}).start()
    first = hello(authority)
    idle = [socket.create_connection(service.public) for _ in range(10)]
    for s in idle[5:]:
        s.sendall(first[:-10])
    open_one = TlsConnection(service.public, authority.context()).open()
    assert open_one.request("GET", "/nothing").status == 404
    until(lambda: connections(service) >= 11, 10, "the connections")
    service.stop()
    for s in (*idle, open_one.sock):
        assert closed(s)
        s.close()


def test_a_client_that_reads_nothing_is_cut_at_the_deadline(fixture, authority):
    service = fixture.service(fixture.redis(), {"tests": {"size": 4000000, "bits": 8, "prefetch": {"threshold": 200, "capacity": 20000}}},
                            shutdown={"deadline": "500ms"})
    service.config["tls"] = {"public": pair(authority.issue("public"))}
    service.start()
    rng = random.Random(19)
    with TlsClient(service, authority.context()) as c:
        references = c.reserve(10000)
        c.batch([(u, i, rng.randrange(1, 256)) for u, i in references])
        until(lambda: fetch_token(c, references[0][0]).nonzero(), 20, "the batch")
    s = TlsConnection(service.public, authority.context()).open(receive_buffer=2048)
    fetched = service.metric("fetched_bytes_total", None)
    for _ in range(100):
        s.send_request("GET", path_of(references[0][0]))
    until(lambda: service.metric("fetched_bytes_total", None) > fetched, 20, "an answer, unread")
    service.stop()
    s.close()
