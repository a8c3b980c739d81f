"""The container image, run as its configuration says: with a key and a volume that are mounted, a network of its own."""
import json
import os
import pathlib
import signal
import subprocess
import tarfile

import pytest

from client import until
from machine import ROOT, run

IMAGE = ROOT / "build" / "image"
KEY = "a-key-for-this-test"
# A network namespace begins with its loopback down.
LOOPBACK_UP = "import fcntl,os,socket,struct,sys; fcntl.ioctl(socket.socket(), 0x8914, struct.pack('16sh14x', b'lo', 1)); os.execvp(sys.argv[1], sys.argv[1:])"


def blob(digest):
    return IMAGE / "blobs" / digest.replace(":", "/")


@pytest.fixture(scope="module")
def configuration():
    manifest = json.loads(blob(json.loads((IMAGE / "index.json").read_text())["manifests"][0]["digest"]).read_text())
    return json.loads(blob(manifest["config"]["digest"]).read_text())["config"], [blob(layer["digest"]) for layer in manifest["layers"]]


class Container:
    def __init__(self, top):
        self.buildah = ["buildah", "--storage-driver", "vfs", "--root", str(top / "store"), "--runroot", str(top / "run")]
        self.secrets, self.data, self.log = top / "secrets", top / "data", top / "log"
        # Not by its whole path, in which it takes no capital letters.
        self.name = run(*self.buildah, "from", "--quiet", "--ulimit", "nofile=16384:16384", f"oci:{IMAGE.name}", cwd=IMAGE.parent).split()[-1]
        user = run(*self.buildah, "run", "--isolation", "chroot", self.name, "--", "/usr/bin/id", "-u").split()[-1]
        assert user != "0"
        for folder in (self.secrets, self.data):
            folder.mkdir()
            os.chown(folder, int(user), -1)
        key = self.secrets / "example.api-key"
        key.write_text(KEY + "\n")
        key.chmod(0o600)
        os.chown(key, int(user), -1)
        self.process = None

    def start(self, entry):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                ["unshare", "--net", "/usr/bin/python3", "-c", LOOPBACK_UP, *self.buildah, "run", "--isolation", "chroot",
                 "-v", f"{self.secrets}:/run/secrets:ro", "-v", f"{self.data}:/var/lib/statuslistd", self.name, "--", *entry],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(self.ready, 60, "readiness")

    def ready(self):
        assert self.process.poll() is None, self.log.read_text()[-4000:]
        return self.curl("http://127.0.0.1:9090/readyz?for=issuer", fail=False).returncode == 0

    def curl(self, *arguments, fail=True):
        done = subprocess.run(["nsenter", "-t", str(self.process.pid), "-n", "curl", "-fsS", "--max-time", "10", *arguments],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
        assert not fail or done.returncode == 0, done.stderr
        return done

    def service(self):
        """The service's process: of all below the one we have started."""
        found = [self.process.pid]
        for pid in found:
            try:
                found += [int(p) for t in pathlib.Path(f"/proc/{pid}/task").iterdir() for p in (t / "children").read_text().split()]
                if os.readlink(f"/proc/{pid}/exe").endswith("/usr/bin/statuslistd"):
                    return pid
            except OSError:
                pass
        raise AssertionError("it does not run")

    def stop(self):
        os.kill(self.service(), signal.SIGTERM)
        assert self.process.wait(60) == 0, self.log.read_text()[-4000:]
        self.process = None


def test_image_holds_no_secret(configuration):
    config, layers = configuration
    assert config["User"] == "statuslistd" and "/var/lib/statuslistd" in config["Volumes"]
    names = [m.name.lstrip("./") for layer in layers for m in tarfile.open(layer)]
    assert "usr/bin/statuslistd" in names and "etc/statuslistd/statuslistd.yaml" in names
    assert not [n for n in names if n.endswith((".api-key", ".key", ".pem")) and n.startswith(("etc/statuslistd", "var/lib/statuslistd"))]


def test_image_serves(configuration, tmp_path):
    """Reserves and fetches; started again on the same volume it goes on, and gives no reference out twice."""
    config, _ = configuration
    container = Container(tmp_path)
    given = set()
    try:
        for _ in range(2):
            container.start(config["Entrypoint"] + config["Cmd"])
            answer = container.curl("-X", "POST", "-H", f"X-Api-Key: {KEY}", "http://127.0.0.1:8080/pools/example/new-references?amount=100")
            references = {(r["uri"], r["index"]) for r in json.loads(answer.stdout)["references"]}
            assert len(references) == 100 and not references & given
            given |= references
            for uri in {uri for uri, _ in references}:
                assert container.curl(uri).stdout.count(".") == 2
            container.stop()
    finally:
        if container.process is not None:
            container.process.kill()
            container.process.wait()
