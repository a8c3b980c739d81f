"""Which configured secrets are left in the memory of a running service; and that it leaves no core."""
import os
import re
import secrets as secrets_library
import signal
import subprocess

import pytest

from client import until
from processes import instrumented
from tls import Authority

PIECE = 12  # of a secret: so much of it is nowhere else by chance


def pieces(secret):
    return [secret[i:i + PIECE].encode() for i in range(0, len(secret) - PIECE + 1, 4)]


def found(memory, wanted):
    """{what: the pieces of it that are there}. Sanitizers keep what was freed as it was, so what libyaml and OpenSSL had for a
    moment is looked for in the release build only, and what we hold ourselves in every build."""
    if instrumented():
        wanted = {name: wanted[name] for name in ("api-key-file", "the signer's password")}
    return {name: some for name, secret in wanted.items() if (some := [p for p in pieces(secret) if p in memory])}


def mapped(pid):
    """All writable memory of the process: what would be in a core."""
    parts = []
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            place, rights, *_ = line.split()
            begin, end = (int(x, 16) for x in place.split("-"))
            if rights[:2] != "rw" or end - begin > 1 << 26:  # larger ones are the bookkeeping of sanitizers
                continue
            try:
                mem.seek(begin)
                parts.append(mem.read(end - begin))
            except (OSError, OverflowError, ValueError):
                pass
    return b"\0".join(parts)


@pytest.fixture
def secrets(fixture, tmp_path):
    """A service with one of each; {what: text}."""
    authority = Authority(tmp_path / "tls")
    made = {name: secrets_library.token_hex(24) for name in ("api-key", "one", "two", "api", "password", "redis")}
    files = {name: made[name] for name in ("api", "password", "redis")}
    certificate, key = authority.issue("signer", password=files["password"].encode())
    plain_certificate, plain_key = authority.issue("plain")
    for name, text in files.items():
        (tmp_path / name).write_text(text + "\n")
        (tmp_path / name).chmod(0o600)
    store = fixture.redis(extra=("--requirepass", files["redis"]))
    pools = {"tests": {"api-key": made["api-key"],
                       "signer": {"pem": {"key": str(key), "certificate": str(certificate), "password-file": str(tmp_path / "password")}}},
             "others": {"api-keys": [made["one"], made["two"]],
                        "signer": {"pem": {"key": str(plain_key), "certificate": str(plain_certificate)}}},
             "files": {"api-key-file": str(tmp_path / "api")}}
    service = fixture.service(store, pools, core_dumps=True)
    del service.config["status-list-pools"]["files"]["api-key"]
    del service.config["status-list-pools"]["others"]["api-key"]
    service.config["redis"]["password-file"] = str(tmp_path / "redis")
    body = "".join(line for line in plain_key.read_text().splitlines() if "-----" not in line)
    wanted = {"api-key": made["api-key"], "api-keys, the first": made["one"],
              "api-keys, the second": made["two"], "api-key-file": files["api"], "the signer's password": files["password"],
              "the text of a signer's key": body[64:]}
    return service.start(), wanted, files["redis"]


def test_secrets_are_wiped(secrets):
    """No client has called yet: what is there came from the configuration. The password for Redis is needed for the next connection,
    and shows that the search finds what is there."""
    service, wanted, of_redis = secrets
    memory = mapped(service.process.pid)
    assert of_redis.encode() in memory
    assert not found(memory, wanted)


def test_secrets_are_wiped_after_a_reload(secrets):
    service, wanted, _ = secrets
    another = secrets_library.token_hex(24)
    service.options("tests")["api-key"] = another
    service.write_config()
    before = service.metric("reloads_total", None)
    os.kill(service.process.pid, signal.SIGHUP)
    until(lambda: service.metric("reloads_total", None) > before, 20, "the reload")
    memory = mapped(service.process.pid)
    assert not found(memory, {**wanted, "the new api-key": another})


def test_nothing_of_a_secret_is_shown(secrets, fixture):
    service, wanted, of_redis = secrets
    shown = subprocess.run([service.binary, "--config", service.write_config(), "--print-config"], capture_output=True, text=True,
                           cwd=service.directory, env=service.environment()).stdout
    assert "status-list-pools" in shown
    for text in (shown, service.log()):
        assert not found(text.encode(), {**wanted, "redis": of_redis})


def core_limit(service):
    with open(f"/proc/{service.process.pid}/limits") as f:
        return re.search(r"Max core file size +(\S+)", f.read())[1]


@pytest.mark.parametrize("allowed", [False, True])
def test_core_dumps(fixture, allowed):
    service = fixture.service(fixture.redis(), core_dumps=allowed).start()
    with open("/proc/self/limits") as f:
        own = re.search(r"Max core file size +(\S+)", f.read())[1]
    assert core_limit(service) == (own if allowed else "0")
