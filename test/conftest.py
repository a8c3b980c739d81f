"""The fixtures of all tests. A test that was skipped, or was expected to fail, counts as failed."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "support"))


def made():
    import processes  # not at the top: some folders' tests start no service, and have not what that module needs

    assert processes.BINARY.exists(), f"{processes.BINARY} is missing: build it, or name a build directory in SL_BUILD"
    fixture = processes.Fixture()
    yield fixture
    fixture.end()


@pytest.fixture
def fixture():
    yield from made()


@pytest.fixture(scope="module")
def shared_fixture():
    yield from made()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        for name in ("fixture", "shared_fixture"):
            logs = getattr(item.funcargs.get(name) if hasattr(item, "funcargs") else None, "logs", None)
            if logs is not None:
                report.sections.append((f"logs of {name}", logs()))


def pytest_terminal_summary(terminalreporter):
    for kind in ("skipped", "xfailed", "xpassed"):
        for report in terminalreporter.stats.get(kind, []):
            terminalreporter.write_line(f"NOT RUN AS A TEST ({kind}): {report.nodeid}")


def pytest_sessionfinish(session, exitstatus):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:  # one of several processes: the first one adds up
        return
    idle = sum(len(reporter.stats.get(kind, [])) for kind in ("skipped", "xfailed", "xpassed"))
    if idle and exitstatus == 0:
        session.exitstatus = 1
