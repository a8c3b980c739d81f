"""A Debian 12 of its own, whose process 1 is systemd: made of the clean Debian that script/package keeps, and thrown away."""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from client import until

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = ROOT / "build" / "packages"
APT_CACHE = ROOT / "build" / "cache" / "apt"


def run(*command, seconds=300, **more):
    """Runs a command; returns its output, or fails with it."""
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          stdin=subprocess.DEVNULL, timeout=seconds, **more)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout[-6000:]}"
    return done.stdout


def package(name, folder=PACKAGES):
    found = sorted(folder.glob(f"{name}_*.deb"))
    assert len(found) == 1, f"{name} in {folder}: {[f.name for f in found]}; script/package makes it"
    return found[0]


class Fixture:
    def __init__(self):
        tar = run(ROOT / "script" / "package", "base", seconds=600).splitlines()[-1]
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="sl-machine-"))
        self.root = self.top / "root"
        self.root.mkdir()
        self.booted = None
        self.environment = {**os.environ, "SL_APT_CACHE": str(APT_CACHE)}
        APT_CACHE.mkdir(parents=True, exist_ok=True)
        run("tar", "-C", self.root, "-xf", tar)

    def prepare(self, *packages):
        """Installs what the machine needs to boot, and fetches what the packages depend on: there is no network in it."""
        for p in packages:
            self.put(p)
        self.in_root("apt-get", "-qq", "-y", "--no-install-recommends", "install", "systemd-sysv", "curl")
        self.in_root("apt-get", "-qq", "-y", "--download-only", "install", *[f"/srv/{p.name}" for p in packages])
        (self.root / "usr/sbin/policy-rc.d").unlink()

    def put(self, path):
        shutil.copy(path, self.root / "srv" / path.name)
        return f"/srv/{path.name}"

    def in_root(self, *command):
        return run(ROOT / "packaging" / "in-root", self.root, *command, env=self.environment)

    def boot(self):
        self.log = open(self.top / "boot.log", "wb")
        self.booted = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", ROOT / "packaging" / "boot", self.root],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, env=self.environment)
        self.outside = int(self.booted.stdout.readline())
        self.init = until(self.children, 30, "process 1")[0]
        until(self.up, 120, "boot")

    def children(self):
        return [int(p) for p in pathlib.Path(f"/proc/{self.outside}/task/{self.outside}/children").read_text().split()]

    def up(self):
        assert self.booted.poll() is None, (self.top / "boot.log").read_text()[-4000:]
        state = subprocess.run(self.command("systemctl", "is-system-running"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return state.stdout.strip() in ("running", "degraded")

    def command(self, *command):
        return ["nsenter", "-t", str(self.init), "-m", "-p", "-i", "-u", "-n", "-C", "-r", "-w", "env", "-i", "LC_ALL=C.UTF-8",
                "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", *[str(c) for c in command]]

    def do(self, *command, seconds=120):
        return run(*self.command(*command), seconds=seconds)

    def succeeds(self, *command):
        return subprocess.run(self.command(*command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              stdin=subprocess.DEVNULL, timeout=120).returncode == 0

    def shows(self, what, unit="statuslistd"):
        return self.do("systemctl", "show", "--value", "-p", what, unit).strip()

    def journal(self):
        return self.do("journalctl", "--no-pager", "-o", "cat", "-u", "statuslistd")

    def end(self):
        if self.booted is not None:
            if self.booted.poll() is None:
                os.kill(self.outside, signal.SIGKILL)
            self.booted.wait(30)
            self.booted.stdout.close()
            self.log.close()
        shutil.rmtree(self.top, ignore_errors=True)
