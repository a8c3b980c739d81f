"""Other libraries must read the statuses that were set: in JWT, in CWT, with one bit and with two."""
import re
import subprocess

import cbor2
import jwt
import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from pyeudiw.status_list import decode_cwt_status_list_token, decode_jwt_status_list_token
from pyeudiw.status_list.helper import StatusListTokenHelper

from client import until
from cwts import CWT, Cwt
from peers import node
from tokens import Token, is_signed_by, statuses

VALUES = {"tests": [1, 0, 1, 1], "chain": [1, 2, 3, 0]}


@pytest.fixture(params=["tests", "chain"])
def marked(request, service):
    """(service, pool, client, uri, {index: value}): a list in which some statuses are set and published."""
    pool = request.param
    with service.client(pool) as c:
        references = c.reserve(4)
        uri = references[0][0]
        assert {u for u, _ in references} == {uri}
        c.batch([(u, i, v) for (u, i), v in zip(references, VALUES[pool])])
        wanted = {i: v for (_, i), v in zip(references, VALUES[pool])}
        until(lambda: all(statuses(c, uri).get(i, 0) == v for i, v in wanted.items()), 10, "the statuses")
        yield service, pool, c, uri, statuses(c, uri)


def expected(service, pool, wanted):
    options = service.options(pool)
    return {"bits": options["bits"], "entries": options["size"], "statuses": {str(i): v for i, v in wanted.items()}}


def test_the_javascript_libraries(marked):
    service, pool, client, uri, wanted = marked
    answer = node("readers.mjs", uri=uri, kind="jwt")
    assert answer["owf"] == answer["sdjwt"] == expected(service, pool, wanted)
    answer = node("readers.mjs", uri=uri, kind="cwt")
    assert answer["owf"] == expected(service, pool, wanted)
    claims = Token(client.fetch(uri).body).claims
    wanted_claims = {k: claims[k] for k in ("sub", "iat", "exp", "ttl")}
    assert answer["claims"] == {**wanted_claims, "aggregation_uri": claims["status_list"]["aggregation_uri"]}
    assert answer["chain"] == (2 if pool == "chain" else 1)
    assert answer["verified"] is True


def test_owf_refuses_a_cwt_without_the_optional_aggregation_uri(service):
    """A bug of its own: it takes what is optional in a CWT as required. Hence `aggregation-uri: true` in our samples."""
    with service.client("plain") as c:
        uri, _ = c.reserve()[0]
        assert node("readers.mjs", uri=uri, kind="jwt")["owf"] == expected(service, "plain", statuses(c, uri))
        assert "aggregation_uri" in node("readers.mjs", uri=uri, kind="cwt")["refused"]
        Cwt(c.fetch(uri, {"Accept": CWT}).body)


def test_pyeudiw_reads_the_jwt(marked):
    service, pool, client, uri, wanted = marked
    text = client.fetch(uri).body.decode()
    ok, header, payload, bits, raw = decode_jwt_status_list_token(text)
    assert ok and header["typ"] == "statuslist+jwt" and payload["sub"] == uri and bits == service.options(pool)["bits"]
    assert len(raw) == service.options(pool)["size"] * bits // 8
    helper = StatusListTokenHelper.from_token(text)
    assert {i: v for i in range(service.options(pool)["size"]) if (v := helper.get_status(i))} == wanted
    assert not helper.is_expired() and helper.sub == uri and helper.ttl == 5 and helper.iss == "https://issuer.example"


def test_pyeudiw_reads_the_cwt_only_as_hex_text(marked):
    """Its decoder takes the token as hex text; what is served, as it must be, are the bytes."""
    _, _, client, uri, wanted = marked
    data = client.fetch(uri, {"Accept": CWT}).body
    assert decode_cwt_status_list_token(data)[0] is False
    ok, header, payload, bits, raw = decode_cwt_status_list_token(data.hex().encode())
    assert ok and header[16] == CWT and payload[2] == uri
    assert {i: raw[i * bits // 8] >> (i * bits % 8) & ((1 << bits) - 1) for i in wanted} == wanted


def test_cbor2_and_cryptography_verify_the_cwt(marked):
    service, pool, client, uri, wanted = marked
    data = client.fetch(uri, {"Accept": CWT}).body
    token = Cwt(data)  # checks the signature with the key of x5chain
    assert token.claims[2] == uri
    assert {i: v for i in range(service.options(pool)["size"]) if (v := token.status(i))} == wanted
    broken = cbor2.loads(data).value
    flipped = cbor2.dumps(cbor2.CBORTag(18, [*broken[:3], bytes([broken[3][0] ^ 1]) + broken[3][1:]]))
    with pytest.raises(InvalidSignature):
        Cwt(flipped)


def test_pyjwt_verifies_the_jwt(marked):
    _, _, client, uri, wanted = marked
    text = client.fetch(uri).body.decode()
    token = Token(text)  # PyJWT, with the key of x5c
    assert token.sub == uri and token.nonzero() == wanted
    head, payload, signature = text.split(".")
    other = ("A" if signature[0] != "A" else "B") + signature[1:]
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(f"{head}.{payload}.{other}", token.chain[0].public_key(), algorithms=["ES256"])


def test_the_chain_leads_to_the_root_that_is_not_sent(service):
    """cryptography checks each signature; OpenSSL's command builds the path as a verifier would."""
    directory = service.directory.parent
    root = x509.load_pem_x509_certificate((directory / "root.pem").read_bytes())
    with service.client("chain") as c:
        uri, _ = c.reserve()[0]
        leaf, middle = Token(c.fetch(uri).body).chain
        assert [x.subject for x in Cwt(c.fetch(uri, {"Accept": CWT}).body).chain] == [leaf.subject, middle.subject]
    assert is_signed_by(leaf, middle) and is_signed_by(middle, root)
    done = subprocess.run(["openssl", "verify", "-CAfile", str(directory / "root.pem"), "-untrusted",
                           str(directory / "chain.pem"), str(directory / "chain.pem")], capture_output=True, text=True)
    assert done.returncode == 0 and re.search(r": OK$", done.stdout.strip()), done
