"""A table of what was seen is printed at the end."""
import os
import pathlib
import sys

import pytest

INTEGRATION = pathlib.Path(__file__).resolve().parents[1] / "integration"
sys.path.insert(0, str(INTEGRATION))

from harness import BINARY, World  # noqa: E402

# Of each attack.
SECONDS = float(os.environ.get("SL_HOSTILE_SECONDS", "5"))
rows = []


def pytest_sessionstart(session):
    if not BINARY.exists():
        pytest.exit(f"{BINARY} is missing: build it, or name a build directory in SL_BUILD", returncode=2)


@pytest.fixture
def seconds():
    return SECONDS


@pytest.fixture
def world():
    w = World()
    yield w
    w.end()


@pytest.fixture
def table():
    return rows


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed and "world" in item.funcargs:
        report.sections.append(("logs", item.funcargs["world"].logs()))


def pytest_terminal_summary(terminalreporter):
    if rows:
        head = ("attack", "what came", "calls", "median, p99, max ms", "again", "RSS MiB before, at most, after", "descriptors", "ended")
        for row in (head, ["---"] * len(head), *rows):
            terminalreporter.write_line("| " + " | ".join(str(c) for c in row) + " |")
