"""The systemd unit and what comes with it, as files."""
import gzip
import re
import subprocess

from machine import ROOT, run
from unit import UNIT, group, system_calls, values

APPARMOR = ROOT / "packaging" / "apparmor" / "usr.bin.statuslistd"


def exposure(path):
    text = run("systemd-analyze", "security", "--offline=true", path)
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", text)
    assert found, text
    return float(found[1])


def test_exposure(tmp_path):
    assert exposure(UNIT) < 2.0
    bare = tmp_path / "statuslistd.service"
    bare.write_text("[Service]\nExecStart=/usr/bin/statuslistd\n")
    assert exposure(bare) > 9


def test_no_core_dumps_and_the_journal():
    assert values("LimitCORE") == ["0"]
    assert not values("StandardOutput") and not values("StandardError")


def test_filter_is_narrow():
    """No system call that systemd calls dangerous is permitted, and well under half of all."""
    calls = system_calls()
    assert {"read", "epoll_wait", "accept4", "fdatasync", "execve"} <= calls
    for name in ("@clock", "@cpu-emulation", "@debug", "@keyring", "@memlock", "@module", "@mount", "@obsolete", "@pkey",
                 "@privileged", "@raw-io", "@reboot", "@setuid", "@swap"):
        assert not calls & (group(name) - group("@default")), name
    assert len(calls) < 220 and not values("SystemCallFilter")[0].startswith("~")


def test_apparmor_profile(tmp_path):
    check = ["apparmor_parser", "--skip-kernel-load", "--skip-cache"]
    run(*check, APPARMOR)
    broken = tmp_path / "broken"
    broken.write_text(APPARMOR.read_text().replace("/usr/bin/statuslistd mr,", "/usr/bin/statuslistd mr"))
    assert subprocess.run([*check, broken], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0


def test_user_and_directory(tmp_path):
    for folder, source in (("sysusers.d", "statuslistd.sysusers"), ("tmpfiles.d", "statuslistd.tmpfiles")):
        target = tmp_path / "usr" / "lib" / folder
        target.mkdir(parents=True)
        (target / "statuslistd.conf").write_text((ROOT / "packaging" / "systemd" / source).read_text())
    (tmp_path / "etc").mkdir()
    (tmp_path / "var" / "lib").mkdir(parents=True)
    run("systemd-sysusers", f"--root={tmp_path}", "statuslistd.conf")
    user = [line.split(":") for line in (tmp_path / "etc" / "passwd").read_text().splitlines()]
    assert [(u[0], u[5], u[6]) for u in user] == [("statuslistd", "/var/lib/statuslistd", "/usr/sbin/nologin")]
    run("systemd-tmpfiles", f"--root={tmp_path}", "--create", "statuslistd.conf")
    made = tmp_path / "var" / "lib" / "statuslistd"
    assert made.stat().st_mode & 0o7777 == 0o700 and made.stat().st_uid == int(user[0][2])


def test_versions_agree():
    changelog = (ROOT / "packaging" / "debian" / "changelog").read_text().splitlines()[0]
    project = re.search(r"project\(statuslistd VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text())[1]
    assert re.search(r"\((.*?)\)", changelog)[1] == project


def test_packages_are_whole():
    """What script/package has left: each package, debug symbols, and what is needed as found by dpkg-shlibdeps."""
    folder = ROOT / "build" / "packages"
    names = {f.name.split("_")[0] for f in folder.glob("*.deb")}
    assert names == {"statuslistd", "statuslistd-dbgsym", "statuslistctl", "statuslistctl-dbgsym", "libstatuslist0", "libstatuslist0-dbgsym", "libstatuslist-dev"}
    needed = run("dpkg-deb", "-f", next(folder.glob("statuslistd_*.deb")), "Depends")
    for library in ("libh2o-evloop", "libhiredis", "libjwt", "libyaml", "libssl"):
        assert library in needed
    assert not any("./usr/bin/statuslistctl" in run("dpkg-deb", "-c", f) for f in folder.glob("statuslistd_*.deb"))
    listed = run("dpkg-deb", "-c", next(folder.glob("statuslistctl_*.deb")))
    for path in ("/usr/bin/statuslistctl", "/man1/statuslistctl.1.gz", "/bash-completion/completions/statuslistctl",
                 "/zsh/vendor-completions/_statuslistctl", "/fish/vendor_completions.d/statuslistctl.fish"):
        assert path in listed
    listed = run("dpkg-deb", "-c", next(folder.glob("libstatuslist-dev_*.deb")))
    for path in ("/usr/include/statuslist/verify.h", "/pkgconfig/statuslist.pc", "/libstatuslist.a", "/libstatuslist.so ->"):
        assert path in listed


def test_the_command_line_takes_over_from_the_service(tmp_path):
    """Its files were in the package of the service once: neither order of the two upgrades is refused."""
    folder = ROOT / "build" / "packages"
    old = tmp_path / "old"
    (old / "usr" / "bin").mkdir(parents=True)
    (old / "usr" / "bin" / "statuslistctl").write_text("#!/bin/sh\n")
    (old / "DEBIAN").mkdir()
    (old / "DEBIAN" / "control").write_text("Package: statuslistd\nVersion: 0.0.9\nArchitecture: all\nMaintainer: a <a@example.org>\nDescription: a\n")
    run("dpkg-deb", "--root-owner-group", "-b", old, tmp_path / "old.deb")
    new = [next(folder.glob(f"{name}_*.deb")) for name in ("statuslistctl", "statuslistd")]
    for number, order in enumerate((new, new[::-1])):
        root = tmp_path / str(number)
        for path in ("updates", "info", "triggers"):
            (root / "var" / "lib" / "dpkg" / path).mkdir(parents=True)
        (root / "var" / "lib" / "dpkg" / "status").touch()
        dpkg = ["dpkg", f"--root={root}", "--force-depends", "--force-not-root", "--unpack"]
        run(*dpkg, tmp_path / "old.deb")
        for package in order:
            run(*dpkg, package)
        owner = run("dpkg-query", f"--admindir={root}/var/lib/dpkg", "-S", "/usr/bin/statuslistctl")
        assert owner == "statuslistctl: /usr/bin/statuslistctl\n" and (root / "usr" / "bin" / "statuslistctl").stat().st_size > 1000


def test_pages_of_the_package(tmp_path):
    """All pages are in the package, their links lead to files, and the changelog is Debian's."""
    run("dpkg-deb", "-x", next((ROOT / "build" / "packages").glob("statuslistd_*.deb")), tmp_path)
    folder = tmp_path / "usr" / "share" / "doc" / "statuslistd"
    assert {p.name for p in (folder / "docs").iterdir()} == {p.name for p in (ROOT / "docs").iterdir()}
    pages = sorted(folder.rglob("*.md"))
    assert folder / "README.md" in pages
    for page in pages:
        for link in re.findall(r"\]\(([^)#\s:]+)[)#]", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
    assert gzip.open(folder / "changelog.gz", "rt").readline().startswith("statuslistd (")
