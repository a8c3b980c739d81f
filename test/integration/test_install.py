"""What `cmake --install` leaves, in a folder of its own: the programs run, the library has the promised symbols only, and the
example builds with what pkg-config says, shared and static, in C and in C++."""
import os
import pathlib
import pty
import re
import subprocess
import tempfile
import threading

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
                 "share/bash-completion/completions/statuslistctl", "share/zsh/vendor-completions/_statuslistctl",
                 "share/fish/vendor_completions.d/statuslistctl.fish"):
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
    page = (ROOT / "man" / "statuslist.3").read_text()
    assert set(re.findall(r"^\.Fo (\w+)$", page, re.M)) == {n for n in names if n.startswith("statuslist_")}
    static = run("nm", "-g", "--defined-only", installed.lib / "libstatuslist.a").split("\n")
    own = {line.split()[2] for line in static if len(line.split()) == 3}
    assert {n for n in own if not n.startswith(("__asan", "__odr_asan", "__ubsan"))} == {
        n for n in names if not n.startswith(("__asan", "__odr_asan"))}
    assert "SONAME" in run("objdump", "-p", installed.lib / "libstatuslist.so")
    assert "libstatuslist.so.0\n" in run("objdump", "-p", installed.lib / "libstatuslist.so")


def test_the_pkg_config_file_follows_the_prefix(installed, tmp_path):
    run("cmake", "--install", BUILD, "--prefix", tmp_path / "else where")
    pc, = tmp_path.rglob("statuslist.pc")
    assert f"prefix={tmp_path}/else where\n" in pc.read_text()
    env = {"PKG_CONFIG_PATH": str(pc.parent)}
    for name in ("libdir", "includedir"):
        assert pathlib.Path(run("pkg-config", f"--variable={name}", "statuslist", env=env).replace("\\ ", " ").strip()).is_dir(), name
    assert f"prefix={str(installed.prefix)[len(str(installed.root)):]}\n" in installed.pc.read_text()


def console(page, first):
    """The commands of the block of a page that begins with this one."""
    block = next(b for b in re.findall(r"```console\n(.*?)```", (ROOT / page).read_text(), re.S) if b.startswith(f"$ {first}"))
    return [line[2:] for line in block.splitlines() if line.startswith("$ ")]


def test_the_page_of_the_library_as_printed(tmp_path):
    """Each command of it, in a /usr/local and an /etc of its own, both as a machine has them before."""
    *commands, last = console("docs/verifiers.md", "cmake --install")
    assert last.startswith("./verify ")
    commands = [c.replace("build/release", str(BUILD)).replace("-o verify", " ".join(["-o $TOP/verify", *sanitized()])) for c in commands]
    script = "\n".join(["set -e", "cp -dR /etc $TOP/etc 2>/dev/null || :", "mount --bind $TOP/etc /etc", "mount -t tmpfs tmpfs /usr/local",
                        f"cd {ROOT}", *commands, "cd $TOP", "./verify none none uri 0"])
    run("unshare", "-rm", "sh", "-c", script, env={"TOP": str(tmp_path)}, code=2)  # it runs, and finds no token; 127: no library


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
    def example(*words):
        done = subprocess.run([program, *map(str, words)], text=True, capture_output=True, timeout=60,
                              env={**os.environ, "LD_LIBRARY_PATH": str(installed.lib)})
        return done.stdout, done.returncode

    service = fixture.service(fixture.redis(), {"tests": {"update-interval": "0s"}}).start()
    with service.client() as c:
        (uri, index), (_, other) = c.reserve(2)
        c.update(uri, index, 1)
        key = service.storage / "keys" / "tests.crt.pem"
        for accept in ("application/statuslist+jwt", "application/statuslist+cwt"):
            def status():
                token.write_bytes(c.fetch(uri, {"Accept": accept}).body)
                return example(token, key, uri, index)
            until(lambda: status() == ("INVALID\n", 1), 20, "the revocation")
        assert example(token, key, uri, other) == ("VALID\n", 0)
        for wrong in ("abc", "", "-1", "+1", " 1", "1x", "1.0", "99999999999999999999"):
            assert example(token, key, uri, wrong) == ("", 64), wrong
        assert example(token, key, uri, 10**9) == example(tmp_path, key, uri, index) == example(token, token, uri, index) == ("", 2)
        token.write_bytes(token.read_bytes()[:-1] + b"!")
        assert example(token, key, uri, index) == ("", 2)


