"""SIGHUP: keys, certificates, API keys and options change while the service runs, and no request notices."""
import calendar
import contextlib
import itertools
import pathlib
import signal
import subprocess
import threading
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from client import Connection, until
from processes import BINARY, free_port, instrumented
from signers import Signer, certificate
import tls
from tls import Authority, TlsClient, TlsConnection, pair
from tokens import Token, fetch_token

PATIENCE = 60 if instrumented() else 20


def reloads(service, result="done"):
    return service.metric("reloads_total", pool=None, result=result)


def send(service):
    service.write_config()
    service.process.send_signal(signal.SIGHUP)


def reload(service, result="done"):
    """Sends SIGHUP with the configuration as it now is, and waits until it has been put in force, or refused."""
    before = reloads(service, result)
    send(service)
    until(lambda: service.alive() and reloads(service, result) > before, PATIENCE, f"a reload that is {result}")


def refused(service, *said):
    """A reload that is refused, and what the log says of it since."""
    seen, done = len(service.log()), reloads(service)
    reload(service, "refused")
    assert reloads(service) == done
    log = service.log()[seen:]
    for text in (*said, "stays in effect"):
        assert text in log, log


def in_part(service, *said):
    """A reload that is put in force but for what the log names."""
    seen = len(service.log())
    reload(service, "partly")
    log = service.log()[seen:]
    for text in (*said, "but not all of it could be put in force"):
        assert text in log, log
    return log


def signed_by(client, uri, signer):
    """The list's token once it is signed with that signer's key."""
    return until(lambda: (t := fetch_token(client, uri)).chain == signer.chain and t, PATIENCE, f"a token by {signer.name}")


class Load:
    """Clients that never stop asking; every answer is checked."""

    def __init__(self, service, uri, indices, chains):
        self.service, self.uri, self.chains = service, uri, chains
        self.stop, self.errors, self.counts = threading.Event(), [], {}
        self.indices = itertools.cycle(indices)
        work = [self.fetch, self.fetch, self.reserve, self.update, self.update]
        self.threads = [threading.Thread(target=self.run, args=(w,)) for w in work]
        for t in self.threads:
            t.start()

    def run(self, work):
        try:
            with self.service.client(key="stable-key") as c:
                iat = 0
                while not self.stop.is_set():
                    iat = work(c, iat)
                    self.counts[work.__name__] = self.counts.get(work.__name__, 0) + 1
        except BaseException as e:  # noqa: B902 - raised again by end()
            self.errors.append(e)

    def fetch(self, c, iat):
        t = fetch_token(c, self.uri)  # 200, and the signature is that of the leaf in it
        assert t.iat >= iat and t.chain in self.chains
        return t.iat

    def reserve(self, c, iat):
        c.reserve(2)
        return iat

    def update(self, c, iat):
        c.update(self.uri, next(self.indices), 1 if time.time() % 2 < 1 else 0)
        return iat

    def end(self):
        self.stop.set()
        for t in self.threads:
            t.join()
        if self.errors:
            raise self.errors[0]
        return self.counts


