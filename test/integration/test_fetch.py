"""Fetching a list: the token, conditional requests, negotiated forms, and unknown lists."""
import calendar
import email.utils
import gzip
import hashlib
import time
import uuid

import pytest

from client import Client, Connection, path_of, until
from processes import wait_for_second
from tokens import Token, fetch_token

JWT = "application/statuslist+jwt"


@pytest.fixture(scope="module")
def service(shared_fixture):
    redis = shared_fixture.redis()
    pools = {"tests": {"size": 800, "prefetch": {"threshold": 40, "capacity": 80}, "update-interval": "0s"},
             "wide": {"size": 400, "bits": 4, "list-lifetime": "2h", "ttl": "90s",
                      "prefetch": {"threshold": 4, "capacity": 8}}}
    return shared_fixture.service(redis, pools).start()


@pytest.fixture
def wallet(service):
    with Client(service) as c:
        yield c


@pytest.fixture(scope="module")
def uri(service):
    with Client(service) as c:
        return c.reserve()[0][0]


@pytest.mark.parametrize("pool,bits,size,lifetime,ttl", [("tests", 1, 800, 3600, 60), ("wide", 4, 400, 7200, 90)])
def test_token(service, pool, bits, size, lifetime, ttl):
    with service.client(pool) as issuer:
        uri, index = issuer.reserve()[0]
        r = issuer.fetch(uri)
        t = Token(r.body)
        assert t.header["typ"] == "statuslist+jwt" and t.header["alg"] == "ES256" and t.header["kid"]
        assert set(t.header) == {"typ", "alg", "kid", "x5c"}
        assert set(t.claims) == {"sub", "iss", "iat", "exp", "ttl", "status_list"}
        assert t.sub == uri and t.claims["iss"] == "https://issuer.example"
        assert t.exp - t.iat == lifetime and t.claims["ttl"] == ttl
        assert set(t.claims["status_list"]) == {"bits", "lst"} and t.bits == bits
        assert len(t.raw) == size * bits // 8 and 0 <= index < size
        assert t.nonzero() == {}
        assert uuid.UUID(uri.rsplit("/", 1)[1]).version == 4
        assert uri.startswith(service.config["public-url"] + "/")


def test_head_has_the_headers_and_no_body(wallet, uri):
    for _ in range(3):
        g, h = wallet.fetch(uri), wallet.fetch(uri, method="HEAD")
        assert h.status == 200 and h.body == b""
        assert int(h["content-length"]) == len(g.body)
        for name in ("etag", "last-modified", "content-type", "vary", "access-control-allow-origin"):
            assert h[name] == g[name] and g[name], name
        assert wallet.fetch(uri + "0", method="HEAD").status == 404


