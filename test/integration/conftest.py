import pytest

from harness import BINARY, World


def pytest_sessionstart(session):
    if not BINARY.exists():
        pytest.exit(f"{BINARY} is missing: build it, or name a build directory in SL_BUILD", returncode=2)


def ended(world):
    yield world
    world.end()


@pytest.fixture
def world():
    yield from ended(World())


@pytest.fixture(scope="module")
def shared_world():
    yield from ended(World())


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        for name in ("world", "shared_world"):
            if name in item.funcargs:
                report.sections.append((f"logs of {name}", item.funcargs[name].logs()))
