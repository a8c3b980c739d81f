"""A table of what was seen is printed at the end."""
import os
import pathlib
import sys

import pytest

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "integration"))  # nginx as that folder's tests start it

SECONDS = float(os.environ.get("SL_HOSTILE_SECONDS", "5"))  # of each attack
rows = []


@pytest.fixture
def seconds():
    return SECONDS


@pytest.fixture
def table():
    return rows


def pytest_terminal_summary(terminalreporter):
    if rows:
        head = ("attack", "what came", "calls", "median, p99, max ms", "again", "RSS MiB before, at most, after", "descriptors", "ended")
        for row in (head, ["---"] * len(head), *rows):
            terminalreporter.write_line("| " + " | ".join(str(c) for c in row) + " |")
