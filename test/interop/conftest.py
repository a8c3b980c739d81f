"""The service that the peers read."""
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "integration")]  # both have a peers.py: this folder's comes first

from keys import signer_with_chain  # noqa: E402 - found by the line above


@pytest.fixture(scope="module")
def service(shared_fixture):
    """Tokens with a single certificate, with a chain and two bits, and with nothing that is optional."""
    fast = {"update-interval": "0s", "ttl": "5s"}
    pools = {"tests": {**fast, "aggregation-uri": True},
             "chain": {**fast, "aggregation-uri": True, "bits": 2, "signer": signer_with_chain(shared_fixture.directory)},
             "plain": fast}
    return shared_fixture.service(pools=pools).start()
