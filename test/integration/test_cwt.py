"""The CWT form of a list, how it is asked for, and the aggregation of a pool."""
import base64
import hashlib
import json
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from client import Client, parallel, until
from cwts import CWT, IAT, STATUS_LIST, SUB, Cwt
from tokens import Token, make_certificate

JWT = "application/statuslist+jwt"


@pytest.fixture(scope="module")
def service(shared_fixture):
    redis = shared_fixture.redis()
    pools = {"tests": {"size": 800, "update-interval": "0s"},
             "wide": {"size": 400, "bits": 4, "list-lifetime": "2h", "ttl": "90s", "aggregation-uri": True,
                      "prefetch": {"threshold": 4, "capacity": 8}},
             "empty": {"size": 800, "precreation": {"lists": 0}, "retired": True}}
    return shared_fixture.service(redis, pools).start()


@pytest.fixture
def wallet(service):
    with Client(service) as c:
        yield c


@pytest.fixture(scope="module")
def uri(service):
    with Client(service) as c:
        return c.reserve()[0][0]


def both(client, uri):
    """The two forms of one publication: asked for until nothing was published in between."""
    while True:
        j, c = client.fetch(uri), client.fetch(uri, {"Accept": CWT})
        assert (j.status, c.status) == (200, 200)
        if client.fetch(uri)["etag"] == j["etag"]:
            return j, c


@pytest.mark.parametrize("pool", ["tests", "wide"])
def test_the_cwt_says_what_the_jwt_says(service, pool):
    with service.client(pool) as issuer:
        references = issuer.reserve(5)
        uri = references[0][0]
        given = {index: 1 + i % (1 if pool == "tests" else 15) for i, (u, index) in enumerate(references) if u == uri}
        issuer.batch([(uri, index, value) for index, value in given.items()])
        until(lambda: Cwt(issuer.fetch(uri, {"Accept": CWT}).body).status(references[0][1]) == given[references[0][1]], 10,
              "the update")
        j, c = both(issuer, uri)
        token, cwt = Token(j.body), Cwt(c.body)
        claims = dict(token.claims)
        listed = claims.pop("status_list")
        assert cwt.as_jwt_claims() == claims and cwt.claims[SUB] == uri
        lst = base64.urlsafe_b64decode(listed["lst"] + "==")
        assert cwt.claims[STATUS_LIST]["lst"] == lst  # compressed once
        assert {k: v for k, v in cwt.claims[STATUS_LIST].items() if k != "lst"} == {k: v for k, v in listed.items() if k != "lst"}
        assert cwt.raw == token.raw and {i: cwt.status(i) for i in given} == given == token.nonzero()
        assert cwt.header[4].decode() == token.header["kid"]
        assert cwt.chain == token.chain and set(cwt.header) == {1, 4, 16, 33} and cwt.header[1] == -7
        assert not cwt.is_signed_by(ec.generate_private_key(ec.SECP256R1()).public_key())
        # In the order of the draft's example, for readers that compare.
        assert [k for k in cwt.claims if k != 1] == [2, 6, 4, 65534, 65533]


def test_aggregation_uri(service):
    for pool, expected in (("tests", None), ("wide", service.config["public-url"] + "/aggregation/wide")):
        with service.client(pool) as issuer:
            uri = issuer.reserve()[0][0]
            j, c = both(issuer, uri)
            assert Token(j.body).claims["status_list"].get("aggregation_uri") == expected
            assert Cwt(c.body).claims[STATUS_LIST].get("aggregation_uri") == expected
            assert uri in issuer.get(expected[len(service.config["public-url"]):] if expected else "/aggregation/tests").json()["status_lists"]


def test_headers_of_a_cwt(wallet, uri):
    j, c = both(wallet, uri)
    assert c["content-type"] == CWT and j["content-type"] == JWT
    for name in ("last-modified", "vary", "access-control-allow-origin", "access-control-expose-headers"):
        assert c[name] == j[name] and c[name]
    assert c["vary"] == "Accept, Accept-Encoding"
    for encoding in ("gzip", "*", "gzip, identity;q=0", "br"):
        r = wallet.fetch(uri, {"Accept": CWT, "Accept-Encoding": encoding})
        assert r.body == c.body and r["content-encoding"] is None and r["etag"] == c["etag"]
    h = wallet.fetch(uri, {"Accept": CWT}, "HEAD")
    assert h.status == 200 and h.body == b"" and int(h["content-length"]) == len(c.body)
    assert h["etag"] == c["etag"] and h["content-type"] == CWT
    tag = base64.urlsafe_b64encode(hashlib.sha256(c.body).digest()[:16]).decode().rstrip("=")
    assert c["etag"] == f'"{tag}"'


