"""What statuslistctl leaves behind: each exit status that its manual names, an error for every answer that is none, for every
output that could not be written and for every option that has no place."""
import contextlib
import fcntl
import http.server
import json
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import termios
import threading

import pytest

from client import until
from processes import BUILD, ROOT
from test_ctl import CTL, Ctl, reserve

URI, INDEX = "https://status.example/a", 5
RIGHT = {"uri": URI, "index": INDEX, "value": 1}


@pytest.fixture(scope="module")
def service(shared_fixture):
    return shared_fixture.service(shared_fixture.redis(), {"tests": {"size": 1000, "bits": 2, "update-interval": "0s"}}).start()


@pytest.fixture(scope="module")
def ctl(service, tmp_path_factory):
    return Ctl(service, tmp_path_factory.mktemp("ctl"))


@pytest.fixture(scope="module")
def certificate(service):
    return service.storage / "keys" / "tests.crt.pem"


class Other:
    """A server that answers everything with one answer, and remembers what it was asked."""

    def __init__(self):
        other = self
        self.answer, self.asked = (200, {}, b"{}"), []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                other.asked.append((self.command, self.path, dict(self.headers)))
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, fields, body = other.answer
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **fields}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_PATCH = do_CONNECT = do_GET

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def says(self, body, status=200, **fields):
        self.answer, self.asked = (status, fields, body if isinstance(body, bytes) else json.dumps(body).encode()), []
        return self.url


@pytest.fixture(scope="module")
def other():
    o = Other()
    yield o
    o.server.shutdown()


def references(*indices):
    return {"references": [{"uri": URI, "index": i} for i in indices]}


@pytest.mark.parametrize("answer", [
    {}, [], b"", b"<html>", {"uri": URI}, {"value": 1}, {**RIGHT, "value": "1"}, {**RIGHT, "value": None}, {**RIGHT, "value": True},
    {**RIGHT, "value": 1.0}, {**RIGHT, "value": 256}, {**RIGHT, "value": -1}, {**RIGHT, "value": 4294967297}, {**RIGHT, "index": 6},
    {**RIGHT, "index": 5 + 2**32}, {**RIGHT, "uri": URI + "/"}, {**RIGHT, "uri": None}, {"value": 0, "index": INDEX},
    b'{"uri":"%s","index":5,"value":0,"value":1}' % URI.encode()])
def test_get_has_no_answer_without_a_value(ctl, other, answer):
    refused = ctl("get", URI, INDEX, "--server", other.says(answer), code=5)
    assert refused.stdout == "" and "expected the uri, the index and a value" in refused.stderr
    assert ctl.json("get", URI, INDEX, code=5, env={"STATUSLIST_SERVER": other.says(answer)})["exit"] == 5


def test_get_takes_the_right_answer(ctl, other):
    assert ctl("get", URI, INDEX, "--server", other.says(RIGHT)).stdout == "1 INVALID\n"


@pytest.mark.parametrize("answer, shown", [
    ({}, ""), ({"references": []}, ""), ({"references": {}}, ""), ({"uri": "x"}, ""), (b"oops", ""), (references(1, 2), "1 2"),
    (references(1, 2, 3, 4), "1 2 3 4"), (references(1, 2, "x"), "1 2"), (references(1, 2, -1), "1 2"), (references(1, 2**32, 3), "1 3"),
    ({"references": [{"index": 1}, {"uri": "", "index": 2}, {"uri": 5, "index": 3}]}, ""),
    ({"references": [{"uri": u, "index": 1} for u in ("https://a/ 1", "https://a/\x1b", "https://\u00e4/")]}, "")])
def test_reserve_is_complete_or_an_error(ctl, other, answer, shown):
    """What there is of references is shown, as nobody else will ever get them."""
    done = ctl("reserve", "p", 3, "--server", other.says(answer), code=5)
    assert done.stdout == "".join(f"{URI} {i}\n" for i in shown.split()) and "expected 3 references" in done.stderr


def test_reserve_takes_the_right_answer(ctl, other):
    assert ctl("reserve", "p", 2, "--server", other.says(references(7, 8))).stdout == f"{URI} 7\n{URI} 8\n"


