"""The service as the integration tests start it, and the k6 scripts of perf/k6 on the stand-in beside them."""
import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "test" / "integration"), str(ROOT / "perf")]
os.environ["K6"] = str(ROOT / "perf" / "k6" / "standin" / "k6")

from harness import World  # noqa: E402 - found by the lines above


@pytest.fixture(scope="module")
def service():
    """Its ring delays a request that finds it empty in the pool `tests`, and fails it in the pool `fails`."""
    world = World()
    ring = {"size": 100000, "update-interval": "0s"}
    s = world.service(store=world.redis(), pools={
        "tests": {**ring, "prefetch": {"threshold": 1000, "capacity": 10000, "on-underflow": "delay"}},
        "fails": {**ring, "prefetch": {"threshold": 1000, "capacity": 10000, "on-underflow": "fail"}}})
    s.start()
    yield s
    world.end()
