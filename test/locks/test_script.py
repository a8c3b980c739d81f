"""script/test itself, on a small tree whose other scripts do nothing: its sums, the table at its end, and the reasons for which it fails."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ("locks", "integration", "engines", "interop", "smoke", "fault", "hostile", "sdk", "packaging")
ONE = "import pytest\n\n\ndef test_one():\n    pass\n"
TWO = "import pytest\n\n\n@pytest.mark.tsan\ndef test_one():\n    pass\n\n\n@pytest.mark.alone\ndef test_two():\n    pass\n"


def program(path, text="exit 0"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def tree(tmp_path):
    top = tmp_path / "a tree of another name"
    for name in ("bootstrap", "build", "lint", "model", "coverage", "package", "check-alerts", "valgrind"):
        program(top / "script" / name)
    shutil.copy(ROOT / "script" / "test", top / "script" / "test")
    for build in ("release", "asan", "tsan"):
        program(top / "build" / build / "bin" / "statuslistd", 'cat "docs/$2.md"')
        (top / "build" / build / "CTestTestfile.cmake").write_text('add_test(unit/store_ring "/bin/echo" "[       OK ] ring")\n')
    (top / "docs").mkdir()
    for page in ("configuration", "metrics"):
        (top / "docs" / f"{page}.md").write_text(page)
    for file in ("docs/openapi.yaml", "src/base/err.h"):  # of which clients are generated: full does so once
        (top / file).parent.mkdir(parents=True, exist_ok=True)
        (top / file).write_text("\n")
    program(top / "build/tools/interop/python/bin/python", 'exec /usr/bin/python3 "$@"')
    program(top / "build/tools/engines/one/redis-server")
    for folder in FOLDERS:
        (top / "test" / folder).mkdir(parents=True)
        (top / "test" / folder / "test_one.py").write_text(TWO if folder == "integration" else ONE)
    (top / "test/integration/test_fitness.py").write_text(ONE)
    for file in ("conftest.py", "pytest.ini"):
        shutil.copy(ROOT / "test" / file, top / "test" / file)
    return top


def passes(tree, part, **environment):
    """The exit status, the output, and the counts of the last line."""
    done = subprocess.run([tree / "script" / "test", part], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=600, env={**os.environ, "SL_JOBS": "1", **environment})
    last = re.fullmatch(r"(\d+) passed, (\d+) failed", done.stdout.splitlines()[-1])
    assert last, done.stdout
    return done.returncode, done.stdout, (int(last[1]), int(last[2]))


def steps(out):
    """{step: (minutes, minutes of processor time)} of the table at the end."""
    head, _, rows = out.rpartition("minutes  processor  step\n")
    assert head, out
    return {m[3]: (m[1], m[2]) for m in re.finditer(r"^ +(\d+:\d\d) +(\d+:\d\d)  (.+)$", rows, re.M)}


def test_full_adds_up_every_suite_says_the_minutes_of_each_step_and_fails_over_its_budget(tree):
    program(tree / "script" / "lint", "sleep 1.1")
    status, out, counts = passes(tree, "full", SL_BUDGET="0")
    # Four of ctest, the folders (integration with 2, 2 and 1), the file of it that other engines pass too (1, 1 and 1), and the time.
    assert (status, counts) == (1, (4 + len(FOLDERS) - 1 + 5 + 3, 1)) and "FAILED: time: more than 0 minutes" in out, out
    table = steps(out)
    for step in ("lint", "build: release", "integration: asan", "build: asan (beside the tests)", "generated clients", "packaging"):
        assert step in table, out
    assert len(table) == len(re.findall(r"^== ", out, re.M)) + len(re.findall(r"\(beside the tests\)$", out, re.M))


def test_the_budget_is_that_of_full(tree):
    status, out, counts = passes(tree, "hostile", SL_BUDGET="0")
    assert (status, counts) == (0, (1, 0)) and 'All of "hostile" passed' in out, out


@pytest.mark.parametrize("part", ["hostile", "fault"])  # in one process, in several
def test_a_skipped_test_fails(tree, part):
    (tree / "test" / part / "test_one.py").write_text(ONE + "\n\n@pytest.mark.skip\ndef test_two():\n    pass\n")
    status, out, counts = passes(tree, part)
    assert (status, counts) == (1, (1, 1)) and "1 skipped: a test that does not run has not passed" in out, out


def test_a_skipped_unit_test_fails(tree):
    (tree / "build/release/CTestTestfile.cmake").write_text('add_test(unit/store_ring "/bin/echo" "[  SKIPPED ] 1 test(s), listed below:")\n')
    status, out, counts = passes(tree, "unit")
    assert (status, counts) == (1, (1, 1)) and "1 skipped" in out, out


def test_a_failed_test_fails(tree):
    (tree / "test/fault/test_one.py").write_text(ONE.replace("pass", "assert False"))
    status, out, counts = passes(tree, "fault")
    assert status != 0 and counts == (0, 1) and "FAILED: faults" in out, out


def test_what_fails_beside_the_tests_fails_too(tree):
    program(tree / "script" / "build", '[ "$2" != asan ] || { echo planted; exit 7; }')
    status, out, counts = passes(tree, "usual")
    assert (status, counts) == (7, (2, 1)) and "planted" in out and "test: build: asan: failed" in out, out
    assert "models: ring, shutdown (beside the tests)" not in steps(out)
