"""The log: its level and its form, and the reasons that it names and answers do not."""
import json
import re
import signal
import socket
import ssl
import time

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from client import until
from processes import instrumented
from tls import Authority, TlsConnection, pair

PATIENCE = 60 if instrumented() else 20


def reload(service):
    before = service.metric("reloads_total", pool=None, result="done")
    service.write_config()
    service.process.send_signal(signal.SIGHUP)
    until(lambda: service.metric("reloads_total", pool=None, result="done") > before, PATIENCE, "the reload")


def test_level_and_format_by_reload(fixture):
    """Every line of JSON is one object; the embedded Redis' lines have levels of their own, and no second time."""
    service = fixture.service(log={"format": "json", "level": "debug"}).start()
    with service.client() as c:
        c.reserve()
    lines = [json.loads(line) for line in service.log().splitlines() if not line.startswith("/")]
    assert all({"ts", "level", "subject", "msg"} <= set(line) for line in lines)
    redis = [line for line in lines if line["subject"] == "redis-server"]
    assert {line["level"] for line in redis} == {"warn"}  # it is started with the level of its warnings
    assert all(not re.match("[0-9]+:", line["line"]) for line in redis), redis
    seen = len(service.log())
    service.config["log"] = {"format": "logfmt", "level": "error"}
    reload(service)
    assert service.log()[seen:] == ""
    service.config["log"] = {}
    del service.config["log"]
    reload(service)
    assert 'level=info subject=reload msg="reloaded"' in service.log()[seen:]
    assert 'changed="app.log.level"' in service.log()[seen:]
    assert service.metric("log_lines_dropped_total", pool=None) == 0


def test_why_a_bearer_token_is_refused(fixture, tmp_path):
    """The log says which of the rules it was; the answer is the same for all."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    (tmp_path / "key.pem").write_bytes(keys[0].public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    service = fixture.service(fixture.redis(), {"tests": {"jwt-auth": {"keys": [str(tmp_path / "key.pem")], "issuer": "i", "audience": "a"}}})
    service.start()
    good = {"iss": "i", "aud": "a", "exp": time.time() + 600}
    cases = [(jwt.encode(good, "s" * 40, "HS256"), "no configured key has its alg"),
             (jwt.encode({**good, "iss": "j"}, keys[0], "ES256"), "its iss is not jwt-auth.issuer"),
             (jwt.encode({**good, "aud": "b"}, keys[0], "ES256"), "its aud does not contain jwt-auth.audience"),
             (jwt.encode(good, keys[1], "ES256"), "none of the keys that it could be of has signed it"),
             (jwt.encode(good, keys[0], "ES256", headers={"typ": "at+jwt"}), "its typ is not the one of jwt-auth.type"),
             (jwt.encode(good, keys[0], "ES256", headers={"typ": "dpop+jwt"}), "its typ is neither JWT nor at+jwt"),
             (jwt.encode(good, keys[0], "ES256", headers={"crit": ["x"]}), "its header has the member crit"),
             (jwt.encode({"iss": "i", "aud": "a"}, keys[0], "ES256"), "it has no exp"),
             (jwt.encode({**good, "exp": 1}, keys[0], "ES256"), "its exp has passed"),
             (jwt.encode({**good, "nbf": time.time() + 500}, keys[0], "ES256"), "its nbf or iat lies ahead"),
             ("a.b", "it does not have three parts"), ("a.b.c", "its header is not a JSON object"),
             ("x" * 5000, "it is longer than 4096 bytes")]
    with service.client() as c:
        for token, why in cases:
            r = c.issuer.request("POST", "/pools/tests/new-references", {"Authorization": f"Bearer {token}"}, b"")
            assert r.status == 401 and why not in r.body.decode(), r
            assert f'msg="bearer token refused" reason="{why}' in service.log(), why


def test_why_a_handshake_failed(fixture, tmp_path):
    authority, clients, strangers = (Authority(tmp_path / n, n) for n in ("authority", "clients", "strangers"))
    service = fixture.service(fixture.redis())
    service.issuer = ("127.0.0.1", service.public[1] + 1)
    service.config["listen"]["issuer"] = "127.0.0.1:%d" % service.issuer[1]
    service.config["tls"] = {"issuer": {**pair(authority.issue("i")), "client-ca": str(clients.path), "client-certificates": "required"}}
    service.config["log"] = {"level": "debug"}
    service.start()

    def handshake(context):
        with socket.create_connection(service.issuer, 10) as s:
            try:
                with context.wrap_socket(s, server_hostname="localhost") as t:
                    t.recv(1)
            except OSError:
                pass

    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.options |= ssl.OP_NO_TLSv1_2 | ssl.OP_NO_TLSv1_3
    old.set_ciphers("ALL:@SECLEVEL=0")
    for attempt, why in ((lambda: handshake(authority.context()), "peer did not return a certificate"),
                         (lambda: handshake(authority.context(strangers.issue("s"))), "unable to get local issuer certificate"),
                         (lambda: handshake(old), "unsupported protocol")):
        attempt()
        until(lambda: f'msg="a handshake with a client failed" reason="{why}' in service.log(), PATIENCE, why)
    with socket.create_connection(service.issuer, 10) as s:
        s.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        until(lambda: 'reason="http request"' in service.log(), PATIENCE, "plain HTTP")
    with socket.create_connection(service.issuer, 10):
        pass
    until(lambda: "level=debug subject=tls" in service.log(), PATIENCE, "a probe of the port")
    assert "127.0.0.1" not in service.log().replace(f"127.0.0.1:{service.issuer[1]}", "").replace(f"127.0.0.1:{service.public[1]}", "")
    with TlsConnection(service.issuer, authority.context(clients.issue("c"))) as c:
        assert c.request("POST", "/pools/tests/new-references", {"X-Api-Key": "key-of-tests"}).status == 200