@pytest.mark.tsan
def test_no_request_fails_while_keys_change(fixture):
    signers = [Signer(fixture.directory / f"s{i}", f"signer {i}") for i in range(7)]
    chains = [signers[0].chain]
    options = {"api-keys": ["stable-key", "first-key"], "signer": signers[0].pem(), "update-interval": "0s", "size": 100000,
               "prefetch": {"threshold": 100, "capacity": 200}}
    service = fixture.service(fixture.redis(), {"tests": options, "other": {}})
    del service.options()["api-key"]
    service.start()
    with service.client(key="stable-key") as c, service.client(key="first-key") as old:
        references = c.reserve(50)
        uri = references[0][0]
        first = signed_by(c, uri, signers[0])
        load = Load(service, uri, [i for u, i in references if u == uri], chains)
        try:
            tokens = [first]
            for n, s in enumerate(signers[1:], 1):
                chains.append(s.chain)
                form = n % 3
                service.options()["signer"] = (s.pem() if form == 0 else s.encrypted_pem(b"correct horse") if form == 1
                                               else s.keystore(b"correct horse"))
                service.options()["api-keys"] = ["stable-key", f"key-{n}", f"key-{n + 1}"]
                reload(service)
                tokens.append(signed_by(c, uri, s))
                with service.client(key=f"key-{n}") as now:
                    now.reserve()
                assert old.try_reserve().status == 401
                with service.client(key=f"key-{n - 1}") as before:
                    assert before.try_reserve().status == 401
            for _ in range(10):  # the same again and again, faster than they can be seen to
                send(service)
                time.sleep(0.03)
        finally:
            counts = load.end()
        assert min(counts.values()) >= 20 and set(counts) == {"fetch", "reserve", "update"}, counts
        # What was handed out before is as good as ever.
        for t, s in zip(tokens, signers):
            assert Token(t.text).chain == s.chain
        with service.client("other") as other:
            other.reserve()
    assert reloads(service, "refused") == 0


def test_a_file_replaced_at_its_place(fixture):
    """The usual renewal: the configuration names the same paths."""
    a, b = Signer(fixture.directory / "s", "a"), Signer(fixture.directory / "s", "b")
    service = fixture.service(fixture.redis(), {"tests": {"signer": a.pem()}}).start()
    with service.client() as c:
        uri, index = c.reserve()[0]
        before = signed_by(c, uri, a)
        b.pem()
        reload(service)
        after = signed_by(c, uri, b)
        assert after.iat >= before.iat and "app.status-list-pools.tests.signer.(key)" in service.log()
        # Nothing has changed: nothing is signed again.
        lists = len(c.lists())
        until(lambda: service.metric("signings_total") >= 2 * lists, PATIENCE, "the spare list, too")
        signed = service.metric("signings_total")
        reload(service)
        assert 'changed="nothing"' in service.log()
        c.update(uri, index, 1)  # its publication comes after all that the reload may have asked for
        until(lambda: fetch_token(c, uri).status(index) == 1, PATIENCE, "the update")
        assert service.metric("signings_total") == signed + 1


def test_api_keys_roll_over(fixture):
    service = fixture.service(fixture.redis(), {"tests": {}, "other": {}}).start()
    path = fixture.directory / "api-key"

    def answers(**expected):
        for key, status in expected.items():
            with service.client(key=key) as c:
                assert c.try_reserve().status == status, key

    options = service.options()
    options["api-key"] = "old"
    reload(service)
    answers(old=200, new=401)
    del options["api-key"]
    options["api-keys"] = ["old", "new"]
    reload(service)
    answers(old=200, new=200)
    options["api-keys"] = ["new"]
    reload(service)
    answers(old=401, new=200)
    del options["api-keys"]
    path.write_text("in-a-file\n")
    path.chmod(0o600)
    options["api-key-file"] = str(path)
    reload(service)
    answers(old=401, new=401, **{"in-a-file": 200})
    path.write_text("changed\n")
    reload(service)
    answers(changed=200, **{"in-a-file": 401})
    with service.client("other") as c:  # another pool's are as they were, and open that one only
        c.reserve()
        c.pool = "tests"
        assert c.try_reserve().status != 200
    assert "in-a-file" not in service.log() and "changed\"" not in service.log().replace('level', '')


