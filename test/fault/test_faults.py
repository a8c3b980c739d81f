"""Each fault a few times under load; the answers to clients have to agree with what is there in the end."""
import os
import random

import pytest

from faults import FAULTS
from rounds import run

SEED = int(os.environ.get("SL_SEED", random.randrange(1, 10**6)))


@pytest.mark.parametrize("name", FAULTS)
def test_fault(name):
    fault = FAULTS[name]
    print(f"seed {SEED}: repeat with SL_SEED={SEED} or rounds.py --seed {SEED} {name}")
    report, _ = run(fault, fault.rounds, SEED)
    print(report)
    assert not report.violations, "\n".join([str(report), *report.violations[:20]])
    assert report.acknowledged > 50 and report.references > 50, str(report)
