"""The life of the packages on a Debian 12 that systemd runs: installed, used, reloaded, upgraded, removed, purged. One machine for all of
it, in this order."""
import json
import os
import pathlib
import signal
import subprocess

import pytest

from machine import Machine, package, run, until

OPS = "http://127.0.0.1:9090"
CTL = ("env", "STATUSLIST_API_KEY_FILE=/etc/statuslistd/example.api-key", "statuslistctl")
SERVER = "http://127.0.0.1:8080"
CERTIFICATE = "/var/lib/statuslistd/keys/example.crt.pem"
AUDIT = "/var/log/statuslistd/audit.jsonl"
TAKEN = {}  # (uri, index): its status


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    m = Machine()
    try:
        m.prepare(package("statuslistd"))
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


def main_pid(machine):
    """As the host numbers it."""
    inside = machine.shows("MainPID")
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
        except OSError:
            continue
        if f"\nNSpid:\t{status.parent.name}\t{inside}\n" in text and "Name:\tstatuslistd\n" in text:
            return int(status.parent.name)
    raise AssertionError(f"no process is {inside} inside")


def ready(machine):
    return machine.succeeds("curl", "-fsS", "-o", "/dev/null", f"{OPS}/readyz?for=issuer")


def reserve(machine, amount):
    lines = machine.do(*CTL, "reserve", "example", str(amount), "--server", SERVER).split()
    taken = list(zip(lines[::2], map(int, lines[1::2])))
    assert len(taken) == amount
    for reference in taken:
        assert reference not in TAKEN, "given twice"
        TAKEN[reference] = 0
    return taken


