"""script/check-docs finds pages that name missing things, planted into a copy of the tree."""
import contextlib
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROW = "| 4.1 | MUST | asked | `src/token/build.c` | {} |"


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("pages")
    for folder in ("src", "include", "test", "script", "conf", "docs", "man", "cmake", "perf", "examples", "packaging"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "corpus", "results"))
    for page in ROOT.glob("*.md"):
        shutil.copy(page, tmp_path / page.name)
    return tmp_path


def check(tree):
    done = subprocess.run([str(tree / "script/check-docs")], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


@contextlib.contextmanager
def planted(file, line):
    before = file.read_text() if file.exists() else None
    with open(file, "a") as f:
        f.write(f"\n{line}\n")
    yield
    file.unlink() if before is None else file.write_text(before)


def test_passes_the_clean_tree(tree):
    status, out = check(tree)
    assert status == 0, out


@pytest.mark.parametrize("page, line, why", [
    ("architecture.md", "see `src/token/gone.c`", "src/token/gone.c is not there"),
    ("architecture.md", "see `test/unit/token_build.c::gone`", "has no gone"),
    ("architecture.md", "see [it](gone.md)", "leads nowhere"),
    ("architecture.md", "see [it](redis.md#gone)", "redis.md#gone finds no heading"),
    ("redis.md", "see [it](#gone)", "#gone finds no heading"),
    ("configuration.md", "| `redis.gone` | a text | | | | Gone. |", "has no redis.gone"),
    ("conformance.md", ROW.format("`test/unit/token_build.c::gone`"), "has no gone"),
    ("conformance.md", ROW.format("`docs/openapi.yaml`"), "a MUST without a test"),
    ("conformance.md", "| 4.1 | MUST | asked | `src/token/build.c` |", "not five cells"),
    ("README.md", "| [audit.md](audit.md) | Once more. |", "audit.md is behind 2 doors"),
    ("unnamed.md", "A page behind no door.", "unnamed.md is behind 0 doors"),
    ("../README.md", "x" * 101, "has 101 characters, at most 100"),
    ("../README.md", "x\n" * 131, "lines, at most 130"),
    ("../CONTRIBUTING.md", "see `src/token/gone.c`", "src/token/gone.c is not there"),
])
def test_finds_what_is_planted(tree, page, line, why):
    with planted(tree / "docs" / page, line):
        status, out = check(tree)
    assert status == 1 and why in out, out


@pytest.mark.parametrize("place, line", [
    ("docs/architecture.md", "see `token/gone.c`"),
    ("docs/architecture.md", "see token/gone.c."),
    ("docs/architecture.md", "gone.c: it was"),
    ("docs/architecture.md", "(src/token/gone*.c)"),
    ("docs/architecture.md", "see pool/mend.c: of the keeper"),
    ("docs/testing.md", "| `http/gone.c` | 92.9 % |"),
    ("docs/redis.md", "`gone.lua`"),
    ("README.md", "`statuslist/gone.h`"),
    ("man/statuslistd.8", "see src/gone.c"),
    ("src/base/buf.c", "/* as gone.c does */"),
    ("src/base/buf.h", "// base/gone.h, too"),
    ("src/base/buf.h", "/* One line, and\n * base/gone_int.h. */"),
    ("src/store/lua/prelude.lua", "-- as gone.lua"),
    ("test/unit/base_buf.c", "/* see unit/gone.fake.c */"),
    ("test/locks/test_locks.py", "# see gone.py"),
    ("test/CMakeLists.txt", "# from gone.c"),
    ("script/lint", "# as src/base/gone.c"),
    ("perf/CMakeLists.txt", "# as micro/gone.c"),
    ("cmake/layers.cmake", "# as gone.c"),
])
def test_finds_a_source_that_is_not_there(tree, place, line):
    assert (tree / place).exists()
    with planted(tree / place, line):
        status, out = check(tree)
    assert status == 1 and place in out and "is not there" in out and len(out.splitlines()) <= 2, out


@pytest.mark.parametrize("place, line", [
    ("docs/architecture.md", "base/buf.c, `buf.h`, src/base/buf.c and base/*.c are there; base/NAME.c is any"),
    ("src/base/buf.c", "#include <stdio.h> /* no comment names stdio */"),
    ("src/base/buf.c", 'const char *sl_planted = "/* gone.c */";'),
])
def test_leaves_what_is_there(tree, place, line):
    with planted(tree / place, line):
        status, out = check(tree)
    assert status == 0, out
