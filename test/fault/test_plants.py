"""The service with a bug in it, under the same load and faults: the checker has to find it."""
import pytest

from faults import FAULTS
from processes import BUILD
from rounds import run

# plant: (fault, what the checker may call it)
FOUND = {
    "early": ("kill-redis", {"lost"}),
    "ring": ("script-flush", {"twice"}),
    "position": ("older-all", {"twice"}),
    "predecessor": ("delayed-write", {"lost", "unread"}),
    "refusal": ("stop-redis", {"phantom"}),
}


@pytest.mark.parametrize("plant", FOUND)
def test_found_out(plant, tmp_path):
    binary = BUILD / "bin" / f"planted_{plant}"
    name, kinds = FOUND[plant]
    found = set()
    for seed in range(1, 17):
        report, _ = run(FAULTS[name], 2, seed, keep=tmp_path / f"history-{seed}.jsonl", binary=binary)
        found |= report.kinds()
        if found & kinds:
            return
    pytest.fail(f"nothing of {kinds} was found, but {found}: {report}")
