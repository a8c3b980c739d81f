"""TLS to Redis: a real server with an authority of the test's own; which connections are accepted or refused, and the words for it."""
import datetime
import os
import re
import shutil
import signal
import subprocess
import threading
import time

import pytest

from client import until
from processes import BINARY, free_port
from test_backup import ctl, ctl_json
from test_redis import works
from tls import Authority, pair, tls_redis
from tokens import fetch_token


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "authority")


def over_tls(fixture, authority, *extra, pools=None, **more):
    redis, options = tls_redis(fixture, authority, *extra, **more)
    service = fixture.service(redis, pools)
    service.config["redis"] = options
    return redis, service


def refuses(service, *words):
    """It does not start, and says why."""
    service.spawn()
    assert service.wait_end() == 1
    for w in ("refusing to start", *words):
        assert w in service.log(), service.log()


def unready(service, pattern):
    service.spawn()
    until(lambda: service.alive() and re.search(pattern, service.readiness()[1]), 30, pattern)


@pytest.mark.tsan
@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_every_call(fixture, authority, version):
    redis, service = over_tls(fixture, authority, "--tls-protocols", version)
    works(service.start())
    connections = [c for c in redis.client.client_list() if c["name"].startswith("statuslistd:")]
    assert len(connections) == 5, "keeper, loader, feed, two workers"
    assert all(c["addr"].startswith("127.0.0.1:") for c in connections), "there is no plain port"


@pytest.mark.parametrize("key", ["host", "server-name"])
def test_by_name(fixture, authority, key):
    _, service = over_tls(fixture, authority)
    if key == "host":
        service.config["redis"]["host"] = "localhost"
    else:
        service.config["redis"]["tls"]["server-name"] = "localhost"
    works(service.start())


def test_large_lists_and_batches(fixture, authority):
    _, service = over_tls(fixture, authority, pools={"tests": {"size": 1 << 19, "bits": 8, "update-interval": "0s",
                                                             "prefetch": {"capacity": 20000, "threshold": 100}}})
    service.start()
    with service.client() as c:
        references = c.reserve(5000)
        sets = [(uri, index, n % 255 + 1) for n, (uri, index) in enumerate(references)]
        assert c.try_batch(sets).status == 204
        for uri in {u for u, _, _ in sets}:
            wanted = {i: v for u, i, v in sets if u == uri}
            until(lambda uri=uri, wanted=wanted: fetch_token(c, uri).nonzero() == wanted, 20, "the batch")


def test_clients_that_have_to_show_a_certificate(fixture, authority, tmp_path):
    _, service = over_tls(fixture, authority, clients="yes")
    service.spawn()  # whether the alert of TLS 1.3 comes before the end of the connection is chance
    until(lambda: re.search(r"does (it|Redis) ask for a certificate \(redis.tls.certificate\)", service.log()), 30, "the reason")
    service.kill()
    tls = service.config["redis"]["tls"]
    other, seen = Authority(tmp_path / "other"), len(service.log())
    tls |= pair(other.issue("unknown"))
    service.spawn()
    until(lambda: re.search("Redis ends the TLS connection|does Redis ask for a certificate", service.log()[seen:]), 30, "the reason")
    service.kill()
    password = tmp_path / "password"
    password.write_text("se cret#2\n")
    password.chmod(0o600)
    tls |= {**pair(authority.issue("us", password=b"se cret#2")), "password-file": str(password)}
    works(service.start())
    assert "se cret#2" not in service.log()


def test_another_authority(fixture, authority, tmp_path):
    _, service = over_tls(fixture, authority)
    service.config["redis"]["tls"]["ca"] = str(Authority(tmp_path / "other", "other").path)
    refuses(service, "the certificate of Redis is refused", "redis.tls.ca")
    del service.config["redis"]["tls"]["ca"]
    refuses(service, "leads to an authority of this system: name redis.tls.ca")
    service.config["redis"]["tls"]["verify"] = "none"
    works(service.start())
    assert "learn its password" in subprocess.run([BINARY, "--config", service.write_config(), "--check"], text=True,
                                                   env=service.environment(), capture_output=True).stderr


def test_another_name(fixture, authority):
    _, service = over_tls(fixture, authority)
    service.config["redis"]["tls"]["server-name"] = "redis.example"
    refuses(service, "the certificate of Redis is refused: it is not for redis.example (redis.tls.server-name)")
    service.config["redis"]["tls"]["verify"] = "chain"
    works(service.start())