def test_keys_of_bearer_tokens_roll_over(fixture):
    """A verified token that is remembered is refused once its key is gone."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    paths = [fixture.directory / f"{n}.pem" for n in range(2)]
    for key, path in zip(keys, paths):
        path.write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    service = fixture.service(fixture.redis(), {"tests": {}, "other": {}}, workers=1).start()
    tokens = [jwt.encode({"iss": "i", "exp": time.time() + 600}, key, "ES256") for key in keys]

    def answers(*expected):
        for _ in range(3):
            for token, status in zip(tokens, expected):
                with service.client() as c:
                    r = c.issuer.request("POST", "/pools/tests/new-references", {"Authorization": f"Bearer {token}"}, b"")
                    assert r.status == status, r

    def use(*files, issuer="i"):
        service.options().pop("jwt-auth", None)
        if files:
            service.options()["jwt-auth"] = {"keys": [str(f) for f in files], "issuer": issuer}
        reload(service)

    answers(401, 401)
    use(paths[0])
    answers(200, 401)
    use(*paths)
    answers(200, 200)
    use(paths[1])
    answers(401, 200)
    use(*paths, issuer="j")
    answers(401, 401)
    use(*paths)
    answers(200, 200)
    paths[0].write_bytes(paths[1].read_bytes())
    in_part(service, "jwt-auth.keys", "the same key twice in one pool")
    answers(401, 200)  # the first has been taken away, whatever else is wrong
    paths[1].write_text("no key")
    in_part(service, "jwt-auth.keys", "it contains no PEM")
    answers(401, 200)  # the first file has the second key
    use()
    answers(401, 401)


def test_a_bad_signer_changes_nothing_but_itself(fixture):
    """The pool keeps its key; whatever else is in the file comes into force. Mistakes of the file itself refuse all of it."""
    good, other = Signer(fixture.directory / "good", "good"), Signer(fixture.directory / "other", "other")
    old = Signer(fixture.directory / "old", "old", ends=-10)
    early = Signer(fixture.directory / "early", "early", begins=3600)
    service = fixture.service(fixture.redis(), {"tests": {"signer": good.pem()}, "second": {}}).start()
    options = service.options()
    with contextlib.ExitStack() as mine:
        c = mine.enter_context(service.client())
        uri, index = c.reserve()[0]
        signed_by(c, uri, good)
        mixed = {"pem": {"key": good.pem()["pem"]["key"], "certificate": other.pem()["pem"]["certificate"]}}
        wrong = other.keystore(b"right")
        other.put("signer.password", b"wrong")
        cases = [(mixed, "does not belong to the key"), (other.pem(file="open", mode=0o640), "(mode 0640): chmod 600"),
                 (old.pem(), "expired on"), (early.pem(), "is not valid before"), (wrong, "cannot be opened with the password"),
                 ({"pem": {"key": str(fixture.directory / "nowhere"), "certificate": "x"}}, "No such file")]
        for n, (signer, said) in enumerate(cases):
            options["signer"] = signer
            options["api-key"] = f"key-{n}"
            options["ttl"] = f"{30 + n}s"
            log = in_part(service, said, 'pool="tests"', "the pool keeps the key that it has",
                          'not-in-force="app.status-list-pools.tests.signer"')
            assert "tests.ttl" in log and "tests.signer.(key)" not in log and "signer.pem" not in log.split("changed=")[1]
            with service.client(key=f"key-{n}") as now, service.client(key=f"key-{n - 1}") as before:
                now.reserve()
                assert before.try_reserve().status == 401
            t = until(lambda: (t := fetch_token(c, uri)).claims["ttl"] == 30 + n and t, PATIENCE, "the new claims")
            assert t.chain == good.chain
        c = mine.enter_context(service.client(key=f"key-{n}"))
        # Two pools wrong at once: both are said.
        options["signer"] = mixed
        service.options("second")["signer"] = {"pem": {"key": "nowhere"}}
        in_part(service, 'pool="tests"', 'pool="second"')
        service.options("second")["signer"] = {"generate": True}
        options["signer"] = good.pem()
        done = reloads(service)
        options["api-key"] = "never-in-force"
        options["ttl"], options["bits"], service.config["nonsense"] = "2h", 3, 1
        refused(service, "ttl: 2h is more than a quarter", "bits: '3'", "nonsense: unknown key")
        del service.config["nonsense"]
        (service.directory / "statuslistd.yaml").write_text("app: [\n")
        before = reloads(service, "refused")
        service.process.send_signal(signal.SIGHUP)
        until(lambda: reloads(service, "refused") > before, PATIENCE, "a refused reload")
        # As it was: the key, the API key, the claims; and it still works.
        with service.client(key="never-in-force") as never:
            assert never.try_reserve().status == 401
        c.update(uri, index, 1)
        t = until(lambda: (t := fetch_token(c, uri)).status(index) == 1 and t, PATIENCE, "the update")
        assert t.chain == good.chain and t.claims["ttl"] == 30 + n
        assert reloads(service) == done
        # And what was wrong is no obstacle to the next.
        options.update({"bits": 1, "ttl": "20s", "api-key": f"key-{n}", "signer": other.pem()})
        reload(service)
        assert signed_by(c, uri, other).claims["ttl"] == 20
    assert "never-in-force" not in service.log()


@pytest.mark.tsan
def test_options(fixture):
    """Options that may change do; those that may not are named in a warning and stay."""
    service = fixture.service(fixture.redis(), {"tests": {"ttl": "60s"}, "gone": {}}, workers=2).start()
    options = service.options()
    with service.client() as c, service.client("gone") as gone:
        uri, _ = c.reserve()[0]
        assert fetch_token(c, uri).claims["ttl"] == 60
        gone_uri, gone_index = gone.reserve()[0]
        options.update({"ttl": "45s", "issuer": "https://another.example", "aggregation-uri": True, "size": 2000,
                        "final-status": 1, "prefetch": {"on-underflow": "fail", "capacity": 500}})
        service.config["workers"] = 3
        service.config["limits"] = {"connections": 500}
        service.config["redis"]["command-timeout"] = "3s"
        pool_of_old = service.config["status-list-pools"].pop("gone")
        service.config["status-list-pools"]["new"] = service.pool("new", {})
        seen = len(service.log())
        reload(service)
        log = service.log()[seen:]
        for line in ("app.workers: takes effect only at the next start; until then the value stays 2",
                     "tests.size: cannot change while the pool has lists, so the next start would not open the pool; the value stays 1000",
                     "tests.final-status: takes effect only at the next start; until then the value stays absent",
                     "tests.prefetch.capacity: takes effect", "app.limits.connections: takes effect", "app.redis.command-timeout: takes effect",
                     "pools.gone: is gone from the file", "pools.new: is new"):
            assert line in log, log
        for key in ("ttl", "issuer", "aggregation-uri", "prefetch.on-underflow"):
            assert f"app.status-list-pools.tests.{key}" in log.split("changed=")[1]
        t = until(lambda: (t := fetch_token(c, uri)).claims["ttl"] == 45 and t, PATIENCE, "the new claims")
        assert t.claims["iss"] == "https://another.example"
        assert t.claims["status_list"]["aggregation_uri"].endswith("/aggregation/tests")
        assert len(t.raw) * 8 == 1000
        # The pool that the file lacks goes on, with its API key; the new one is not there.
        gone.update(gone_uri, gone_index, 1)
        until(lambda: fetch_token(gone, gone_uri).status(gone_index) == 1, PATIENCE, "the update")
        with service.client("tests", key="key-of-new") as new:
            assert new.try_reserve().status == 401
        # Retiring, and back.
        options["retired"] = True
        reload(service)
        assert c.try_reserve().status == 409
        options["retired"] = False
        service.config["status-list-pools"]["gone"] = pool_of_old
        pool_of_old["ttl"] = "33s"
        reload(service)
        c.reserve()
        until(lambda: fetch_token(gone, gone_uri).claims["ttl"] == 33, PATIENCE, "the new claims")


@pytest.mark.parametrize("renewed", ["before", "after"])
def test_the_end_of_a_certificate(fixture, renewed):
    """No token is signed beyond the certificate's end; signed ones are served until they expire; a new certificate ends it."""
    life = 25 if instrumented() else 12
    short, long = Signer(fixture.directory / "short", "short", ends=life), Signer(fixture.directory / "long", "long")
    end = calendar.timegm(short.leaf.not_valid_after.timetuple())
    options = {"signer": short.pem(), "list-lifetime": "1h", "ttl": "2s", "update-interval": "0s"}
    service = fixture.service(fixture.redis(), {"tests": options}).start()
    assert 'the certificate expires soon' in service.log() and "not-after=" in service.log()
    with service.client() as c:
        uri, index = c.reserve()[0]
        t = fetch_token(c, uri)
        not_after = service.metric("certificate_not_after_seconds")
        assert t.exp == not_after == end  # far less than an hour
        assert service.metric("signer_expired") == 0
        if renewed == "after":
            until(lambda: time.time() > not_after, life + 10, "the end of the certificate")
            c.close()  # the connection was idle for longer than one may be
            r = until(lambda: (r := c.fetch(uri)).status == 503 and r, PATIENCE, "the end of the token")
            assert r["retry-after"] is not None and r.problem()["code"] == "UNAVAILABLE"
            assert service.metric("signer_expired") == 1
            for query in ("", "?for=issuer"):
                ready, reason = service.readiness(query)
                assert not ready and "the certificate of pool tests expired on" in reason, reason
            c.update(uri, index, 1)  # Redis has it; no token can show it yet
            assert c.fetch(uri).status == 503
            until(lambda: "nothing is signed until another is loaded" in service.log(), PATIENCE, "the log")
        service.options()["signer"] = long.pem()
        reload(service)
        t = until(lambda: (r := c.fetch(uri)).status == 200 and (t := Token(r.body)).chain == long.chain and t, PATIENCE,
                  "a token with the new certificate")
        assert t.exp - t.iat == 3600
        if renewed == "after":
            assert t.status(index) == 1
        service.wait_ready()
        assert service.metric("signer_expired") == 0
        assert service.metric("certificate_not_after_seconds") > time.time() + 80 * 86400


