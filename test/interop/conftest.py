"""The service under test as the integration tests start it, and the peers that read what it serves."""
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "integration"), str(HERE)]

from harness import World  # noqa: E402 - found by the line above
from keys import signer_with_chain  # noqa: E402


@pytest.fixture
def world():
    w = World()
    yield w
    w.end()


@pytest.fixture(scope="module")
def service():
    """Tokens with a single certificate, with a chain and two bits, and with nothing that is optional."""
    w = World()
    w.directory.mkdir(exist_ok=True)
    fast = {"update-interval": "0s", "ttl": "5s"}
    pools = {"tests": {**fast, "aggregation-uri": True},
             "chain": {**fast, "aggregation-uri": True, "bits": 2, "signer": signer_with_chain(w.directory)},
             "plain": fast}
    s = w.service(pools=pools)
    s.start()
    yield s
    w.end()