def verify(machine, uri, index):
    """What a verifier concludes from the list that is served, with the service's certificate."""
    done = subprocess.run(machine.command("statuslistctl", "verify", uri, str(index), "--cert", CERTIFICATE),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    assert done.returncode in (0, 1), done.stdout
    return done.returncode


def revoke(machine, uri, index):
    machine.do(*CTL, "set", uri, str(index), "invalid", "--server", SERVER)
    TAKEN[uri, index] = 1
    until(lambda: verify(machine, uri, index) == 1, 30, "the revocation is published")


def check_all(machine):
    for (uri, index), status in TAKEN.items():
        answer = json.loads(machine.do(*CTL, "get", uri, str(index), "--json", "--server", SERVER))
        assert answer["value"] == status, (uri, index)


def test_install_starts(machine):
    deb = package("statuslistd")
    machine.do("apt-get", "-qq", "-y", "install", f"/srv/{deb.name}", seconds=300)
    assert machine.shows("ActiveState") == "active", machine.journal()
    assert machine.shows("SubState") == "running" and machine.shows("StatusText") == "serving"
    assert machine.do("systemctl", "is-enabled", "statuslistd").strip() == "enabled"
    until(lambda: ready(machine), 30, "readiness")
    assert machine.do("stat", "-c", "%U:%G %a", "/etc/statuslistd/statuslistd.yaml").strip() == "root:statuslistd 640"
    assert machine.do("stat", "-c", "%U:%G %a", "/etc/statuslistd/example.api-key").strip() == "root:statuslistd 640"
    assert machine.do("stat", "-c", "%U:%G %a", "/var/lib/statuslistd").strip() == "statuslistd:statuslistd 700"
    assert machine.do("statuslistd", "--config", "/etc/statuslistd/statuslistd.yaml", "--check") == ""


def test_use(machine):
    (uri, index), (_, other) = reserve(machine, 2)
    revoke(machine, uri, index)
    assert verify(machine, uri, other) == 0
    check_all(machine)


def test_confinement(machine):
    """What the unit says holds for the process: its user, no capability, its filter, no core dump, a read-only system."""
    pid = main_pid(machine)
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


def test_log_goes_to_the_journal(machine):
    assert 'msg="serving"' in machine.journal()
    assert machine.do("find", "/var/log", "-type", "f", "-path", "*statuslist*") == ""


def test_reload(machine):
    before = main_pid(machine)
    machine.do("sed", "-i", "s/size: 100000/size: 100000\\n      update-interval: 0s/", "/etc/statuslistd/statuslistd.yaml")
    machine.do("systemctl", "reload", "statuslistd")
    until(lambda: machine.shows("StatusText") == "serving; reloaded", 30, "the reload")
    assert machine.shows("ActiveState") == "active"
    machine.do("sed", "-i", "s/update-interval: 0s/update-interval: never/", "/etc/statuslistd/statuslistd.yaml")
    machine.do("systemctl", "reload", "statuslistd")
    until(lambda: "refused" in machine.shows("StatusText"), 30, "the refusal")
    assert machine.shows("ActiveState") == "active" and main_pid(machine) == before
    machine.do("sed", "-i", "s/update-interval: never/update-interval: 0s/", "/etc/statuslistd/statuslistd.yaml")
    machine.do("systemctl", "reload", "statuslistd")
    until(lambda: machine.shows("StatusText") == "serving; reloaded", 30, "the reload")
    reserve(machine, 1)


def test_audit_record(machine):
    """As the configuration suggests it: in the one directory of /var/log that is the service's."""
    machine.do("sed", "-i", "s/^  #audit:/  audit:/; s/^  #  file:/    file:/", "/etc/statuslistd/statuslistd.yaml")
    machine.do("systemctl", "restart", "statuslistd")
    until(lambda: ready(machine), 60, "readiness")
    (_, index), = reserve(machine, 1)
    line = json.loads(machine.do("cat", AUDIT).splitlines()[-1])
    assert line["action"] == "reserve" and line["pool"] == "example" and line["indices"] == [index]
    assert machine.do("stat", "-c", "%U:%G %a", AUDIT).strip() == "statuslistd:statuslistd 600"


def test_killed(machine):
    """systemd starts it again, and what was acknowledged is there."""
    os.kill(main_pid(machine), signal.SIGKILL)
    until(lambda: machine.shows("NRestarts") == "1", 30, "the restart")
    until(lambda: ready(machine), 60, "readiness")
    check_all(machine)
    reserve(machine, 3)


def test_upgrade(machine, newer):
    """To a higher version: started again, with the operator's configuration, everything kept, nothing given twice."""
    (uri, index), = reserve(machine, 1)
    revoke(machine, uri, index)
    before = main_pid(machine)
    key = machine.do("cat", "/etc/statuslistd/example.api-key")
    machine.do("apt-get", "-qq", "-y", "install", machine.put(newer), seconds=300)
    assert machine.do("dpkg-query", "-W", "-f", "${Version}", "statuslistd").endswith("+1")
    assert machine.shows("ActiveState") == "active" and main_pid(machine) != before
    until(lambda: ready(machine), 60, "readiness")
    assert "update-interval: 0s" in machine.do("cat", "/etc/statuslistd/statuslistd.yaml")
    assert machine.do("cat", "/etc/statuslistd/example.api-key") == key
    check_all(machine)
    assert verify(machine, uri, index) == 1
    (uri, index), *_ = reserve(machine, 400)
    revoke(machine, uri, index)


def test_remove(machine):
    """The service ends in order; data and configuration stay, and serve the next installation."""
    machine.do("apt-get", "-qq", "-y", "remove", "statuslistd")
    assert machine.shows("ActiveState") == "inactive" and machine.shows("Result") == "success"
    assert 'msg="ended"' in machine.journal()
    assert not machine.succeeds("pidof", "statuslistd")
    assert machine.succeeds("test", "-s", "/etc/statuslistd/example.api-key")
    assert machine.do("ls", "/var/lib/statuslistd").split()
    machine.do("apt-get", "-qq", "-y", "install", f"/srv/{package('statuslistd').name}", seconds=300)
    until(lambda: ready(machine), 60, "readiness")
    check_all(machine)
    reserve(machine, 1)


def test_purge(machine):
    machine.do("apt-get", "-qq", "-y", "purge", "statuslistd")
    for path in ("/etc/statuslistd", "/var/lib/statuslistd", "/var/log/statuslistd", "/usr/bin/statuslistd", "/etc/apparmor.d/usr.bin.statuslistd",
                 "/lib/systemd/system/statuslistd.service"):
        assert not machine.succeeds("test", "-e", path), path
    assert not machine.succeeds("systemctl", "is-enabled", "statuslistd")
