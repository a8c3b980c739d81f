"""script/check-docs sees what it is there for: pages that name what is not there, planted into a copy of the tree."""
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROW = "| 4.1 | MUST | asked | `src/token/build.c` | {} |"


@pytest.fixture
def tree(tmp_path):
    for folder in ("src", "include", "test", "script", "conf", "docs"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "corpus"))
    for page in ROOT.glob("*.md"):
        shutil.copy(page, tmp_path / page.name)
    return tmp_path


def check(tree):
    done = subprocess.run([str(tree / "script/check-docs")], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


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
    with open(tree / "docs" / page, "a") as f:
        f.write(f"\n{line}\n")
    status, out = check(tree)
    assert status == 1 and why in out, out