def test_an_expired_certificate(fixture, authority):
    _, service = over_tls(fixture, authority, days=-0.01)
    refuses(service, "the certificate of Redis is refused: certificate has expired")


def test_a_port_without_tls(fixture, authority):
    redis = fixture.redis(extra=["--port", str(port := free_port()), "--bind", "127.0.0.1"])
    service = fixture.service(redis)
    service.config["redis"] = {"host": "127.0.0.1", "port": port, "command-timeout": "500ms",
                               "tls": {"enabled": True, "ca": str(authority.path)}}
    unready(service, "no TLS handshake with Redis for 500 ms: is redis.port its TLS port|the server does not speak TLS")


def test_a_port_with_tls_that_is_not_configured(fixture, authority):
    _, service = over_tls(fixture, authority)
    del service.config["redis"]["tls"]
    unready(service, r"does Redis speak TLS there \(redis.tls.enabled\)\?")


def test_files_that_cannot_be_used(fixture, authority, tmp_path):
    """Each mistake by its line, before anything is connected; secrets stay secret."""
    service = fixture.service(None)
    password = tmp_path / "password"
    password.write_text("not the one\n")
    password.chmod(0o600)
    certificate, key = authority.issue("us", password=b"se cret#2")
    service.config["redis"] = {"tls": {"enabled": True, "ca": str(tmp_path / "nowhere"), "certificate": str(certificate),
                                       "key": str(key), "password-file": str(password)}}

    def said():
        r = subprocess.run([BINARY, "--config", service.write_config(), "--check"], env=service.environment(), text=True,
                           capture_output=True)
        assert r.returncode == 1 and "not the one" not in r.stderr, r.stderr
        return r.stderr
    assert re.search(r"yaml:\d+: app.redis.tls.ca: .*nowhere", said())
    service.config["redis"]["tls"]["ca"] = str(authority.path)
    assert re.search(r"yaml:\d+: app.redis.tls.key: .*password", said())
    service.config["redis"]["tls"] |= pair(authority.issue("open", mode=0o644))
    del service.config["redis"]["tls"]["password-file"]
    assert re.search(r"yaml:\d+: app.redis.tls.key: .*open to other users", said())
    service.config["redis"]["tls"] |= pair(authority.issue("old", days=-0.01))
    assert re.search(r"yaml:\d+: app.redis.tls.certificate: .*expired on", said())


def test_export_and_import(fixture, authority, tmp_path):
    redis, service = over_tls(fixture, authority, clients="yes")
    certificate, key = authority.issue("us")
    service.config["redis"]["tls"] |= pair((certificate, key))
    service.start()
    with service.client() as c:
        references = c.reserve(200)
        c.update(*references[0], 1)
    shown = ["--client-cert", str(certificate), "--client-key", str(key)]
    options, backup = ["--cacert", str(authority.path), *shown], tmp_path / "tests.backup"
    here, (_, other) = f"tls:localhost:{service.config['redis']['port']}", tls_redis(fixture, authority, clients="yes", name="other")
    lists = ctl_json(here, "export", "tests", backup, options=options)["lists"]
    assert lists > 0
    assert ctl_json(f"tls:127.0.0.1:{other['port']}", "import", backup, options=options)["imported"]["made"] == lists

    def said(options, code, where=here):
        """Errors name the options of the command line."""
        words = ctl(where, "export", "tests", backup, options=options, code=code).stderr
        assert "redis.tls" not in words and "redis.port" not in words, words
        return words
    assert re.search("the certificate of Redis is refused: .* name --cacert", said(shown, 5))
    assert "does it ask for a certificate (--client-cert)" in said(options[:2], 5) or "(--client-cert)?" in said(options[:2], 5)
    other = Authority(tmp_path / "other")
    assert "expected one that leads to --cacert" in said(["--cacert", str(other.path), *shown], 5)
    assert "it is not for 127.1 (--redis)" in said(options, 5, here.replace("localhost", "127.1"))  # as a name
    for option, file, words in (("--client-cert", other.issue("unknown")[0], "does not belong to the key"),
                                ("--client-key", tmp_path / "nowhere", "nowhere"), ("--cacert", tmp_path / "nowhere", "nowhere"),
                                ("--client-key", other.issue("locked", password=b"open sesame")[1], "is encrypted")):
        changed = [str(file) if i > 0 and options[i - 1] == option else o for i, o in enumerate(options)]
        assert f"{option}: " in (text := said(changed, 64)) and words in text, text
    assert "expected --client-cert and --client-key together" in ctl(here, "export", "tests", backup, options=options[:4], code=64).stderr
    assert "nowhere" in ctl(here, "export", "tests", backup, options=["--cacert", str(tmp_path / "nowhere")], code=64).stderr
    redis.pause()
    assert "no TLS handshake for 1000 ms" in ctl(here, "export", "tests", backup, options=[*options, "--timeout", "1"], code=5).stderr