def test_control_characters_of_an_answer_stay_there(ctl, other):
    assert "\x1b" not in ctl("get", URI, INDEX, "--server", other.says(b"\x1b[2J"), code=5).stderr
    assert "\x1b" not in ctl("get", URI, INDEX, "--server", other.says(b"", 302, Location="http://a/\x1b"), code=6).stderr


# ---- output that cannot be written


def test_references_are_not_lost_with_the_output(ctl, service):
    def run(*words, **how):
        return subprocess.run([str(CTL), *words, "--server", ctl.server, "--api-key-file", str(ctl.key_file)], text=True,
                              stderr=subprocess.PIPE, timeout=60, **how)
    with open("/dev/full", "w") as full:
        for options in ([], ["--json"]):
            done = run("reserve", "tests", "3", *options, stdout=full)
            assert done.returncode == 74
            assert len(re.findall(rf"^{service.config['public-url']}/\S+ \d+$", done.stderr, re.M)) == 3, done.stderr
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as broken:
        done = run("reserve", "tests", "2", stdout=broken)
    assert done.returncode == 74 and done.stderr.count(service.config["public-url"]) == 2
    closed = run("reserve", "tests", "1", stdout=subprocess.DEVNULL, preexec_fn=lambda: os.close(1))
    assert closed.returncode == 74 and closed.stderr.count(service.config["public-url"]) == 1


def test_output_that_cannot_be_written_is_an_error(ctl, certificate):
    uri, index = reserve(ctl)
    for words in (["get", uri, index], ["get", uri, index, "--json"], ["verify", uri, index, "--cert", certificate], ["inspect", uri],
                  ["lint", uri, "--json"], ["set", uri, index, 0, "--json"], ["--help"], ["verify", "--help"], ["--version"],
                  ["get", uri, "x", "--json"]):
        with open("/dev/full", "w") as full:
            done = subprocess.run([str(CTL), *map(str, words)], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60,
                                  env={**os.environ, "STATUSLIST_SERVER": ctl.server, "STATUSLIST_API_KEY_FILE": str(ctl.key_file)})
        assert done.returncode == 74 and "could not be written" in done.stderr, (words, done)


