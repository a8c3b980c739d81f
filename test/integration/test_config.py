"""Start: which configurations are refused and with which words; which values are printed and which are hidden."""
import hashlib
import re
import subprocess
import time

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from client import until
from processes import BINARY, ROOT, free_port
from tokens import Token, fetch_token, is_signed_by, make_certificate


def run(*arguments, cwd=None, seconds=30):
    return subprocess.run([str(BINARY), *map(str, arguments)], capture_output=True, text=True, timeout=seconds, cwd=cwd)


def write_pem(path, key, mode=0o600):
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                       serialization.NoEncryption()))
    path.chmod(mode)


def refused(service, *words):
    """The service ends by itself with status 1, and its log has these words."""
    service.spawn()
    assert service.wait_end(30) == 1, service.log()
    for word in words:
        assert word in service.log(), service.log()
    return service.log()


GOOD = {"app": {"storage-directory": "/nonexistent", "status-list-pools": {"tests": {"api-key": "k", "signer": {"generate": True}}}}}


@pytest.mark.parametrize("change,line,words", [
    ("  redys: {}", 2, ["redys", "redis"]),
    ("  workers: many", 2, ["workers"]),
    ("  redis: {port: 70000}", 2, ["port", "65535"]),
    ("  listen: {public: nowhere}", 2, ["listen.public"]),
    ("  shutdown: {delay: 5 apples}", 2, ["delay"]),
    ("  redis: {persistence-strategy: sometimes}", 2, ["persistence-strategy", "append-fsync-always"]),
    ("  limits: {body: -1}", 2, ["body"]),
    ("  workers: 1\n  workers: 2", 3, ["workers"]),
    ("  public-url: ftp://x", 2, ["public-url"]),
    ("  audit: {file: /nonexistent/audit.jsonl}", 2, ["audit.file", "/nonexistent"]),
])
def test_check_names_file_line_key_and_remedy(tmp_path, change, line, words):
    pools = yaml.safe_dump(GOOD["app"]["status-list-pools"])
    text = "app:\n" + change + "\n  status-list-pools:\n" + "".join(f"    {x}\n" for x in pools.splitlines())
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    r = run("--config", path, "--check")
    assert r.returncode == 1 and r.stdout == ""
    first = next(x for x in r.stderr.splitlines() if x.startswith(f"{path}:{line}:"))
    for word in words:
        assert word in first, r.stderr
    # Started with it, it says the same and starts nothing.
    r = run("--config", path)
    assert r.returncode == 1 and first in r.stderr


def test_check_of_a_good_file_starts_nothing(tmp_path):
    path = tmp_path / "good.yaml"
    path.write_text(yaml.safe_dump(GOOD))
    r = run("--config", path, "--check")
    assert (r.returncode, r.stdout) == (0, "") and "error" not in r.stderr
    assert run("--config", tmp_path / "missing.yaml", "--check").returncode == 1
    assert run().returncode == 2 and run("--nonsense").returncode == 2
    assert run("--help").returncode == 0 and run("--version").stdout.startswith("statuslistd ")