def test_each_form_is_revalidated_by_its_own_tag(wallet, uri):
    forms = {"jwt": {"Accept": JWT}, "gzip": {"Accept-Encoding": "gzip"}, "cwt": {"Accept": CWT}}
    tags = {name: wallet.fetch(uri, headers)["etag"] for name, headers in forms.items()}
    assert len(set(tags.values())) == 3
    for asked, headers in forms.items():
        for given, tag in tags.items():
            for method in ("GET", "HEAD"):
                r = wallet.fetch(uri, {**headers, "If-None-Match": tag}, method)
                assert r.status == (304 if asked == given else 200), (asked, given)
                assert r["etag"] == tags[asked] and r["vary"] and r["cache-control"] and r["last-modified"]
    r = wallet.fetch(uri, {"Accept": CWT, "If-None-Match": ", ".join(tags.values())})
    assert r.status == 304 and r["etag"] == tags["cwt"]


def test_a_cwt_is_revalidated_by_date(service):
    with service.client() as issuer:
        uri, index = issuer.reserve()[0]

        def settled():
            cwt = Cwt(issuer.fetch(uri, {"Accept": CWT}).body)
            until(lambda: time.time() > cwt.claims[IAT] + 1.1, 3, "a later second")
            return cwt

        value = 1 - settled().status(index)
        issuer.update(uri, index, value)  # the only token of its second
        until(lambda: Cwt(issuer.fetch(uri, {"Accept": CWT}).body).status(index) == value, 10, "the update")
        settled()
        r = issuer.fetch(uri, {"Accept": CWT})
        for method in ("GET", "HEAD"):  # another instance may have signed in that second
            assert issuer.fetch(uri, {"Accept": CWT, "If-Modified-Since": r["last-modified"]}, method).status == 200


@pytest.mark.parametrize("accept,expected", [
    # nothing asked for, or everything
    ([], JWT), (["*/*"], JWT), (["*"], JWT), (["application/*"], JWT), ([""], JWT), ([";;;"], JWT), (["*/*;q=0.001"], JWT),
    # one
    ([JWT], JWT), ([CWT], CWT), (["APPLICATION/StatusList+CWT"], CWT), ([f"{CWT};q=0.001"], CWT), ([f" {CWT} "], CWT),
    # both: the weight decides, then our own order
    ([f"{CWT}, {JWT}"], JWT), ([f"{JWT}, {CWT}"], JWT), ([f"{CWT}, {JWT};q=0.999"], CWT), ([f"{CWT};q=0.5, {JWT};q=0.6"], JWT),
    ([f"{CWT};q=0.6, {JWT};q=0.5"], CWT), ([CWT, f"{JWT};q=0.9"], CWT), ([f"{JWT};q=0.9", CWT], CWT),
    ([f"{CWT};q=0.5,{JWT};q=0.5"], JWT), ([f"{CWT};q=1.000, {JWT};q=1"], JWT),
    # the more specific range decides for its type
    ([f"{CWT}, */*;q=0.1"], CWT), ([f"{CWT};q=0.1, */*"], JWT), ([f"{JWT};q=0.1, */*"], CWT), ([f"{JWT};q=0.1, application/*"], CWT),
    ([f"application/*;q=0.5, {JWT};q=0.4"], CWT), ([f"application/*;q=0.5, {CWT};q=0.4"], JWT),
    (["application/*;q=0.2, */*;q=0.9"], JWT), ([f"{CWT}, application/*;q=0.9, */*;q=0.8"], CWT),
    # refusals
    ([f"{JWT};q=0"], 406), ([f"{CWT};q=0"], 406), ([f"{JWT};q=0, {CWT}"], CWT), ([f"{CWT};q=0, {JWT}"], JWT),
    ([f"{JWT};q=0, */*"], CWT), ([f"{CWT};q=0, */*"], JWT), ([f"{JWT};q=0, {CWT};q=0, */*"], 406), ([f"{JWT};q=0, {CWT};q=0"], 406),
    ([f"{CWT}, */*;q=0"], CWT), (["*/*;q=0"], 406), (["application/*;q=0, */*"], 406), ([f"application/*;q=0, {CWT}"], CWT),
    ([f"application/*;q=0, {CWT};q=0.2, */*"], CWT),
    # what is not offered
    (["text/html"], 406), (["application/cwt"], 406), (["application/cose"], 406), (["application/jwt"], 406),
    (["application/statuslist"], 406), (["application/statuslist+cbor"], 406), (["text/*, image/png"], 406),
    ([f"text/html, {CWT};q=0.1"], CWT), ([f"text/html, application/cbor, {CWT};q=0.2, {JWT};q=0.1"], CWT),
    ([f"text/html, {JWT};q=0.1, {CWT};q=0.1"], JWT), (["text/html, application/xhtml+xml, */*;q=0.8"], JWT),
    # parameters and junk
    ([f"{CWT};v=1"], 406), ([f"{CWT};v=1, {JWT}"], JWT), ([f"{CWT};charset=utf-8"], CWT), ([f"{CWT};q=2"], JWT),
    ([f"{CWT};q=x, {JWT};q=0.1"], JWT), ([f"junk, {CWT}"], CWT), ([f"/, {CWT};q=0.4"], CWT), ([f"{CWT};q=0.4;x=1, {JWT};q=0.3"], JWT),
    ([f'text/html;x="{JWT}, {CWT}"'], 406), ([f"{CWT} ; q=0.8 , {JWT} ; q=0.7"], CWT), ([f"\t{CWT}\t;\tq=1"], CWT),
    ([f",,{CWT},,"], CWT), ([f"{CWT};Q=0.5, {JWT};Q=0.4"], CWT),
])
def test_accept(wallet, uri, accept, expected):
    for method in ("GET", "HEAD"):
        r = wallet.fetch(uri, [("Accept", a) for a in accept], method)
        if expected == 406:
            assert r.status == 406
            if method == "GET":
                p = r.problem()
                assert p["code"] == "NOT_ACCEPTABLE" and JWT in p["detail"] and CWT in p["detail"]
        else:
            assert r.status == 200 and r["content-type"] == expected