def test_the_service_program_too(service):
    config = str(ROOT / "conf" / "dev.yaml")
    for words in (["--help"], ["--version"], ["--print-docs", "configuration"], ["--config", config, "--print-config"]):
        with open("/dev/full", "w") as full:
            done = subprocess.run([str(BUILD / "bin" / "statuslistd"), *words], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
        assert done.returncode == 1 and "could not be written" in done.stderr, (words, done)


# ---- where a credential goes


@pytest.mark.parametrize("server, env", [("localhost:8080", {}), ("status.example.com", {}), ("ftp://h", {}), ("http://u:p@h", {}),
                                         ("http://h/?a=b", {}), ("http://h/#a", {}), ("", {}), (None, {"STATUSLIST_SERVER": "h:1"})])
def test_a_server_has_a_scheme(ctl, server, env):
    words = ["get", URI, INDEX] + (["--server", server] if server is not None else [])
    refused = ctl(*words, code=64, env=env).stderr
    assert "expected http:// or https://" in refused and ("STATUSLIST_SERVER: " if env else "--server: ") in refused


@pytest.mark.parametrize("server", ["http://status.example.com", "HTTP://192.0.2.2:8080", "http://localhost.evil.example",
                                    "http://127.evil.example", "http://[::2]:80", "http://127.0.0.1.example"])
def test_a_credential_does_not_leave_this_machine_in_plain_text(ctl, server):
    assert "without TLS" in ctl("get", URI, INDEX, "--server", server, code=64).stderr


def test_unless_it_is_told_to(ctl, other):
    """Through a proxy, so that nothing leaves this machine here; and without a credential, nothing has to be told."""
    env = {"http_proxy": other.says(RIGHT)}
    assert ctl("get", URI, INDEX, "--server", "http://status.example.com", "--insecure-http", env=env).stdout == "1 INVALID\n"
    assert other.asked[0][2]["X-Api-Key"] and other.asked[0][1].startswith("http://status.example.com/")
    assert ctl("get", URI, INDEX, "--server", "http://status.example.com", env=env, credential=False).stdout == "1 INVALID\n"


def test_this_machine_is_not_behind_a_proxy(ctl, other, certificate):
    uri, index = reserve(ctl)
    for name in ("127.0.0.1", "localhost"):
        other.says(b"", 502)
        env = {"http_proxy": other.url, "ALL_PROXY": other.url, "no_proxy": ""}
        ctl("get", uri, index, "--server", ctl.server.replace("127.0.0.1", name), env=env)
        ctl("inspect", uri, env=env)
        ctl("verify", uri, index, "--cert", certificate, env=env)
        assert other.asked == []


def test_a_credential_does_not_follow_a_redirect(ctl, other):
    told = ctl("reserve", "p", "--server", other.says(b"", 307, Location=ctl.server + "/elsewhere"), code=6).stderr
    assert len(other.asked) == 1 and f"redirects to {ctl.server}/elsewhere" in told


def test_a_slash_at_the_end_of_the_server(ctl):
    uri, index = reserve(ctl)
    assert ctl("get", uri, index, "--server", ctl.server + "//").stdout == "0 VALID\n"


def test_a_credential_is_one_and_is_there(ctl, other, tmp_path):
    key, empty = ctl.key_file.read_text().strip(), tmp_path / "empty"
    for text in ("", "\n", "  \n", "\nlater"):
        empty.write_text(text)
        for option in ("--api-key-file", "--bearer-file"):
            assert "first line is empty" in ctl("reserve", "tests", option, empty, credential=False, code=64).stderr
        assert "first line is empty" in ctl("reserve", "tests", env={"STATUSLIST_API_KEY_FILE": str(empty)}, credential=False, code=64).stderr
    empty.write_text("key-of-nobody")
    assert "exclude each other" in ctl("reserve", "tests", "--api-key-file", empty, "--bearer-file", empty, credential=False, code=64).stderr
    empty.write_text(key + " \t\r\n")
    ctl("reserve", "tests", "--api-key-file", empty, credential=False)
    ctl("verify", "http://127.0.0.1:1/x", 0, code=5, credential=False, env={"STATUSLIST_API_KEY_FILE": "/nonexistent"})


def test_a_credential_from_a_pipe(ctl, tmp_path):
    """It can be read once, so it is."""
    script = f'"$0" reserve tests --server {ctl.server} --api-key-file <(cat {ctl.key_file})'
    subprocess.run(["bash", "-c", script, CTL], check=True, timeout=60, stdout=subprocess.DEVNULL)
    os.mkfifo(tmp_path / "pipe")
    writer = subprocess.Popen(["cp", ctl.key_file, tmp_path / "pipe"])  # waits for who reads it
    try:
        ctl("reserve", "tests", "--api-key-file", tmp_path / "pipe", credential=False)
    finally:
        writer.kill()
        writer.wait()


# ---- the exit statuses of the manual page, one by one


def documented():
    page = (ROOT / "man" / "statuslistctl.1").read_text()
    return {int(n) for n in re.findall(r"^\.It (\d+)$", page[page.index(".Sh EXIT STATUS"):], re.M)}


def test_every_exit_status(ctl, certificate, other, tmp_path):
    uri, index = reserve(ctl)
    seen = set()

    def run(code, *words, **how):
        ctl(*words, code=code, **how)
        seen.add(code)

    run(0, "get", uri, index)
    for value in (1, 2, 3):
        ctl("set", uri, index, value)
        until(lambda: ctl.json("inspect", uri)["statuses"].get(str(value)), 20, f"status {value}")
        run(value, "verify", uri, index, "--cert", certificate)
    run(4, "verify", uri, index)
    run(4, "inspect", "a.b.c")
    run(5, "get", uri, index, "--server", "http://127.0.0.1:1")
    run(5, "lint", "https://127.0.0.1:1/x")
    run(5, "lint", "http://127.0.0.1:1/x")
    run(5, "export", "tests", tmp_path / "b", "--redis", "127.0.0.1:1")
    run(6, "get", uri, 1000)
    run(64, "get", uri)
    run(1, "lint", other.says(b"no list") + "/x")
    with open("/dev/full", "w") as full:
        assert subprocess.run([str(CTL), "--version"], stdout=full, stderr=subprocess.DEVNULL).returncode == 74
    seen.add(74)
    assert seen == documented()
    told = ctl("--help").stdout
    assert {int(n) for n in re.findall(r"^ {2,3}(\d+)  ", told[told.index("Exit status:"):], re.M)} == seen


@pytest.mark.parametrize("words, complaint", [
    (["reserve", "p", "5000000000"], "from 1 to 4294967295"), (["get", "u", "5000000000"], "from 0 to 4294967295"),
    (["verify", "u", "99999999999999999999"], "from 0 to 18446744073709551615"), (["get", "u", "1", "--timeout", "0"], "from 1 to 3600"),
    (["export", "p", "f", "--check"], "--check is an option of import, not of export"),
    (["verify", "u", "1", "--server", "http://h"], "--server is an option of reserve, set and get, not of verify"),
    (["get", "u", "1", "--cacert", "/nonexistent"], "--cacert: /nonexistent: No such file"),
    (["get", "u", "1", "--cacert", "/"], "--cacert: /: is a directory; expected a file"),
    (["get", "u", "1", "--client-cert", "/dev/null"], "--client-key is missing"),
    (["get", "u", "1", "--nothing"], "--nothing: unknown option"),
    (["get", "u", "1", "--json=x"], "--json=x: unknown option, or one that needs"), (["get", "u", "1", "-x"], "-x: unknown option"),
    (["export", "p", "f", "--redis-password-file", "/nonexistent"], "--redis-password-file: /nonexistent"),
])
def test_the_command_line_is_checked(ctl, words, complaint):
    assert complaint in ctl(*words, code=64).stderr
    assert complaint in ctl.json(*words, code=64)["errors"][0]


def test_a_failure_is_one_json_value(ctl, other, service, certificate):
    uri, index = reserve(ctl)
    for code, words in ((5, ["verify", "http://127.0.0.1:1/x", 0, "--cert", certificate]), (64, ["frobnicate"]), (64, ["get", uri, "x"]),
                        (5, ["inspect", "http://127.0.0.1:1/"]), (5, ["export", "p", "f", "--redis", "127.0.0.1:1"]),
                        (64, ["import", "/nonexistent"]), (64, ["get", uri, "1", "--nothing"]), (5, ["get", uri, 0, "--server", "http://127.0.0.1:1"])):
        value = ctl.json(*words, code=code)
        assert value["exit"] == code and value["errors"] and all(value["errors"]), value
    assert ctl.json("get", uri, 1000, code=6)["code"] == "INDEX_OUT_OF_BOUNDS"
    env = {"STATUSLIST_SERVER": other.says(b"a proxy's page", 502)}
    assert "a proxy's page" in ctl.json("get", uri, index, code=6, env=env)["errors"][0]


def test_help_of_a_command_has_what_belongs_to_it(ctl):
    shown = {name: ctl(name, "--help").stdout for name in ("reserve", "set", "get", "verify", "inspect", "lint", "export", "import")}
    for name, text in shown.items():
        assert text.startswith(f"usage: statuslistctl {name} ") and "Exit status:" in text
        assert ("--server" in text) is (name in ("reserve", "set", "get"))
        assert ("--anchors" in text) is (name in ("verify", "inspect", "lint"))
        assert ("--redis " in text) is (name in ("export", "import")) and ("--merge" in text) is (name == "import")
    assert ctl("--help", "verify").stdout == shown["verify"] == ctl("verify", "u", "-h").stdout


# ---- the file of export


@pytest.fixture(scope="module")
def pool(ctl, service):
    reserve(ctl)
    return ["--redis", f"unix:{service.store.socket}"]


@pytest.mark.parametrize("what, kind", [("link", "symbolic link"), ("dangling", "symbolic link"), ("pipe", "device, pipe or socket"),
                                        ("socket", "device, pipe or socket"), ("folder", "folder")])
def test_export_replaces_plain_files_only(ctl, pool, tmp_path, what, kind):
    path, target = tmp_path / "b", tmp_path / "target"
    with socket.socket(socket.AF_UNIX) as s:
        if what == "link":
            target.write_text("kept")
        {"link": lambda: path.symlink_to(target), "dangling": lambda: path.symlink_to(target), "pipe": lambda: os.mkfifo(path),
         "socket": lambda: s.bind(str(path)), "folder": path.mkdir}[what]()
        before = os.lstat(path)
        assert f"{path}: is a {kind}; expected a plain file" in ctl("export", "tests", path, *pool, code=64).stderr
        assert os.lstat(path).st_ino == before.st_ino and set(os.listdir(tmp_path)) == {"b"} | ({"target"} if what == "link" else set())


def test_export_names_its_file(ctl, pool, tmp_path):
    refused = ctl("export", "tests", "/nonexistent/b", *pool, code=64).stderr
    assert "statuslistctl: /nonexistent/b: No such file or directory" in refused
    assert 'FILE: "-" is not valid' in ctl("export", "tests", "-", *pool, code=64).stderr
    path = tmp_path / "b"
    path.write_text("an older backup")
    assert 'no pool "none"' in ctl("export", "none", path, *pool, code=6).stderr
    assert path.read_text() == "an older backup" and os.listdir(tmp_path) == ["b"]
    ctl("export", "tests", path, *pool)
    assert path.read_bytes().startswith(b"statuslist-backup") and os.listdir(tmp_path) == ["b"]


def test_a_full_disk_is_an_output_error(ctl, pool, tmp_path):
    """RLIMIT_FSIZE stands for the disk: SIGXFSZ ignored, a write fails with EFBIG."""
    def limit():
        import resource
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
    path = tmp_path / "b"
    done = subprocess.run([str(CTL), "export", "tests", str(path), *pool], preexec_fn=limit, capture_output=True, text=True, timeout=60)
    assert done.returncode == 74 and f"{path}: File too large" in done.stderr and os.listdir(tmp_path) == []


class Stuck:
    """A relay to Redis that answers nothing from the first question about the pool on: by then the file of an export is there."""

    def __init__(self, path):
        self.server, self.path, self.stuck, self.open = socket.create_server(("127.0.0.1", 0)), str(path), False, []
        self.address = f"127.0.0.1:{self.server.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        near, _ = self.server.accept()
        far = socket.socket(socket.AF_UNIX)
        far.connect(self.path)
        self.open += [near, far]
        threading.Thread(target=self.copy, args=(far, near), daemon=True).start()
        self.copy(near, far)

    def copy(self, source, target):
        with contextlib.suppress(OSError):  # closed at the end of the test
            while (data := source.recv(4096)) and not self.stuck:
                self.stuck = b"statuslist:{tests}" in data
                target.sendall(data)

    def close(self):
        for s in (self.server, *self.open):
            s.close()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_takes_the_half_backup_away(ctl, pool, service, tmp_path, how):
    relay = Stuck(service.store.socket)
    process = subprocess.Popen([str(CTL), "export", "tests", str(tmp_path / "b"), "--redis", relay.address], stderr=subprocess.PIPE,
                               preexec_fn=lambda: signal.signal(how, signal.SIG_DFL))  # a job in the background ignores SIGINT
    try:
        until(lambda: os.listdir(tmp_path), 20, "the temporary file")
        process.send_signal(how)
        assert process.wait(20) == -how
        assert os.listdir(tmp_path) == []
    finally:
        process.kill()
        process.communicate()
        relay.close()


# ---- progress


def on_a_terminal(argv, until_text=None):
    """What a command writes to a terminal that is its stderr, and its stdout in a pipe."""
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(list(map(str, argv)), stdout=subprocess.PIPE, stderr=side)
    os.close(side)
    shown = b""
    try:
        while chunk := os.read(main, 4096):
            shown += chunk
    except OSError:
        pass  # closed at the other end
    out = process.communicate(timeout=60)[0]
    os.close(main)
    return process.returncode, out, shown.decode()


def test_progress_is_for_terminals(ctl, other):
    """A server that takes its time; the line is taken away in the end. A pipe sees the errors only."""
    silent = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{silent.getsockname()[1]}/x"
    code, _, shown = on_a_terminal([CTL, "lint", url, "--timeout", "1", "--json"])
    assert code == 5 and "\rlint: 1 requests" in shown and "\r\x1b[K" in shown
    piped = ctl("lint", url, "--timeout", "1", "--json", code=5).stderr
    assert piped == f"statuslistctl: {url}: no response\n"
    silent.close()
