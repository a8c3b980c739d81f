"""The service with a bug in it, under the same load and faults: the checker, or the test of one event, has to find it."""
import os
import pathlib
import subprocess
import sys

import pytest

from faults import FAULTS
from processes import BUILD
from rounds import run

# plant: (fault, what the checker may call it)
FOUND = {
    "early": ("kill-redis", {"lost"}),
    "ring": ("script-flush", {"twice"}),
    "position": ("older-all", {"twice"}),
    "file": ("restored-stopped", {"twice"}),
    "predecessor": ("delayed-write", {"lost", "unread"}),
    "refusal": ("stop-redis", {"phantom"}),
    "marks": ("paused", {"lost", "back", "unread"}),
    "copy": ("paused", {"lost", "back", "unread"}),
}
# plant: (test that fails with it, a word of how)
FAILS = {
    "unlink": ("test_owner.py::test_a_file_is_used_once", "came twice"),
    "fence": ("test_joins.py::test_a_write_right_after_keys_were_put_back", "shows {"),
    "confirm": ("test_joins.py::test_two_servers_and_a_number_twice", "shows {"),
    "optimism": ("test_visible.py::test_three_instances_that_come_and_go", "promises broken"),
    "interval": ("test_visible.py::test_instances_with_different_intervals", "promises broken"),
    "newcomer": ("test_visible.py::test_instances_with_different_intervals", "promises broken"),
    "ttl": ("test_visible.py::test_a_ttl_that_a_restart_has_shortened", "promises broken"),
}


@pytest.mark.parametrize("plant", FOUND)
def test_found_out(plant, tmp_path):
    binary = BUILD / "bin" / f"planted_{plant}"
    name, kinds = FOUND[plant]
    found, report = set(), None
    for seed in range(1, 17):
        try:
            report, _ = run(FAULTS[name], 2, seed, keep=tmp_path / f"history-{seed}.jsonl", binary=binary)
        except AssertionError as e:  # some bugs keep a service from becoming ready again: that is not what is looked for
            print(e)
            continue
        found |= report.kinds()
        if found & kinds:
            return
    pytest.fail(f"nothing of {kinds} was found, but {found}: {report}")


@pytest.mark.parametrize("plant", FAILS)
def test_fails(plant):
    test, how = FAILS[plant]
    for _ in range(4):
        p = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", pathlib.Path(__file__).parent / test],
                           env={**os.environ, "SL_BINARY": str(BUILD / "bin" / f"planted_{plant}")}, capture_output=True, text=True,
                           timeout=300, check=False)
        if p.returncode == 1 and how in p.stdout:
            return
    pytest.fail(f"{test} does not say \"{how}\":\n{p.stdout[-3000:]}")