def write_signer(directory, key, chain):
    directory.mkdir(parents=True, exist_ok=True)
    key_path, chain_path = directory / "key.pem", directory / "chain.pem"
    key_path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key_path.chmod(0o600)
    chain_path.write_bytes(b"".join(c.public_bytes(Encoding.PEM) for c in chain))
    return {"pem": {"key": str(key_path), "certificate": str(chain_path)}}


def test_every_kind_of_key(fixture):
    """The chain without its anchor is always in a CWT, whatever the JWT's header is to carry."""
    kinds = {"p256": (ec.generate_private_key(ec.SECP256R1()), -7), "p384": (ec.generate_private_key(ec.SECP384R1()), -35),
             "p521": (ec.generate_private_key(ec.SECP521R1()), -36), "ed25519": (ed25519.Ed25519PrivateKey.generate(), -8)}
    root_key = ec.generate_private_key(ec.SECP256R1())
    root = make_certificate("root", root_key, ca=True)
    middle_key = ec.generate_private_key(ec.SECP256R1())
    middle = make_certificate("middle", middle_key, root, root_key, ca=True)
    pools = {}
    for name, (key, _) in kinds.items():
        leaf = make_certificate(name, key, middle, middle_key)
        signer = write_signer(fixture.directory / name, key, [leaf, middle, root])
        pools[name] = {"signer": {**signer, "header": {"x5c": False, "kid": False}}}
    service = fixture.service(None, pools).start()
    for name, (key, alg) in kinds.items():
        with service.client(name) as issuer:
            uri, index = issuer.reserve()[0]
            issuer.update(uri, index, 1)
            cwt = until(lambda: (c := Cwt(issuer.fetch(uri, {"Accept": CWT}).body)).status(index) == 1 and c, 10, "the update")
            assert cwt.header[1] == alg and set(cwt.header) == {1, 16, 33}
            assert [c.subject.rfc4514_string() for c in cwt.chain] == [f"CN={name}", "CN=middle"]
            cwt.verify(key.public_key())