def test_all_mistakes_are_reported_at_once(tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("app:\n  workers: x\n  status-list-pools:\n    p:\n      api-key: k\n      size: 7\n      bits: 3\n      nonsense: 1\n")
    r = run("--config", path, "--check")
    assert r.returncode == 1
    for line, key in ((2, "workers"), (7, "bits"), (8, "nonsense")):
        assert re.search(rf"bad\.yaml:{line}: .*{key}", r.stderr), r.stderr


def test_print_config_shows_sources_and_no_secret(tmp_path):
    secrets = ["plain-secret-1", "plain-secret-2", "plain-secret-3", "redis-secret-4"]
    (tmp_path / "key").write_text(secrets[2] + "\n")
    digest = hashlib.sha256(b"another").hexdigest()
    text = f"""app:
  redis: {{mode: external, password: {secrets[3]}}}
  status-list-pools:
    a: {{api-key: {secrets[0]}, signer: {{generate: true}}}}
    b:
      api-keys: [{secrets[1]}]
      signer: {{generate: true}}
    c:
      api-key-file: {tmp_path}/key
      size: 4096
      signer: {{generate: true}}
    d: {{api-key-sha256: {digest}, signer: {{generate: true}}}}
"""
    path = tmp_path / "c.yaml"
    path.write_text(text)
    r = run("--config", path, "--print-config")
    assert r.returncode == 0
    for secret in secrets + [digest] + [hashlib.sha256(s.encode()).hexdigest() for s in secrets]:
        assert secret not in r.stdout + r.stderr
    assert re.search(rf"size: 4096 +# {path}:10$", r.stdout, re.M) and re.search(r"port: 6379 +# default$", r.stdout, re.M)
    shown = yaml.safe_load(r.stdout)["app"]
    assert set(shown["status-list-pools"]) == {"a", "b", "c", "d"}
    assert shown["status-list-pools"]["a"]["list-lifetime"] and shown["redis"]["mode"] == "external"


@pytest.mark.parametrize("name", ["seed_delay.yaml", "seed_fail_word.yaml"])
def test_the_configuration_of_the_load_scenarios(fixture, name):
    """The printed configuration starts; the test changes only the addresses."""
    redis, base = fixture.redis(), fixture.service()
    text = (ROOT / "test" / "data" / "config" / name).read_text()
    host, port = base.public
    ours = (f"app:\n  public-url: http://{host}:{port}\n  listen: {{public: '{host}:{port}', ops: 'unix:{base.ops}'}}\n"
            f"  storage-directory: {base.storage}\n")
    text = re.sub(r"^app:\n", ours, text, count=1, flags=re.M)
    text = re.sub(r"^  redis:\n", f"  redis:\n    socket: {redis.socket}\n", text, flags=re.M)
    path = base.directory / "seed.yaml"
    path.write_text(text)
    base.write_config = lambda: path
    base.start()
    assert "generate" in base.log(), "the missing signer is warned about"
    with base.client(key="af05bedc-ec26-472a-af56-f3b862e8e00d") as c:
        uri, index = c.reserve()[0]
        c.reserve(25)
        c.reserve(10000)
        t = fetch_token(c, uri)
        assert len(t.raw) == 6250 and t.claims["iss"] == "http://localhost:8080"
        c.update(uri, index, 1)
        until(lambda: fetch_token(c, uri).nonzero() == {index: 1}, 10, "the update")


@pytest.mark.parametrize("persistence,strategy,words", [
    ("everysec", "append-fsync-always", ["appendfsync is everysec", "always"]),
    ("none", "append-fsync-always", ["appendonly is no", "yes"]),
    ("none", "append-fsync-everysec", ["appendonly is no", "yes"]),
])
def test_refuses_a_redis_that_does_not_persist_as_promised(fixture, persistence, strategy, words):
    service = fixture.service(fixture.redis(persistence), redis={"persistence-strategy": strategy})
    refused(service, "refusing to start", *words)


@pytest.mark.parametrize("extra,words", [
    (["--no-appendfsync-on-rewrite", "yes"], ["no-appendfsync-on-rewrite"]),
    (["--maxmemory-policy", "allkeys-lru"], ["maxmemory-policy"]),
    (["--requirepass", "secret-of-redis"], ["password"]),
])
def test_refuses_other_unsafe_settings(fixture, extra, words):
    log = refused(fixture.service(fixture.redis(extra=extra)), "refusing to start", *words)
    assert "secret-of-redis" not in log


@pytest.mark.parametrize("persistence,strategy", [("always", "append-fsync-everysec"), ("everysec", "append-fsync-everysec"),
                                                  ("none", "disabled"), ("always", "disabled")])
def test_weaker_promises_start(fixture, persistence, strategy):
    service = fixture.service(fixture.redis(persistence), redis={"persistence-strategy": strategy}).start()
    assert ("persistence is disabled" in service.log()) == (strategy == "disabled")
    with service.client() as c:
        uri, index = c.reserve()[0]
        c.update(uri, index, 1)
        assert c.status(uri, index) == 1


@pytest.mark.parametrize("key,value", [("size", 2000), ("bits", 2)])
def test_a_live_pool_cannot_change(fixture, key, value):
    service = fixture.service(fixture.redis()).start()
    with service.client() as c:
        references = c.reserve(3)
    service.stop()
    old = service.options()[key]
    service.options()[key] = value
    refused(service, "refusing to start", f"redis has pool tests with {key} {old}, this file says {value}")
    service.options()[key] = old
    service.start()
    with service.client() as c:
        assert not set(c.reserve(50)) & set(references)


def test_an_address_in_use(fixture):
    redis = fixture.redis()
    first = fixture.service(redis).start()
    second = fixture.service(redis)
    second.config["listen"]["public"] = first.config["listen"]["public"]
    refused(second, "cannot listen", first.config["listen"]["public"], "in use")
    second.config["listen"].update(public=f"127.0.0.1:{free_port()}", ops=f"unix:{first.ops}")
    refused(second, "cannot listen", "ops.sock")
    assert first.readiness()[0]


def test_a_storage_directory_in_use(fixture):
    redis = fixture.redis()
    first = fixture.service(redis).start()
    second = fixture.service(redis, storage_directory=str(first.storage))
    refused(second, "another statuslistd uses this storage-directory")
    first.kill()
    second.start()


def test_a_pool_that_left_the_file_is_warned_about(fixture):
    service = fixture.service(fixture.redis(), {"tests": {}, "former": {}}).start()
    with service.client("former") as c:
        uri = c.reserve()[0][0]
    service.stop()
    former = service.config["status-list-pools"].pop("former")
    service.start()
    until(lambda: "is not in the configuration" in service.log(), 5, "the warning")
    assert 'pool="former"' in service.log()
    with service.client() as c:
        assert c.fetch(uri).status == 404
    service.stop()
    service.config["status-list-pools"]["former"] = former
    service.start()
    with service.client("former") as c:
        assert c.fetch(uri).status == 200


def test_an_issuer_address_of_its_own(fixture):
    port = free_port()
    service = fixture.service(fixture.redis(), listen={"issuer": f"127.0.0.1:{port}"}, public_url="http://127.0.0.1/a/b/")
    service.issuer = ("127.0.0.1", port)
    service.start()
    with service.client() as c:
        uri, index = c.reserve()[0]
        assert uri.startswith("http://127.0.0.1/a/b/")
        assert c.fetch(uri).status == 200 and c.get("/a/b/aggregation/tests").json()["status_lists"].count(uri) == 1
        assert c.get(uri[uri.rindex("/"):]).status == 404
        assert c.connection.request("POST", "/pools/tests/new-references", {"X-Api-Key": c.key}, b"").status == 404
        assert c.issuer.request("GET", "/a/b/" + uri.rsplit("/", 1)[1]).status == 404
        assert c.status(uri, index) == 0


def test_listening_at_unix_sockets(fixture):
    service = fixture.service(fixture.redis())
    service.public = service.issuer = str(service.directory / "public.sock")
    service.config["listen"]["public"] = f"unix:{service.public}"
    for end in (service.kill, service.stop):
        service.start()
        with service.client() as c:
            assert c.fetch(c.reserve()[0][0]).status == 200
        end()


def test_keys_for_a_rollover_in_every_form(fixture):
    (fixture.directory / "key").write_text("from-a-file\n")
    pool = {"api-keys": ["new", "old"], "api-key-file": str(fixture.directory / "key"),
            "api-key-sha256": hashlib.sha256(b"hashed").hexdigest()}
    service = fixture.service(fixture.redis(), {"tests": pool})
    service.options().pop("api-key")
    service.start()
    for key, status in (("new", 200), ("old", 200), ("from-a-file", 200), ("hashed", 200), ("from-a-file\n", 401), ("ne", 401),
                        (pool["api-key-sha256"], 401)):
        with service.client(key=key.strip() if status == 200 else key.replace("\n", "x")) as c:
            assert c.try_reserve().status == status, key


def test_a_signer_of_files(fixture):
    """Key and chain from PEM: the token carries the chain without its anchor, each certificate signed by the next."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]
    root = make_certificate("root", keys[0], ca=True)
    middle = make_certificate("middle", keys[1], root, keys[0], ca=True)
    leaf = make_certificate("leaf", keys[2], middle, keys[1])
    write_pem(fixture.directory / "key.pem", keys[2])
    chain = (c.public_bytes(serialization.Encoding.PEM) for c in (leaf, middle, root))
    (fixture.directory / "chain.pem").write_bytes(b"".join(chain))
    signer = {"pem": {"key": str(fixture.directory / "key.pem"), "certificate": str(fixture.directory / "chain.pem")},
              "header": {"x5c": True, "kid": False, "jwk": True}}
    service = fixture.service(fixture.redis(), {"tests": {"signer": signer}}).start()
    with service.client() as c:
        t = fetch_token(c, c.reserve()[0][0])
        assert t.chain == [leaf, middle]
        assert is_signed_by(t.chain[0], t.chain[1]) and is_signed_by(t.chain[1], root)
        assert "kid" not in t.header and t.header["jwk"]["kty"] == "EC"
    service.stop()
    # A key that is not the certificate's; one that others can read.
    write_pem(fixture.directory / "key.pem", keys[1])
    refused(service, 'pool="tests"', "subject=signer")
    write_pem(fixture.directory / "key.pem", keys[2], 0o640)
    refused(service, 'pool="tests"', "is open to other users")


def test_a_generated_key_stays(fixture):
    service = fixture.service(fixture.redis()).start()
    chains = []
    for _ in range(2):
        with service.client() as c:
            chains.append(fetch_token(c, c.reserve()[0][0]).chain)
        service.stop()
        service.start()
    assert chains[0] == chains[1]
    for path in service.storage.rglob("*"):
        if path.is_file() and b"PRIVATE KEY" in path.read_bytes():
            assert path.stat().st_mode & 0o077 == 0
            break
    else:
        raise AssertionError("no key was kept")


def test_a_redis_that_comes_later(fixture):
    """A service that starts before Redis is alive and not ready, names the reason, and becomes ready by itself."""
    redis = fixture.redis()
    redis.stop()
    service = fixture.service(redis, {"tests": {"prefetch": {"underflow-timeout": "300ms"}}}).spawn()
    until(lambda: service.alive() and service.readiness("")[1].startswith("pools"), 10, "the reason")
    assert service.operations("/livez").status == 200
    with service.client() as c:
        assert c.try_reserve().status == 503
        assert c.get("/00000000-0000-4000-8000-000000000000").status == 503
    redis.start()
    service.wait_ready()
    started = time.monotonic()
    with service.client() as c:
        assert Token(c.fetch(c.reserve()[0][0]).body).nonzero() == {}
    assert time.monotonic() - started < 5