COMMANDS = ("reserve", "set", "get", "verify", "inspect", "lint", "export", "import")


def in_bash(installed, line):
    words = line.split(" ")
    script = (f"source {installed.prefix}/share/bash-completion/completions/statuslistctl; "
              f"COMP_WORDS=({' '.join(repr(w) for w in words)}); COMP_CWORD={len(words) - 1}; "
              "_statuslistctl; printf '%s\\n' \"${COMPREPLY[@]}\"")
    return set(run("bash", "-c", script).split())


# What a terminal shows is hard to read back, so compadd also writes down the words that match. Completion works only while a line is
# edited: as soon as one is, it is this one, and completed.
ZSH = r"""
autoload -U compinit; compinit -D -u
compadd() {
    local -a found
    [[ "${@[1,(i)(-|--)]}" == *\ -(O|A|D)\ * ]] || { builtin compadd -O found "$@"; print -rl -- $found >>out; }
    builtin compadd "$@"
}
zle -C complete-word complete-word _main_complete
zle-line-init() { BUFFER=$LINE; CURSOR=$#BUFFER; zle complete-word; : >done; }
zle -N zle-line-init
"""


def in_zsh(installed, line):
    with tempfile.TemporaryDirectory() as d:
        d = pathlib.Path(d)
        (d / ".zshrc").write_text(f"fpath=({installed.prefix}/share/zsh/vendor-completions $fpath)\n" + ZSH)
        (d / "out").touch()
        main, side = pty.openpty()
        shell = subprocess.Popen(["zsh", "-i"], stdin=side, stdout=side, stderr=side, cwd=d, start_new_session=True,
                                 env={"ZDOTDIR": str(d), "PATH": "/usr/bin:/bin", "TERM": "vt100", "HOME": str(d), "LINE": line})
        os.close(side)
        threading.Thread(target=drain, args=(main,), daemon=True).start()
        try:
            until(lambda: (d / "done").exists(), 20, "the completion")
        finally:
            shell.kill()
            shell.wait()
        return set((d / "out").read_text().split())


def drain(descriptor):
    try:
        while os.read(descriptor, 4096):
            pass
    except OSError:
        os.close(descriptor)


def in_fish(installed, line):
    script = f"source {installed.prefix}/share/fish/vendor_completions.d/statuslistctl.fish; complete -C {line!r}"
    with tempfile.TemporaryDirectory() as d:  # it writes into its home
        found = run("fish", "--no-config", "-c", script, env={"HOME": d, "XDG_CONFIG_HOME": d, "XDG_DATA_HOME": d})
    return {row.split("\t")[0] for row in found.splitlines()}


SHELLS = {"bash": in_bash, "zsh": in_zsh, "fish": in_fish}


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("line, wanted", [
    ("statuslistctl re", {"reserve"}),
    ("statuslistctl ", set(COMMANDS)),
    ("statuslistctl verify --c", {"--cert", "--cacert", "--client-cert", "--client-key"}),
    ("statuslistctl verify --format ", {"jwt", "cwt"}),
    ("statuslistctl set uri 7 su", {"suspended"}),
    ("statuslistctl reserve --api", {"--api-key-file"}),
    ("statuslistctl lint --form", set()),
    ("statuslistctl import --m", {"--merge"}),
    ("statuslistctl export --redis-p", {"--redis-password-file"}),
])
def test_completion(installed, shell, line, wanted):
    assert SHELLS[shell](installed, line) == wanted


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_has_the_options_of_each_command(installed, shell):
    for command in COMMANDS:
        options = set(re.findall(r"^  (--[a-z-]+)", run(installed.prefix / "bin/statuslistctl", command, "--help"), re.M))
        assert len(options) >= 10 and SHELLS[shell](installed, f"statuslistctl {command} --") == options, command


def test_every_option_is_in_the_page(installed):
    shown = run(installed.prefix / "bin/statuslistctl", "--help")
    options = set(re.findall(r"^  (--[a-z-]+)", shown, re.M))
    assert len(options) >= 20
    page = (installed.prefix / "share/man/man1/statuslistctl.1").read_text()
    for option in options:
        assert f"-{option[2:]}" in page, option