def test_every_variant_has_a_strong_etag_of_its_own(wallet, uri):
    plain = wallet.fetch(uri)
    packed = wallet.fetch(uri, {"Accept-Encoding": "gzip"})
    assert plain["content-encoding"] is None and packed["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert plain["etag"] != packed["etag"]
    for r in (plain, packed):
        assert r["etag"].startswith('"') and r["etag"].endswith('"') and len(r["etag"]) > 10
        assert r["vary"] == "Accept, Accept-Encoding"
    assert wallet.fetch(uri)["etag"] == plain["etag"]


def test_the_etag_follows_the_bytes(service):
    with service.client() as issuer:
        uri, index = issuer.reserve()[0]
        seen = {}
        for value in (1, 0, 1):
            issuer.update(uri, index, value)
            t = until(lambda: (r := issuer.fetch(uri)) and Token(r.body).status(index) == value and r, 10, "the update")
            seen.setdefault(t["etag"], set()).add(hashlib.sha256(t.body).digest())
        assert all(len(bodies) == 1 for bodies in seen.values())


@pytest.mark.parametrize("make,status", [
    (lambda tag: [tag], 304), (lambda tag: [f"W/{tag}"], 304), (lambda tag: ["*"], 304),
    (lambda tag: [f'"a", {tag}'], 304), (lambda tag: [f'"a",W/"b" ,\t{tag} , "c"'], 304), (lambda tag: ['"a"', tag], 304),
    (lambda tag: ['"a"'], 200), (lambda tag: [f'"{tag[1:-2]}"'], 200), (lambda tag: [tag[1:-1]], 200), (lambda tag: [""], 200),
])
def test_if_none_match(wallet, uri, make, status):
    for encoding in ("identity", "gzip"):
        tag = wallet.fetch(uri, {"Accept-Encoding": encoding})["etag"]
        fields = [("Accept-Encoding", encoding)] + [("If-None-Match", v) for v in make(tag)]
        for method in ("GET", "HEAD"):
            r = wallet.fetch(uri, fields, method)
            assert r.status == status and r["etag"] == tag
            assert r["cache-control"] and r["last-modified"] and r["vary"]
        # What was asked for by tag is not asked again by date.
        if status == 200:
            later = fields + [("If-Modified-Since", email.utils.formatdate(time.time() + 60, usegmt=True))]
            assert wallet.fetch(uri, later).status == 200


def test_the_tag_of_the_other_variant_does_not_match(wallet, uri):
    tag = wallet.fetch(uri, {"Accept-Encoding": "gzip"})["etag"]
    assert wallet.fetch(uri, {"If-None-Match": tag}).status == 200


def test_if_modified_since(fixture):
    """A date matches only where no other token of the list has it, which only the embedded Redis, with one instance, can tell:
    and there not of a token from the seconds of the start, which may be those of the process before."""
    service = fixture.service(None, {"tests": {"size": 400, "update-interval": "0s", "prefetch": {"threshold": 8, "capacity": 16}}}).start()
    with service.client() as issuer:
        uri, index = issuer.reserve()[0]
        first = issuer.fetch(uri)
        until(lambda: time.time() > Token(first.body).iat + 3.1, 5, "a later second")
        assert issuer.fetch(uri, {"If-Modified-Since": first["last-modified"]}).status == 200
        wait_for_second()
        issuer.update(uri, index, 1)
        r = until(lambda: (r := issuer.fetch(uri)) and Token(r.body).status(index) and r, 5, "the update")
        modified = calendar.timegm(email.utils.parsedate(r["last-modified"]))
        assert modified == Token(r.body).iat
        until(lambda: time.time() > modified + 1.1, 3, "a later second")

        def since(seconds, text=None, **fields):
            return issuer.fetch(uri, {"If-Modified-Since": text or email.utils.formatdate(seconds, usegmt=True), **fields}).status

        assert since(modified - 1) == 200
        assert {since(modified), since(modified + 1)} == {304}
        assert since(modified, Accept="application/statuslist+cwt") == 304
        assert since(0, "yesterday") == 200
        assert since(0, time.strftime("%a %b %d %H:%M:%S %Y", time.gmtime(modified))) == 304


def test_a_date_never_stands_for_the_token_of_another_instance(fixture):
    """Two instances sign one list in one second, with different bytes and perhaps at different versions: by a date alone
    neither says that the other's token is current."""
    redis = fixture.redis()
    pools = {"tests": {"size": 400, "update-interval": "0s", "prefetch": {"threshold": 8, "capacity": 16}}}
    first, second = fixture.service(redis, pools).start(), fixture.service(redis, pools).start()
    with first.client() as issuer, second.client() as other:
        uri, index = issuer.reserve()[0]
        until(lambda: other.fetch(uri).status == 200, 10, "the list at the other instance")

        def in_one_second():
            wait_for_second()
            issuer.update(uri, index, 1 - Token(issuer.fetch(uri).body).status(index))
            a, b = (until(lambda: (r := c.fetch(uri)) and time.time() < Token(r.body).iat + 1 and r, 5, "it") for c in (issuer, other))
            return Token(a.body).iat == Token(b.body).iat and (a, b)

        a, b = until(in_one_second, 20, "two tokens of one second")
        assert a["etag"] != b["etag"]
        until(lambda: time.time() > Token(a.body).iat + 1.1, 3, "the next second")
        for c in (issuer, other):
            assert c.fetch(uri, {"If-Modified-Since": a["last-modified"]}).status == 200
        assert issuer.fetch(uri, {"If-None-Match": a["etag"]}).status == 304


def test_all_instances_list_a_pool_alike(fixture):
    """Whatever they learnt first: the same bytes, under the same entity tag."""
    redis = fixture.redis()
    pools = {"tests": {"size": 16, "update-interval": "0s", "prefetch": {"threshold": 8, "capacity": 16}, "precreation": {"lists": 6}}}
    first = fixture.service(redis, pools).start()
    with first.client() as issuer:
        reserved = [issuer.reserve(8) for _ in range(6)]
        issuer.update(*reserved[0][0], 1)  # so an instance that starts later reads this list last
        second = fixture.service(redis, pools).start()
        with second.client() as other:
            def alike():
                a, b = issuer.get("/aggregation/tests"), other.get("/aggregation/tests")
                return a.status == b.status == 200 and (a.body, a["etag"]) == (b.body, b["etag"]) and a
            listed = until(alike, 10, "the same lists at both")
            uris = listed.json()["status_lists"]
            assert len(uris) > 5 and uris == sorted(uris)


def test_a_date_that_two_tokens_share_is_no_condition(service):
    with service.client() as issuer:
        uri, index = issuer.reserve()[0]

        def two_in_one_second():
            wait_for_second()
            iats = []
            for value in (1, 0):
                issuer.update(uri, index, value)
                r = until(lambda: (r := issuer.fetch(uri)) and Token(r.body).status(index) == value and r, 5, "the update")
                iats.append(Token(r.body).iat)
            return iats[0] == iats[1] and r

        r = until(two_in_one_second, 20, "two tokens in one second")
        until(lambda: time.time() > Token(r.body).iat + 1.1, 3, "the next second")
        assert issuer.fetch(uri, {"If-Modified-Since": r["last-modified"]}).status == 200
        assert issuer.fetch(uri, {"If-None-Match": r["etag"]}).status == 304


def test_answers_without_a_body_leave_the_connection_in_step(service, uri):
    tag_of = {}
    with Connection(service.public) as c:
        tag_of["plain"] = c.request("GET", path_of(uri))["etag"]
        for _ in range(5):
            assert c.request("GET", path_of(uri), {"If-None-Match": tag_of["plain"]}).status == 304
            assert c.request("GET", path_of(uri)).status == 200
            assert c.request("OPTIONS", path_of(uri)).status == 204
            assert c.request("HEAD", path_of(uri)).status == 200
            assert c.request("HEAD", "/nowhere").status == 404
        # Pipelined: the answers follow one another without a byte between them.
        expected = []
        for method, headers, status in [("GET", {"If-None-Match": "*"}, 304), ("HEAD", {}, 200), ("OPTIONS", {}, 204),
                                        ("GET", {"Accept": "text/html"}, 406), ("GET", {}, 200)]:
            c.send_request(method, path_of(uri), headers)
            expected.append((method, status))
        assert [(m, c.read_response(m).status) for m, _ in expected] == expected
        assert c.buffer == b""


@pytest.mark.parametrize("accept,encoding", [
    ("gzip", "gzip"), ("gzip;q=1.0", "gzip"), ("gzip;q=0.001", "gzip"), ("deflate, gzip;q=0.5, br", "gzip"), ("*", "gzip"),
    ("x-gzip", "gzip"), ("GZIP", "gzip"), ("gzip;q=0.5, identity;q=0.4", "gzip"),
    ("gzip;q=0", None), ("gzip;q=0.000", None), ("identity", None), ("", None), ("br, deflate", None), ("*;q=0", None),
    ("gzip;q=0.4, identity;q=0.5", None), ("*, gzip;q=0", None), ("gzip;q=2", None),
])
def test_accept_encoding(wallet, uri, accept, encoding):
    r = wallet.fetch(uri, {"Accept-Encoding": accept})
    assert r.status == 200 and r["content-encoding"] == encoding


@pytest.mark.parametrize("accept,status", [
    (None, 200), (JWT, 200), ("*/*", 200), ("application/*", 200), (f"text/html, {JWT};q=0.1", 200), ("APPLICATION/STATUSLIST+JWT", 200),
    (f"{JWT};q=0.001", 200), ("text/html, */*;q=0.1", 200), (f"{JWT}, */*;q=0", 200),
    ("text/html", 406), ("application/json", 406), (f"{JWT};q=0", 406), (f"{JWT};q=0, text/*", 406), ("text/*", 406),
    ("application/*;q=0, */*", 406),
])
def test_accept(wallet, uri, accept, status):
    r = wallet.fetch(uri, {"Accept": accept} if accept is not None else {})
    assert r.status == status
    if status == 406:
        assert r.problem()["code"] == "NOT_ACCEPTABLE"
    else:
        assert r["content-type"] == JWT


def test_cache_control_promises_no_more_than_the_token(wallet, uri):
    for headers in ({}, {"If-None-Match": "*"}):
        before = time.time()
        r = wallet.fetch(uri, headers)
        t = fetch_token(wallet, uri)
        name, _, seconds = r["cache-control"].partition("=")
        assert name == "max-age" and 0 < int(seconds) <= min(t.claims["ttl"], t.exp - int(before) - 2)


def test_cors_on_every_public_answer(service, wallet, uri):
    answers = [wallet.fetch(uri), wallet.fetch(uri, {"If-None-Match": "*"}), wallet.fetch(uri, {"Accept": "text/html"}),
               wallet.get("/" + str(uuid.uuid4())), wallet.get("/nowhere"), wallet.get(path_of(uri) + "?time=1"),
               wallet.fetch(uri, method="DELETE"), wallet.get("/aggregation/tests"), wallet.get("/aggregation/none"),
               wallet.fetch(uri, method="OPTIONS"), wallet.get(path_of(uri) + "?" + "a" * 2100),
               wallet.fetch(uri, {"X-A": "a" * 17000})]
    assert [r.status for r in answers] == [200, 304, 406, 404, 404, 501, 405, 200, 404, 204, 414, 431]
    for r in answers:
        assert r["access-control-allow-origin"] == "*", r
        exposed = "ETag, Retry-After, X-Request-Id" if r.status >= 400 or r.status == 204 else "ETag"
        assert r["access-control-expose-headers"] == exposed, r


def test_preflight(wallet, uri):
    for target in (path_of(uri), "/aggregation/tests"):
        r = wallet.get(target, {"Origin": "https://wallet.example", "Access-Control-Request-Method": "GET",
                                "Access-Control-Request-Headers": "accept, if-none-match"}, "OPTIONS")
        assert r.status == 204 and r.body == b""
        assert {"GET", "HEAD"} <= set(r["access-control-allow-methods"].split(", "))
        assert {"accept", "if-none-match"} <= set(r["access-control-allow-headers"].lower().split(", "))


@pytest.mark.parametrize("query,status,code", [
    ("time=1700000000", 501, "NOT_IMPLEMENTED"), ("time=0", 501, "NOT_IMPLEMENTED"), ("a=b&time=1", 501, "NOT_IMPLEMENTED"),
    ("%74ime=1", 501, "NOT_IMPLEMENTED"), ("time=now", 400, "MALFORMED_REQUEST"), ("time=", 400, "MALFORMED_REQUEST"),
    ("time", 400, "MALFORMED_REQUEST"), ("time=-1", 400, "MALFORMED_REQUEST"), ("time=1.5", 400, "MALFORMED_REQUEST"),
    ("time=1&time=2", 400, "MALFORMED_REQUEST"), ("time=99999999999999999999", 400, "MALFORMED_REQUEST"),
])
def test_time(wallet, uri, query, status, code):
    r = wallet.get(f"{path_of(uri)}?{query}")
    assert r.status == status and r.problem()["code"] == code


@pytest.mark.parametrize("query", ["", "x=1", "times=1", "TIME=1", "a&b&&c=%zz", "utm_source=time=1"])
def test_any_other_query_is_ignored(wallet, uri, query):
    assert wallet.get(f"{path_of(uri)}?{query}").body == wallet.fetch(uri).body


def test_what_is_no_list(service, wallet, uri):
    identity = uri.rsplit("/", 1)[1]
    unknown = ["/" + str(uuid.uuid4()) for _ in range(20)]
    malformed = ["/", "/x", "/" + identity[:-1], "/" + identity + "0", "/" + identity.replace("-", ""), "/" + identity + "/",
                 "/x/" + identity, "//" + identity, "/%2e%2e/" + identity, "/" + identity.replace("-", "_"), "/" + "0" * 36,
                 "/aggregation/", "/aggregation/TESTS", "/" + "a" * 1500, "/aggregation/tests/x"]
    operations = service.metric("store_operations_total", pool=None, operation="describe")
    for target in unknown:
        assert wallet.get(target).problem()["code"] == "NO_SUCH_LIST"
    for target in malformed:
        r = wallet.get(target)
        assert r.status == 404 and r.problem()["code"] in ("NOT_FOUND", "NO_SUCH_LIST"), (target, r)
    # While the subscription is healthy the service does not ask Redis about unknown lists.
    assert service.metric("store_operations_total", pool=None, operation="describe") == operations


def test_operations_and_errors_do_not_mix(wallet):
    for target in ("/metrics", "/livez", "/readyz", "/version", "/openapi.yaml"):
        assert wallet.get(target).status == 404


def test_aggregation_names_every_list_of_its_pool(service):
    with service.client("wide") as issuer:
        used = {issuer.reserve(8)[0][0] for _ in range(60)}
        lists = issuer.lists()
        assert len(lists) == len(set(lists)) and used <= set(lists) and len(used) > 1
        for uri in lists:
            assert fetch_token(issuer, uri).bits == 4
        with service.client("tests") as other:
            assert not set(lists) & set(other.lists())
        h = issuer.get("/aggregation/wide", method="HEAD")
        assert h.status == 200 and int(h["content-length"]) > 0
