"""Integration tests of the service and its embedded Redis under the unit's filter, where a system call that is not in it ends the
process."""
import os
import re
import subprocess

import pytest

from machine import ROOT, run
from unit import system_calls

BUILD = ROOT / "build" / "release"
# Both kinds of Redis, an embedded one that is killed, reloads, TLS; without those that mostly wait.
TESTS = ["test_main_job.py", "test_reload.py", "test_crash.py", "test_tls.py", "-k",
         "not end_of_a_certificate and not half_open and not main_job[external]"]


@pytest.fixture(scope="module")
def confine(tmp_path_factory):
    path = tmp_path_factory.mktemp("confine") / "confine"
    run("cc", "-Wall", "-Wextra", "-Werror", "-O1", "-o", path, ROOT / "test" / "packaging" / "confine.c", "-lseccomp")
    return path


def build_under(folder, confine, calls):
    """A build directory whose statuslistd runs under the filter."""
    (folder / "bin").mkdir()
    (folder / "list").write_text("".join(f"{c}\n" for c in sorted(calls)))
    wrapper = folder / "bin" / "statuslistd"
    wrapper.write_text(f"#!/bin/sh\nexec {confine} {folder}/list {BUILD}/bin/statuslistd \"$@\"\n")
    wrapper.chmod(0o755)
    (folder / "bin" / "statuslistctl").symlink_to(BUILD / "bin" / "statuslistctl")
    return folder


def pytest_under(build, *tests):
    return subprocess.run(["/usr/bin/python3", "-m", "pytest", "-p", "no:cacheprovider", "-q", "-x", *tests],
                          cwd=ROOT / "test" / "integration", env={**os.environ, "SL_BUILD": str(build)}, timeout=280,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_service_under_the_filter(tmp_path, confine):
    done = pytest_under(build_under(tmp_path, confine, system_calls()), *TESTS)
    assert done.returncode == 0, done.stdout[-6000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 20


@pytest.mark.parametrize("missing", ["accept4", "flock"])
def test_filter_is_in_force(tmp_path, confine, missing):
    """The same without a call that the service cannot do without."""
    done = pytest_under(build_under(tmp_path, confine, system_calls() - {missing}), "test_crash.py")
    assert done.returncode == 1, done.stdout[-3000:]
