"""The service, and the k6 scripts of perf/k6 on the stand-in beside them."""
import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "perf"))
os.environ["K6"] = str(ROOT / "perf" / "k6" / "standin" / "k6")


@pytest.fixture(scope="module")
def service(shared_fixture):
    """Its ring delays a request that finds it empty in the pool `tests`, and fails it in the pool `fails`."""
    ring = {"size": 100000, "update-interval": "0s"}
    return shared_fixture.service(store=shared_fixture.redis(), pools={
        "tests": {**ring, "prefetch": {"threshold": 1000, "capacity": 10000, "on-underflow": "delay"}},
        "fails": {**ring, "prefetch": {"threshold": 1000, "capacity": 10000, "on-underflow": "fail"}}}).start()