@pytest.mark.tsan
def test_tls_changes(fixture, tmp_path):
    """A listener's certificates: open connections go on, new ones get the new certificate; TLS goes off and on again."""
    authority = Authority(tmp_path / "authority")
    service = fixture.service(fixture.redis(), {"tests": {}})
    service.config["tls"] = {"public": pair(authority.issue("first"))}
    service.start()
    context = authority.context()

    def shown():
        with TlsConnection(service.public, context) as c:
            return c.sock.getpeercert()["serialNumber"]

    with TlsClient(service, context) as c:
        c.reserve()
        first = shown()
        service.config["tls"] = {"public": pair(authority.issue("second", days=20))}
        reload(service)
        assert "app.tls.public.(certificate)" in service.log()
        second = shown()
        assert second != first
        c.reserve()  # on the connection that was open
        service.config["tls"]["public"]["key"] = str(authority.issue("third")[1])
        in_part(service, "app.tls.public.certificate", "does not belong", 'not-in-force="app.tls.public"')
        assert shown() == second
        c.reserve()
        del service.config["tls"]
        reload(service)
        with service.client() as plain:
            plain.reserve()
        service.config["tls"] = {"public": pair(authority.issue("fourth"))}
        reload(service)
        assert shown() not in (first, second)


def check(service):
    r = subprocess.run([str(BINARY), "--config", str(service.write_config()), "--check"], capture_output=True, text=True,
                       env=service.environment(), cwd=service.directory, stdin=subprocess.DEVNULL)
    return r.returncode, r.stdout + r.stderr


