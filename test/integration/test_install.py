"""What `cmake --install` leaves, in a folder of its own: the programs run, the library has the promised symbols only, and the
example builds with what pkg-config says, shared and static, in C and in C++."""
import os
import subprocess

import pytest

from client import until
from processes import BUILD, ROOT, instrumented


def run(*argv, env=None, code=0, **how):
    done = subprocess.run([str(a) for a in argv], text=True, capture_output=True, timeout=300,
                          env={**os.environ, **(env or {})}, **how)
    assert done.returncode == code, (argv, done.stdout, done.stderr)
    return done.stdout


class Installed:
    def __init__(self, root):
        run("cmake", "--install", BUILD, env={"DESTDIR": str(root)})
        self.root = root
        found = [p for p in root.rglob("statuslist.pc")]
        assert len(found) == 1
        self.pc = found[0]
        self.lib = self.pc.parent.parent
        self.prefix = next(root.rglob("bin")).parent

    def flags(self, *what):
        env = {"PKG_CONFIG_PATH": str(self.pc.parent), "PKG_CONFIG_SYSROOT_DIR": str(self.root)}
        return run("pkg-config", *what, "statuslist", env=env).split()


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    return Installed(tmp_path_factory.mktemp("installed"))


def sanitized():
    return ["-fsanitize=address,undefined"] if instrumented() else []


def test_files(installed):
    p = installed.prefix
    for path in ("bin/statuslistd", "bin/statuslistctl", "include/statuslist/status_list.h", "include/statuslist/verify.h",
                 "share/man/man1/statuslistctl.1", "share/man/man3/statuslist.3", "share/man/man8/statuslistd.8",
                 "share/bash-completion/completions/statuslistctl"):
        assert (p / path).is_file(), path
    for name in ("libstatuslist.so", "libstatuslist.so.0", "libstatuslist.a", "pkgconfig/statuslist.pc"):
        assert (installed.lib / name).is_file(), name
    assert run(p / "bin/statuslistctl", "--version").startswith("statuslistctl ")
    assert run(p / "bin/statuslistd", "--version").startswith("statuslistd ")
    for page in p.glob("share/man/*/*"):
        assert run("mandoc", "-Tlint", "-W", "warning", page) == ""


def test_symbols(installed):
    shared = run("nm", "-D", "--defined-only", installed.lib / "libstatuslist.so").split("\n")
    names = {line.split()[2] for line in shared if line} - {"__asan_default_options"}
    assert "statuslist_verify" in names and all(n.startswith("statuslist_") for n in names), names
    static = run("nm", "-g", "--defined-only", installed.lib / "libstatuslist.a").split("\n")
    own = {line.split()[2] for line in static if len(line.split()) == 3}
    assert {n for n in own if not n.startswith(("__asan", "__odr_asan", "__ubsan"))} == {
        n for n in names if not n.startswith(("__asan", "__odr_asan"))}
    assert "SONAME" in run("objdump", "-p", installed.lib / "libstatuslist.so")
    assert "libstatuslist.so.0\n" in run("objdump", "-p", installed.lib / "libstatuslist.so")


@pytest.mark.parametrize("compiler, language", [("cc", "c"), ("c++", "c++")])
def test_headers_stand_alone(installed, compiler, language, tmp_path):
    for header in ("status_list.h", "verify.h"):
        source = tmp_path / "alone"
        source.write_text(f"#include <statuslist/{header}>\n")
        run(compiler, "-x", language, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only",
            *installed.flags("--cflags"), source)


@pytest.mark.parametrize("how", ["shared", "static"])
def test_the_example(installed, how, tmp_path, fixture):
    program, token = tmp_path / "verify", tmp_path / "token"
    source = ROOT / "examples" / "verify.c"
    if how == "shared":
        libraries = installed.flags("--cflags", "--libs")
    else:
        libraries = [f if f != "-lstatuslist" else "-l:libstatuslist.a" for f in installed.flags("--static", "--cflags", "--libs")]
    run("cc", "-Wall", "-Wextra", "-Werror", source, "-o", program, *libraries, *sanitized())
    used = run("ldd", program, env={"LD_LIBRARY_PATH": str(installed.lib)})
    assert ("libstatuslist.so.0" in used) is (how == "shared")
    service = fixture.service(fixture.redis(), {"tests": {"update-interval": "0s"}}).start()
    with service.client() as c:
        uri, index = c.reserve()[0]
        c.update(uri, index, 1)
        key = service.storage / "keys" / "tests.crt.pem"
        for accept in ("application/statuslist+jwt", "application/statuslist+cwt"):
            def status():
                token.write_bytes(c.fetch(uri, {"Accept": accept}).body)
                return run(program, token, key, uri, index, env={"LD_LIBRARY_PATH": str(installed.lib)})
            until(lambda: status() == "INVALID\n", 20, "the revocation")
        token.write_bytes(token.read_bytes()[:-1] + b"!")
        run(program, token, key, uri, index, env={"LD_LIBRARY_PATH": str(installed.lib)}, code=1)


@pytest.mark.parametrize("line, wanted", [
    ("statuslistctl re", {"reserve"}),
    ("statuslistctl ", {"reserve", "set", "get", "verify", "inspect", "lint", "export", "import"}),
    ("statuslistctl verify --c", {"--cert", "--cacert", "--client-cert", "--client-key"}),
    ("statuslistctl verify --format ", {"jwt", "cwt"}),
    ("statuslistctl set uri 7 su", {"suspended"}),
    ("statuslistctl reserve --api", {"--api-key-file"}),
    ("statuslistctl lint --format", set()),
    ("statuslistctl import --m", {"--merge"}),
    ("statuslistctl export --redis-p", {"--redis-password-file"}),
])
def test_completion(installed, line, wanted):
    words = line.split(" ")
    script = (f"source {installed.prefix}/share/bash-completion/completions/statuslistctl; "
              f"COMP_WORDS=({' '.join(repr(w) for w in words)}); COMP_CWORD={len(words) - 1}; "
              "_statuslistctl; printf '%s\\n' \"${COMPREPLY[@]}\"")
    assert set(run("bash", "-c", script).split()) == wanted


def test_every_option_is_in_page_help_and_completion(installed):
    shown = run(installed.prefix / "bin/statuslistctl", "--help")
    options = {w.strip(",") for w in shown.split() if w.startswith("--")}
    assert len(options) >= 14
    page = (installed.prefix / "share/man/man1/statuslistctl.1").read_text()
    completion = (installed.prefix / "share/bash-completion/completions/statuslistctl").read_text()
    for option in options:
        assert f"-{option[2:]}" in page and option in completion, option
