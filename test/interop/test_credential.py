"""A credential of @sd-jwt/sd-jwt-vc refers to our list; the library fetches and reads the list by itself."""
import uuid

import pytest

from client import until
from peers import node
from tokens import statuses


@pytest.mark.parametrize("pool", ["tests", "chain"])
def test_valid_then_revoked_then_valid_again(service, pool):
    with service.client(pool) as c:
        (uri, index), (_, other) = c.reserve(2)
        issued = node("credential.mjs", uri=uri, index=index)
        neighbour = node("credential.mjs", uri=uri, index=other)

        answer = node("credential.mjs", **issued)
        assert answer["valid"], answer
        assert answer["claims"]["given_name"] == "Ada"
        assert answer["claims"]["status"]["status_list"] == {"uri": uri, "idx": index}

        c.update(uri, index, 1)
        until(lambda: statuses(c, uri).get(index) == 1, 10, "the revocation is in the token")
        answer = node("credential.mjs", **issued)
        assert not answer["valid"] and "Status is not valid" in answer["why"]
        assert node("credential.mjs", **neighbour)["valid"], "only the one credential is revoked"

        c.update(uri, index, 0)
        until(lambda: index not in statuses(c, uri), 10, "the revocation is taken back")
        assert node("credential.mjs", **issued)["valid"]


def test_a_credential_of_a_list_that_is_not_ours_is_refused(service):
    with service.client() as c:
        uri, index = c.reserve()[0]
    unknown = f"{uri.rpartition('/')[0]}/{uuid.uuid4()}"
    answer = node("credential.mjs", **node("credential.mjs", uri=unknown, index=index))
    assert not answer["valid"] and "404" in answer["why"]
