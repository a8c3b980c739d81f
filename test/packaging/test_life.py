"""The life of the packages on a Debian 12 that systemd runs: installed, used, reloaded, upgraded, removed, purged. One machine for all of
it, in this order."""
import json
import os
import pathlib
import signal
import subprocess

import pytest

from client import until
from machine import Fixture, package, run

OPS = "http://127.0.0.1:9090"
CTL = ("env", "STATUSLIST_API_KEY_FILE=/etc/statuslistd/example.api-key", "statuslistctl")
SERVER = "http://127.0.0.1:8080"
CERTIFICATE = "/var/lib/statuslistd/keys/example.crt.pem"
AUDIT = "/var/log/statuslistd/audit.jsonl"
TAKEN = {}  # (uri, index): its status


@pytest.fixture(scope="module")
def fixture(tmp_path_factory):
    m = Fixture()
    try:
        m.prepare(package("statuslistd"), package("statuslistctl"))
        m.boot()
        yield m
    finally:
        m.end()


@pytest.fixture(scope="module")
def newer(tmp_path_factory):
    """The same files under a higher version."""
    tree = tmp_path_factory.mktemp("newer")
    run("dpkg-deb", "-R", package("statuslistd"), tree / "tree")
    control = tree / "tree" / "DEBIAN" / "control"
    version = run("dpkg-deb", "-f", package("statuslistd"), "Version").strip()
    control.write_text(control.read_text().replace(f"Version: {version}\n", f"Version: {version}+1\n"))
    path = tree / f"statuslistd_{version}+1.deb"
    run("dpkg-deb", "--root-owner-group", "-b", tree / "tree", path)
    return path


def main_pid(fixture):
    """As the host numbers it."""
    inside = fixture.shows("MainPID")
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
        except OSError:
            continue
        if f"\nNSpid:\t{status.parent.name}\t{inside}\n" in text and "Name:\tstatuslistd\n" in text:
            return int(status.parent.name)
    raise AssertionError(f"no process is {inside} inside")


def ready(fixture):
    return fixture.succeeds("curl", "-fsS", "-o", "/dev/null", f"{OPS}/readyz?for=issuer")


def reserve(fixture, amount):
    lines = fixture.do(*CTL, "reserve", "example", str(amount), "--server", SERVER).split()
    taken = list(zip(lines[::2], map(int, lines[1::2])))
    assert len(taken) == amount
    for reference in taken:
        assert reference not in TAKEN, "given twice"
        TAKEN[reference] = 0
    return taken