def test_tls_stays_with_an_address_that_stays(fixture, tmp_path):
    """A file without the issuers' address, and so without its TLS: the address is served until the next start, as it was."""
    authority, clients = Authority(tmp_path / "authority"), Authority(tmp_path / "clients", "clients")
    service = fixture.service(fixture.redis(), {"tests": {}})
    service.issuer = ("127.0.0.1", free_port())
    service.config["listen"]["issuer"] = "127.0.0.1:%d" % service.issuer[1]
    demanding = {"client-ca": str(clients.path), "client-certificates": "required"}
    service.config["tls"] = {"issuer": {**pair(authority.issue("issuer")), **demanding}}
    service.start()
    service.config["listen"]["issuer"] = "same"
    del service.config["tls"]
    reload(service)
    assert "app.tls.issuer.certificate: takes effect only at the next start" in service.log()
    with pytest.raises(ConnectionError), Connection(service.issuer) as plain:
        plain.request("POST", "/pools/tests/new-references", {"X-Api-Key": "key-of-tests"})
    assert tls.refused(service.issuer, authority.context())
    with TlsConnection(service.issuer, authority.context(clients.issue("known"))) as c:
        assert c.request("POST", "/pools/tests/new-references", {"X-Api-Key": "key-of-tests"}).status == 200


