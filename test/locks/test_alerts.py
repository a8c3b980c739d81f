"""script/check-alerts finds what was planted into a copy of the alerts."""
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tree(tmp_path):
    for path in ("packaging/prometheus/alerts.yaml", "docs/metrics.md", "test/alerts.yaml", "script/check-alerts"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    return tmp_path


def check(tree):
    done = subprocess.run([str(tree / "script/check-alerts")], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


def test_nothing_is_wrong(tree):
    status, out = check(tree)
    assert status == 0 and "all that they name is there" in out, out


@pytest.mark.parametrize("file, old, new, why", [
    ("packaging/prometheus/alerts.yaml", "statuslist_ring_fill == 0", "statuslist_ring_fil == 0", "no metric statuslist_ring_fil"),
    ("packaging/prometheus/alerts.yaml", 'state="up"', 'state="upp"', "has no state upp"),
    ("packaging/prometheus/alerts.yaml", "failed|unknown", "failed|lost", "has no result lost"),
    ("packaging/prometheus/alerts.yaml", 'state="up"', 'stat="up"', "has no label stat"),
    ("packaging/prometheus/alerts.yaml", "$labels.listener", "$labels.pool", "has no label pool"),
    ("packaging/prometheus/alerts.yaml", "severity: info", "severity: loud", "a severity"),
    ("packaging/prometheus/alerts.yaml", "alert: StatuslistDown", "alert: StatuslistGone", "no case"),
    ("test/alerts.yaml", "statuslist_ring_capacity{", "statuslist_ring_size{", "no metric statuslist_ring_size"),
    ("docs/metrics.md", "`statuslist_pool_differs`", "`statuslist_pool_other`", "no metric statuslist_pool_differs"),
])
def test_what_is_planted_is_found(tree, file, old, new, why):
    text = (tree / file).read_text()
    assert old in text
    (tree / file).write_text(text.replace(old, new, 1))
    status, out = check(tree)
    assert status != 0 and why in out, out