def test_one_signing_counts_both_forms(service):
    with service.client() as issuer:
        uri, index = issuer.reserve()[0]
        before = [service.metric(n) for n in ("signings_total", "publications_total", "loads_total", "sign_seconds_count")]
        old = [r["etag"] for r in both(issuer, uri)]
        value = 1 - Cwt(issuer.fetch(uri, {"Accept": CWT}).body).status(index)
        issuer.update(uri, index, value)
        until(lambda: Cwt(issuer.fetch(uri, {"Accept": CWT}).body).status(index) == value, 10, "the update")
        new = [r["etag"] for r in both(issuer, uri)]
        assert not set(old) & set(new)
        after = [service.metric(n) for n in ("signings_total", "publications_total", "loads_total", "sign_seconds_count")]
        assert after == [n + 1 for n in before]


def test_both_forms_change_together(service):
    """A client that has seen a status in one form never sees an older one in the other."""
    with service.client() as issuer:
        uri, index = issuer.reserve()[0]
        stop = time.monotonic() + 2

        def watch(_):
            last, looks = 0, 0
            with Client(service) as c:
                while time.monotonic() < stop:
                    for accept, read in ((JWT, Token), (CWT, Cwt)):
                        t = read(c.fetch(uri, {"Accept": accept}).body)
                        iat = t.iat if accept == JWT else t.claims[IAT]
                        assert iat >= last
                        last, looks = iat, looks + 1
            return looks

        def change(_):
            value = 0
            with service.client() as c:
                while time.monotonic() < stop:
                    value = 1 - value
                    c.update(uri, index, value)
            return 1

        assert all(parallel(4, lambda i: change(i) if i == 0 else watch(i)))


def test_aggregation_is_revalidated(service):
    with service.client("wide") as issuer, Client(service) as other:
        for connection in (issuer, other):  # likely two workers
            r = connection.get("/aggregation/wide")
            assert r.status == 200 and r["content-type"] == "application/json" and r["vary"] is None
            assert r["access-control-allow-origin"] == "*" and r["access-control-expose-headers"] == "ETag"
            assert r["cache-control"] == "max-age=90" and int(r["content-length"]) == len(r.body)
            tag = base64.urlsafe_b64encode(hashlib.sha256(r.body).digest()[:16]).decode().rstrip("=")
            assert r["etag"] == f'"{tag}"'
            for method in ("GET", "HEAD"):
                n = connection.get("/aggregation/wide", {"If-None-Match": f'"x", W/{r["etag"]}'}, method)
                assert n.status == 304 and n["etag"] == r["etag"] and n["cache-control"] == "max-age=90"
            assert connection.get("/aggregation/wide", {"If-None-Match": '"x"'}).body == r.body
            h = connection.get("/aggregation/wide", method="HEAD")
            assert h["etag"] == r["etag"] and h["content-length"] == r["content-length"]
        # Lists of another pool change nothing; one of its own does.
        first = issuer.get("/aggregation/wide")
        with service.client("tests") as tests:
            known = tests.lists()
            until(lambda: tests.reserve(50) and set(tests.lists()) > set(known), 20, "another list")
        assert issuer.get("/aggregation/wide", {"If-None-Match": first["etag"]}).status == 304
        new = until(lambda: issuer.reserve(8) and (r := issuer.get("/aggregation/wide", {"If-None-Match": first["etag"]})).status == 200
                    and r, 20, "a list of its own")
        assert set(new.json()["status_lists"]) > set(first.json()["status_lists"]) and new["etag"] != first["etag"]


def test_aggregation_of_an_empty_pool(wallet):
    r = wallet.get("/aggregation/empty")
    assert r.status == 200 and r.body == b'{"status_lists":[]}'
    assert wallet.get("/aggregation/empty", {"If-None-Match": r["etag"]}).status == 304


def test_aggregation_grows_from_nothing(fixture):
    """A worker that has answered for an empty pool answers for a full one; all workers send the same bytes."""
    pools = {"tests": {"size": 8, "prefetch": {"threshold": 1, "capacity": 8}, "precreation": {"lists": 2, "check-delay": "1s"}}}
    service = fixture.service(fixture.redis(), pools).start()
    with service.client() as issuer:
        used = set()
        for _ in range(40):
            used |= {uri for uri, _ in issuer.reserve(4)}
            with Client(service) as anyone:
                assert used <= set(anyone.lists())
        tags = set()
        for _ in range(16):
            with Client(service) as anyone:
                r = anyone.get("/aggregation/tests")
                lists = json.loads(r.body)["status_lists"]
                assert len(lists) == len(set(lists)) and used <= set(lists)
                tags.add((r["etag"], len(lists)))
        assert len({n for _, n in tags}) == len(tags)