def test_another_authority_of_client_certificates(fixture, tmp_path):
    """Connected clients go on; new ones are judged by the new authority, and no old session ticket gets past it."""
    authority = Authority(tmp_path / "authority")
    old, new = Authority(tmp_path / "old", "old"), Authority(tmp_path / "new", "new")
    service = fixture.service(fixture.redis(), {"tests": {}})
    service.issuer = ("127.0.0.1", free_port())
    service.config["listen"]["issuer"] = "127.0.0.1:%d" % service.issuer[1]
    service.config["tls"] = {"issuer": {**pair(authority.issue("issuer")), "client-ca": str(old.path), "client-certificates": "required"}}
    service.start()
    before, after = authority.context(old.issue("i")), authority.context(new.issue("i"))
    with TlsConnection(service.issuer, before) as stays:
        assert stays.request("GET", "/x").status == 404
        service.config["tls"]["issuer"]["client-ca"] = str(new.path)
        reload(service)
        assert "app.tls.issuer.client-ca, app.tls.issuer.(client-ca)" in service.log()
        assert stays.request("GET", "/x").status == 404
        assert tls.refused(service.issuer, before)
        session = TlsConnection(service.issuer, before, session=stays.sock.session)
        with pytest.raises(OSError):
            session.open().request("GET", "/x")
        with TlsConnection(service.issuer, after) as c:
            assert c.request("GET", "/x").status == 404


