"""README.md's command lines in a fresh copy of the tree, in its order: each is run as printed, with the list and the index that the
first one reserves, and what is printed below it has to come. On a network of its own, as the service has its usual ports there."""
import json
import os
import re
import shlex
import shutil
import signal
import subprocess

import pytest

from client import until
from machine import ROOT
from test_container import LOOPBACK_UP

PAGE = (ROOT / "README.md").read_text()


def fresh_copy(target):
    """What git has or would take; without git, all but what is made."""
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if listed.returncode != 0:
        shutil.copytree(ROOT, target, symlinks=True, ignore=shutil.ignore_patterns("build", "run", "__pycache__", ".git", "results"))
        return
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name, follow_symlinks=False)


def is_whole(command):
    try:
        shlex.split(command, comments=True)
    except ValueError:
        return False  # a quote is open
    return not command.endswith("\\")


def steps():
    """[command, lines below it] of all console blocks."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.S):
        command = None
        for line in block.splitlines():
            if command is not None and not is_whole(command):
                command += "\n" + line
                found[-1][0] = command
            elif line.startswith("$ "):
                command = line[2:]
                found.append([command, []])
            else:
                found[-1][1].append(line)
    return found


class Machine:
    """A shell in a network of its own, in which the service of script/server runs."""

    def __init__(self, folder):
        self.folder, self.log = folder, folder / "server.log"
        with open(self.log, "wb") as log:
            self.server = subprocess.Popen(["unshare", "--net", "/usr/bin/python3", "-c", LOOPBACK_UP, "script/server"], cwd=folder, stdout=log,
                                           stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)

    def serves(self):
        assert self.server.poll() is None, self.log.read_text()[-4000:]
        return "\nReady. " in self.log.read_text()

    def run(self, command):
        return subprocess.run(["nsenter", "-t", str(self.server.pid), "-n", "bash", "-c", command], cwd=self.folder, text=True, timeout=60,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout

    def end(self):
        if self.server.poll() is None:
            self.server.send_signal(signal.SIGTERM)
            assert self.server.wait(30) == 0, self.log.read_text()[-4000:]


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("readme") / "tree"
    folder.mkdir()
    fresh_copy(folder)
    m = Machine(folder)
    yield m
    m.end()


def same(shown, came):
    """Whether a line of the page stands for one that came: the same field of a head, a token, an answer with the same members, or it."""
    if re.fullmatch(r"[a-z-]+: .*", shown):
        return came.lower().startswith(shown.split(":")[0] + ":")
    if shown.startswith("eyJ"):
        return re.match(r"eyJ[\w-]+\.[\w-]+\.[\w-]+$", came) is not None
    if shown.startswith("{"):
        return came.startswith("{") and re.sub(r'"[^"]*://[^"]*"|\d+', "", came) == re.sub(r'"[^"]*://[^"]*"|\d+', "", shown)
    return shown == came.rstrip()


def test_every_command_of_the_readme(machine):
    (first, printed), *rest = steps()
    assert first.split()[0] == "script/server" and len(rest) >= 5
    until(machine.serves, 600, "what script/server prints when it is ready")
    assert printed[1] in machine.log.read_text().splitlines()
    (old_uri, old_index), = re.findall(r'"uri":"([^"]*)","index":(\d+)\}\]', PAGE)
    uri, index = old_uri, old_index
    for command, shown in rest:
        if command.split()[0] == "script/test":  # which runs this test
            assert os.access(machine.folder / "script" / "test", os.X_OK)
            continue
        if "<" in command or "sudo " in command:
            raise AssertionError(f"a command that nobody can run as it is: {command}")
        command = command.replace(old_uri, uri).replace(old_index, index)

        def missing():
            lines = machine.run(command).splitlines()
            return [s for s in shown if s not in ("", "...") and not any(same(s, line) for line in lines)], lines

        if "new-references" in command:
            lost, lines = missing()
            reference, = json.loads(lines[-1])["references"]
            uri, index = reference["uri"], str(reference["index"])
        else:
            until(lambda: not missing()[0], 20, f"{missing()[0]} of {command}")  # a revocation is published within a second
            continue
        assert not lost, (command, lost, lines)
    assert index != old_index or uri != old_uri


def test_the_smallest_configuration(machine, tmp_path):
    """Of the page, with its paths in a folder of ours and a key in them, passes --check."""
    text, = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)
    until(machine.serves, 600, "the build")
    for name in re.findall(r"/etc/statuslistd/([\w.]+)", text):
        (tmp_path / name).write_text("a-key-of-an-issuer\n")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=readme",
                    "-keyout", tmp_path / "key.pem", "-out", tmp_path / "chain.pem"], check=True, capture_output=True)
    for path in tmp_path.iterdir():
        path.chmod(0o600)
    config = tmp_path / "statuslistd.yaml"
    config.write_text(text.replace("/etc/statuslistd", str(tmp_path)))
    done = subprocess.run([machine.folder / "build" / "release" / "bin" / "statuslistd", "--config", config, "--check"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