@pytest.mark.tsan
def test_redis_that_is_killed_under_load(fixture, authority):
    """What was acknowledged is there; what was refused as not happened may be sent again."""
    redis, service = over_tls(fixture, authority)
    service.start()
    with service.client() as c:
        references = c.reserve(400)
    done, end = {}, threading.Event()

    def update(part):
        with service.client() as c:
            for uri, index in references[part::4]:
                done[uri, index] = until(lambda uri=uri, index=index: c.try_update(uri, index, 1).status == 204, 60, "an update")
                if end.wait(0.005):
                    break
    threads = [threading.Thread(target=update, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    for _ in range(3):
        before = len(done)
        until(lambda before=before: len(done) > min(before + 20, 395), 60, "updates")
        redis.restart()
    for t in threads:
        t.join()
    assert len(done) == 400
    service.wait_ready()
    with service.client() as c:
        assert all(c.status(uri, index) == 1 for uri, index in references)


def warnings(service):
    return [line for line in service.log().splitlines() if 'shown-to="redis"' in line]


def test_the_end_of_our_certificate(fixture, authority):
    """A metric, and lines in the log ahead of it: at the start, and after a reload."""
    _, service = over_tls(fixture, authority, clients="yes")
    before = datetime.datetime.utcnow() - datetime.timedelta(days=54)
    paths = authority.issue("us", days=17.9, before=before)
    service.config["redis"]["tls"] |= pair(paths)
    checked = subprocess.run([str(BINARY), "--config", str(service.write_config()), "--check"], text=True, capture_output=True)
    assert checked.returncode == 0 and "app.redis.tls: the certificate expires in 17 days" in checked.stderr
    works(service.start())
    assert len(warnings(service)) == 1 and "expires soon" in warnings(service)[0] and "days=17" in warnings(service)[0]
    end = service.metric("redis_certificate_not_after_seconds", pool=None)
    assert abs(end - time.time() - 17.9 * 86400) < 120

    def reload(**how):
        shutil.copy(authority.issue("next", **how)[0], paths[0])
        shutil.copy(authority.directory / "next.key.pem", paths[1])
        n = service.metric("reloads_total", pool=None, result="done")
        service.process.send_signal(signal.SIGHUP)
        until(lambda: service.metric("reloads_total", pool=None, result="done") > n, 30, "the reload")
    reload(days=3.5, before=before)
    assert len(warnings(service)) == 2 and "days=3" in warnings(service)[1]
    reload(days=300)
    assert len(warnings(service)) == 2 and service.metric("redis_certificate_not_after_seconds", pool=None) > end + 100 * 86400


def test_renewed_while_it_runs(fixture, authority, tmp_path):
    """A new authority and a new certificate of ours, in the files that are configured: a reload is enough."""
    redis, service = over_tls(fixture, authority, clients="yes")
    files = {k: tmp_path / k for k in ("ca", "certificate", "key")}

    def put(a):
        paths = a.issue("us")
        for name, source in zip(files, (a.path, *paths)):
            shutil.copy(source, files[name])
        os.chmod(files["key"], 0o600)
    put(authority)
    service.config["redis"]["tls"] |= {k: str(p) for k, p in files.items()}
    works(service.start())
    other = Authority(tmp_path / "other", "other")
    certificate, key = other.issue("redis")
    redis.extra = [*redis.extra, "--tls-cert-file", str(certificate), "--tls-key-file", str(key),
                   "--tls-ca-cert-file", str(other.path)]
    redis.restart()
    until(lambda: "the certificate of Redis is refused" in service.readiness()[1], 30, "a refused certificate")
    put(other)
    service.process.send_signal(signal.SIGHUP)
    until(lambda: '"reloaded"' in service.log() or "reloaded" in service.log(), 30, "the reload")
    service.wait_ready()
    works(service)