@pytest.mark.tsan
def test_tls_is_exchanged_under_load(fixture, tmp_path):
    """Handshakes of all kinds while the context is replaced again and again: none fails, none leaks."""
    authority = Authority(tmp_path / "authority")
    service = fixture.service(fixture.redis(), {"tests": {}})
    service.config["tls"] = {"public": pair(authority.issue("public"))}
    service.start()
    stop, errors, counts = threading.Event(), [], [0, 0]

    def shake():
        context, session = authority.context(), None
        try:
            while not stop.is_set():
                with TlsConnection(service.public, context, session=session) as c:
                    assert c.request("GET", "/x").status == 404
                    session = c.sock.session
                    counts[c.sock.session_reused] += 1
        except BaseException as e:  # noqa: B902 - raised again below
            errors.append(e)

    def idle():  # between accept and the first byte the context of the accept holds
        import socket
        while not stop.is_set():
            with socket.create_connection(service.public) as s:
                time.sleep(0.05)
                with authority.context().wrap_socket(s, server_hostname="localhost") as t:
                    t.sendall(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
                    if not t.recv(100).startswith(b"HTTP/1.1 404"):
                        errors.append("the late one")

    threads = [threading.Thread(target=f) for f in (shake, shake, shake, idle)]
    for t in threads:
        t.start()
    try:
        for i in range(15):
            service.config["tls"]["public"] = pair(authority.issue(f"public{i % 2}", days=20 + i))
            reload(service)
    finally:
        stop.set()
        for t in threads:
            t.join()
    assert not errors, errors
    assert counts[0] >= 15 and counts[1] > 0, counts
    until(lambda: service.metric("http_connections", pool=None) <= 1, PATIENCE, "the end of all connections")


def test_who_issued_the_certificate_is_said(fixture):
    """A self-signed one gives a warning; a generated one has its anchor beside it, and the log says where. What an older version generated stays."""
    s = Signer(fixture.directory / "s", "s")
    s.leaf = s.root = s.middle = certificate("s", s.key)
    s.chain_pem = lambda: s.leaf.public_bytes(serialization.Encoding.PEM)
    service = fixture.service(fixture.redis(), {"tests": {"signer": s.pem()}, "made": {}, "older": {}})
    code, said = check(service)
    assert code == 0 and "tests.signer: the certificate is self-signed: certification and some readers refuse its tokens" in said
    keys = service.storage / "keys"
    keys.mkdir(mode=0o700, parents=True)
    older = Signer(fixture.directory / "older", "older")
    (keys / "older.key.pem").write_bytes(pathlib.Path(older.pem()["pem"]["key"]).read_bytes())
    (keys / "older.key.pem").chmod(0o600)
    (keys / "older.crt.pem").write_bytes(certificate("older", older.key).public_bytes(serialization.Encoding.PEM))
    service.start()
    lines = service.log().splitlines()
    for pool in ("tests", "older"):
        assert [line for line in lines if "level=warn " in line and "the certificate is self-signed" in line and f'pool="{pool}"' in line], lines
    anchor = keys / "made.ca.pem"
    assert anchor.exists() and not (keys / "older.ca.pem").exists()
    assert [line for line in lines if "verifiers trust this anchor" in line and f'anchor="{anchor}"' in line], lines


def test_refused_at_start(fixture):
    """The same checks with the same words as at the start; --check prints them too."""
    s = Signer(fixture.directory / "s", "s")
    service = fixture.service(fixture.redis(), {"tests": {"signer": s.keystore(b"secret")}}).start()
    assert check(service) == (0, "")
    short = Signer(fixture.directory / "short", "short", ends=3 * 86400 + 60).pem()
    service.options()["signer"], signer = short, service.options()["signer"]
    code, said = check(service)
    assert code == 0 and "tests.signer: the certificate expires in 3 days" in said
    service.options()["signer"] = signer
    with service.client() as c:
        assert fetch_token(c, c.reserve()[0][0]).chain == s.chain
    service.stop()
    (fixture.directory / "s" / "signer.password").chmod(0o604)
    code, said = check(service)
    assert code == 1 and "(mode 0604): chmod 600" in said
    service.spawn()
    assert service.wait_end() == 1
    assert "(mode 0604): chmod 600" in service.log() and 'pool="tests"' in service.log()


@pytest.mark.tsan
def test_signals_at_any_time(fixture):
    """Signals during the start, in a burst, and during the shutdown do no harm, and nothing leaks."""
    a, b = Signer(fixture.directory / "s", "a"), Signer(fixture.directory / "s", "b")
    service = fixture.service(fixture.redis(), {"tests": {"signer": a.keystore(b"secret")}})
    for _ in range(3):
        service.spawn()
        until(lambda: service.alive() and "SigBlk" in open(f"/proc/{service.process.pid}/status").read() and
              blocks_hangup(service.process.pid), PATIENCE, "signals are looked after")
        for s in (b, a, b):
            s.keystore(b"secret")  # one file, so that it is whole whenever it is read
            service.process.send_signal(signal.SIGHUP)
        service.wait_ready()
        until(lambda: reloads(service) >= 1, PATIENCE, "the reload that was asked for early")
        for i in range(30):
            (a, b)[i % 2].keystore(b"secret")
            service.process.send_signal(signal.SIGHUP)
        service.stop()


def blocks_hangup(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("SigBlk:"):
            return int(line.split()[1], 16) & 1 << signal.SIGHUP - 1
    return False