def verify(fixture, uri, index):
    """What a verifier concludes from the list that is served, with the service's certificate."""
    done = subprocess.run(fixture.command("statuslistctl", "verify", uri, str(index), "--cert", CERTIFICATE),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    assert done.returncode in (0, 1), done.stdout
    return done.returncode


def revoke(fixture, uri, index):
    fixture.do(*CTL, "set", uri, str(index), "invalid", "--server", SERVER)
    TAKEN[uri, index] = 1
    until(lambda: verify(fixture, uri, index) == 1, 30, "the revocation is published")


def check_all(fixture):
    for (uri, index), status in TAKEN.items():
        answer = json.loads(fixture.do(*CTL, "get", uri, str(index), "--json", "--server", SERVER))
        assert answer["value"] == status, (uri, index)


def test_install_starts(fixture):
    fixture.do("apt-get", "-qq", "-y", "install", *[f"/srv/{package(name).name}" for name in ("statuslistd", "statuslistctl")], seconds=300)
    assert fixture.shows("ActiveState") == "active", fixture.journal()
    assert fixture.shows("SubState") == "running" and fixture.shows("StatusText") == "serving"
    assert fixture.do("systemctl", "is-enabled", "statuslistd").strip() == "enabled"
    until(lambda: ready(fixture), 30, "readiness")
    assert fixture.do("stat", "-c", "%U:%G %a", "/etc/statuslistd/statuslistd.yaml").strip() == "root:statuslistd 640"
    assert fixture.do("stat", "-c", "%U:%G %a", "/etc/statuslistd/example.api-key").strip() == "root:statuslistd 640"
    assert fixture.do("stat", "-c", "%U:%G %a", "/var/lib/statuslistd").strip() == "statuslistd:statuslistd 700"
    assert fixture.do("statuslistd", "--config", "/etc/statuslistd/statuslistd.yaml", "--check") == ""


def test_use(fixture):
    (uri, index), (_, other) = reserve(fixture, 2)
    revoke(fixture, uri, index)
    assert verify(fixture, uri, other) == 0
    check_all(fixture)


def test_confinement(fixture):
    """What the unit says holds for the process: its user, no capability, its filter, no core dump, a read-only system."""
    pid = main_pid(fixture)
    status = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
    assert status["CapEff"] == status["CapBnd"] == "0000000000000000"
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    assert status["Uid"].split()[0] != "0"
    limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
    assert [line.split()[4:6] for line in limits.splitlines() if line.startswith("Max core file size")] == [["0", "0"]]
    mounts = {line.split()[4]: line.split()[5] for line in pathlib.Path(f"/proc/{pid}/mountinfo").read_text().splitlines()}
    assert "ro" in mounts["/"].split(",") and "rw" in mounts["/var/lib/statuslistd"].split(",")
    redis = [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    assert len(redis) == 1
    assert "\nSeccomp:\t2\n" in pathlib.Path(f"/proc/{redis[0]}/status").read_text()


def test_log_goes_to_the_journal(fixture):
    assert 'msg="serving"' in fixture.journal()
    assert fixture.do("find", "/var/log", "-type", "f", "-path", "*statuslist*") == ""


def test_reload(fixture):
    before = main_pid(fixture)
    fixture.do("sed", "-i", "s/size: 100000/size: 100000\\n      update-interval: 0s/", "/etc/statuslistd/statuslistd.yaml")
    fixture.do("systemctl", "reload", "statuslistd")
    until(lambda: fixture.shows("StatusText") == "serving; reloaded", 30, "the reload")
    assert fixture.shows("ActiveState") == "active"
    fixture.do("sed", "-i", "s/update-interval: 0s/update-interval: never/", "/etc/statuslistd/statuslistd.yaml")
    fixture.do("systemctl", "reload", "statuslistd")
    until(lambda: "refused" in fixture.shows("StatusText"), 30, "the refusal")
    assert fixture.shows("ActiveState") == "active" and main_pid(fixture) == before
    fixture.do("sed", "-i", "s/update-interval: never/update-interval: 0s/", "/etc/statuslistd/statuslistd.yaml")
    fixture.do("systemctl", "reload", "statuslistd")
    until(lambda: fixture.shows("StatusText") == "serving; reloaded", 30, "the reload")
    reserve(fixture, 1)


def test_audit_record(fixture):
    """As the configuration suggests it: in the one directory of /var/log that is the service's."""
    fixture.do("sed", "-i", "s/^  #audit:/  audit:/; s/^  #  file:/    file:/", "/etc/statuslistd/statuslistd.yaml")
    fixture.do("systemctl", "restart", "statuslistd")
    until(lambda: ready(fixture), 60, "readiness")
    (_, index), = reserve(fixture, 1)
    line = json.loads(fixture.do("cat", AUDIT).splitlines()[-1])
    assert line["action"] == "reserve" and line["pool"] == "example" and line["indices"] == [index]
    assert fixture.do("stat", "-c", "%U:%G %a", AUDIT).strip() == "statuslistd:statuslistd 600"


def test_killed(fixture):
    """systemd starts it again, and what was acknowledged is there."""
    os.kill(main_pid(fixture), signal.SIGKILL)
    until(lambda: fixture.shows("NRestarts") == "1", 30, "the restart")
    until(lambda: ready(fixture), 60, "readiness")
    check_all(fixture)
    reserve(fixture, 3)


def test_upgrade(fixture, newer):
    """To a higher version: started again, with the operator's configuration, everything kept, nothing given twice."""
    (uri, index), = reserve(fixture, 1)
    revoke(fixture, uri, index)
    before = main_pid(fixture)
    key = fixture.do("cat", "/etc/statuslistd/example.api-key")
    fixture.do("apt-get", "-qq", "-y", "install", fixture.put(newer), seconds=300)
    assert fixture.do("dpkg-query", "-W", "-f", "${Version}", "statuslistd").endswith("+1")
    assert fixture.shows("ActiveState") == "active" and main_pid(fixture) != before
    until(lambda: ready(fixture), 60, "readiness")
    assert "update-interval: 0s" in fixture.do("cat", "/etc/statuslistd/statuslistd.yaml")
    assert fixture.do("cat", "/etc/statuslistd/example.api-key") == key
    check_all(fixture)
    assert verify(fixture, uri, index) == 1
    (uri, index), *_ = reserve(fixture, 400)
    revoke(fixture, uri, index)


def test_remove(fixture):
    """The service ends in order; data and configuration stay, and serve the next installation."""
    fixture.do("apt-get", "-qq", "-y", "remove", "statuslistd")
    assert fixture.shows("ActiveState") == "inactive" and fixture.shows("Result") == "success"
    assert 'msg="shut down"' in fixture.journal()
    assert not fixture.succeeds("pidof", "statuslistd")
    assert fixture.succeeds("test", "-s", "/etc/statuslistd/example.api-key")
    assert fixture.do("ls", "/var/lib/statuslistd").split()
    fixture.do("apt-get", "-qq", "-y", "install", f"/srv/{package('statuslistd').name}", seconds=300)
    until(lambda: ready(fixture), 60, "readiness")
    check_all(fixture)
    reserve(fixture, 1)


def test_purge(fixture):
    fixture.do("apt-get", "-qq", "-y", "purge", "statuslistd")
    for path in ("/etc/statuslistd", "/var/lib/statuslistd", "/var/log/statuslistd", "/usr/bin/statuslistd", "/etc/apparmor.d/usr.bin.statuslistd",
                 "/lib/systemd/system/statuslistd.service"):
        assert not fixture.succeeds("test", "-e", path), path
    assert not fixture.succeeds("systemctl", "is-enabled", "statuslistd")
