"""Wrong requests, endpoint by endpoint: the exact status and code of each, and the form of every error."""
import json

import pytest

from client import Client, Connection, path_of
from processes import BUILD

GONE = "/00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def service(shared_fixture):
    pools = {"tests": {"size": 400, "final-status": 1, "prefetch": {"threshold": 20, "capacity": 40}},
             "two": {"size": 400, "bits": 2, "prefetch": {"threshold": 20, "capacity": 40}}}
    return shared_fixture.service(shared_fixture.redis(), pools, limits={"body": "2KiB", "batch-entries": 5}).start()


@pytest.fixture(scope="module")
def facts(service):
    """A list, a reference with a final status, and a list of another pool, for the wrong requests."""
    with service.client() as c, service.client("two") as other:
        (uri, index), (_, final) = c.reserve(2)
        c.update(uri, final, 1)
        return {"U": uri, "I": index, "F": final, "P": path_of(uri), "X": other.reserve()[0][0], "N": uri.rsplit("/", 1)[0] + GONE}


KEY = {"X-Api-Key": "key-of-tests"}
JSON = {**KEY, "Content-Type": "application/json"}
RESERVE, UPDATE, BATCH, STATUS = "/pools/tests/new-references", "/status-lists/update", "/status-lists/batch-update", "/status-lists/status"
ONE = '{"uri":"$U","index":$I,"value":1}'
ITEM = '{"uri":"$U","index":$I}'


def many(items, rest=',"value":0'):
    return '{"statusListReferences":[' + ",".join(items) + "]" + rest + "}"


# endpoint, what is wrong, method, target, headers, body, status, code
TABLE = [
    ("fetch", "unknown list", "GET", GONE, {}, None, 404, "NO_SUCH_LIST"),
    ("fetch", "malformed id", "GET", "/not-a-list", {}, None, 404, "NOT_FOUND"),
    ("fetch", "id with a slash after it", "GET", "$P/", {}, None, 404, "NOT_FOUND"),
    ("fetch", "id too short", "GET", "/00000000-0000-4000-8000-00000000000", {}, None, 404, "NOT_FOUND"),
    ("fetch", "nothing acceptable", "GET", "$P", {"Accept": "text/html"}, None, 406, "NOT_ACCEPTABLE"),
    ("fetch", "explicitly not acceptable", "GET", "$P", {"Accept": "application/statuslist+jwt;q=0"}, None, 406, "NOT_ACCEPTABLE"),
    ("fetch", "time, and no history", "GET", "$P?time=1700000000", {}, None, 501, "NOT_IMPLEMENTED"),
    ("fetch", "time is no number", "GET", "$P?time=yesterday", {}, None, 400, "MALFORMED_REQUEST"),
    ("fetch", "time twice", "GET", "$P?time=1&time=1", {}, None, 400, "MALFORMED_REQUEST"),
    ("fetch", "wrong method", "DELETE", "$P", {}, None, 405, "METHOD_NOT_ALLOWED"),
    ("fetch", "unknown method", "BREW", "$P", {}, None, 405, "METHOD_NOT_ALLOWED"),
    ("fetch", "target too long", "GET", "$P?" + "a" * 2100, {}, None, 414, "URI_TOO_LONG"),
    ("fetch", "headers too large", "GET", "$P", {"X-A": "a" * 17000}, None, 431, "HEADERS_TOO_LARGE"),
    ("aggregation", "unknown pool", "GET", "/aggregation/none", {}, None, 404, "NO_SUCH_POOL"),
    ("aggregation", "malformed pool", "GET", "/aggregation/Tests", {}, None, 404, "NOT_FOUND"),
    ("aggregation", "no pool", "GET", "/aggregation/", {}, None, 404, "NOT_FOUND"),
    ("aggregation", "without the slash", "GET", "/aggregation", {}, None, 404, "NOT_FOUND"),
    ("aggregation", "something after it", "GET", "/aggregation/tests/x", {}, None, 404, "NOT_FOUND"),
    ("aggregation", "pool name too long", "GET", "/aggregation/" + "a" * 65, {}, None, 404, "NOT_FOUND"),
    ("aggregation", "percent-encoded", "GET", "/aggregation/%74ests", {}, None, 404, "NOT_FOUND"),
    ("aggregation", "POST", "POST", "/aggregation/tests", {}, "", 405, "METHOD_NOT_ALLOWED"),
    ("aggregation", "PUT", "PUT", "/aggregation/tests", {}, "", 405, "METHOD_NOT_ALLOWED"),
    ("aggregation", "DELETE", "DELETE", "/aggregation/none", {}, None, 405, "METHOD_NOT_ALLOWED"),
    ("reserve", "no key", "POST", RESERVE, {}, "", 401, "UNAUTHORIZED"),
    ("reserve", "unknown key", "POST", RESERVE, {"X-Api-Key": "x"}, "", 401, "UNAUTHORIZED"),
    ("reserve", "empty key", "POST", RESERVE, {"X-Api-Key": ""}, "", 401, "UNAUTHORIZED"),
    ("reserve", "key as bearer", "POST", RESERVE, {"Authorization": "Bearer key-of-tests"}, "", 401, "UNAUTHORIZED"),
    ("reserve", "no such pool", "POST", "/pools/none/new-references", KEY, "", 404, "NO_SUCH_POOL"),
    ("reserve", "another's pool", "POST", "/pools/two/new-references", KEY, "", 404, "NO_SUCH_POOL"),
    ("reserve", "amount 0", "POST", RESERVE + "?amount=0", KEY, "", 400, "AMOUNT_OUT_OF_RANGE"),
    ("reserve", "amount over the capacity", "POST", RESERVE + "?amount=41", KEY, "", 400, "AMOUNT_OUT_OF_RANGE"),
    ("reserve", "amount beyond 64 bits", "POST", RESERVE + "?amount=99999999999999999999", KEY, "", 400, "AMOUNT_OUT_OF_RANGE"),
    ("reserve", "amount negative", "POST", RESERVE + "?amount=-1", KEY, "", 400, "MALFORMED_REQUEST"),
    ("reserve", "amount a word", "POST", RESERVE + "?amount=ten", KEY, "", 400, "MALFORMED_REQUEST"),
    ("reserve", "amount empty", "POST", RESERVE + "?amount=", KEY, "", 400, "MALFORMED_REQUEST"),
    ("reserve", "amount twice", "POST", RESERVE + "?amount=1&amount=1", KEY, "", 400, "MALFORMED_REQUEST"),
    ("reserve", "amount in a body", "POST", RESERVE, JSON, '{"amount": 5}', 400, "MALFORMED_REQUEST"),
    ("reserve", "amount in a form", "POST", RESERVE, {**KEY, "Content-Type": "application/x-www-form-urlencoded"}, "amount=5", 400,
     "MALFORMED_REQUEST"),
    ("reserve", "GET", "GET", RESERVE, KEY, None, 405, "METHOD_NOT_ALLOWED"),
    ("update", "no key", "PATCH", UPDATE, {"Content-Type": "application/json"}, ONE, 401, "UNAUTHORIZED"),
    ("update", "no content type", "PATCH", UPDATE, KEY, ONE, 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("update", "a form", "PATCH", UPDATE, {**KEY, "Content-Type": "application/x-www-form-urlencoded"}, ONE, 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("update", "another charset", "PATCH", UPDATE, {**KEY, "Content-Type": "application/json; charset=latin1"}, ONE, 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("update", "no body", "PATCH", UPDATE, JSON, "", 400, "MALFORMED_REQUEST"),
    ("update", "no JSON", "PATCH", UPDATE, JSON, "{", 400, "MALFORMED_REQUEST"),
    ("update", "an array", "PATCH", UPDATE, JSON, "[]", 400, "MALFORMED_REQUEST"),
    ("update", "something after the JSON", "PATCH", UPDATE, JSON, ONE + "x", 400, "MALFORMED_REQUEST"),
    ("update", "no uri", "PATCH", UPDATE, JSON, '{"index":1,"value":1}', 400, "MALFORMED_REQUEST"),
    ("update", "no index", "PATCH", UPDATE, JSON, '{"uri":"$U","value":1}', 400, "MALFORMED_REQUEST"),
    ("update", "no value", "PATCH", UPDATE, JSON, '{"uri":"$U","index":1}', 400, "MALFORMED_REQUEST"),
    ("update", "an unknown member", "PATCH", UPDATE, JSON, '{"uri":"$U","index":1,"value":1,"x":1}', 400, "MALFORMED_REQUEST"),
    ("update", "a member twice", "PATCH", UPDATE, JSON, '{"uri":"$U","index":1,"value":1,"value":0}', 400, "MALFORMED_REQUEST"),
    ("update", "index as text", "PATCH", UPDATE, JSON, '{"uri":"$U","index":"1","value":1}', 400, "MALFORMED_REQUEST"),
    ("update", "index with a fraction", "PATCH", UPDATE, JSON, '{"uri":"$U","index":1.0,"value":1}', 400, "MALFORMED_REQUEST"),
    ("update", "value true", "PATCH", UPDATE, JSON, '{"uri":"$U","index":1,"value":true}', 400, "MALFORMED_REQUEST"),
    ("update", "uri a number", "PATCH", UPDATE, JSON, '{"uri":1,"index":1,"value":1}', 400, "MALFORMED_REQUEST"),
    ("update", "index beyond the list", "PATCH", UPDATE, JSON, '{"uri":"$U","index":400,"value":1}', 400, "INDEX_OUT_OF_BOUNDS"),
    ("update", "index negative", "PATCH", UPDATE, JSON, '{"uri":"$U","index":-1,"value":1}', 400, "INDEX_OUT_OF_BOUNDS"),
    ("update", "index beyond 32 bits", "PATCH", UPDATE, JSON, '{"uri":"$U","index":4294967296,"value":1}', 400, "INDEX_OUT_OF_BOUNDS"),
    ("update", "value does not fit", "PATCH", UPDATE, JSON, '{"uri":"$U","index":1,"value":2}', 400, "VALUE_OUT_OF_RANGE"),
    ("update", "value negative", "PATCH", UPDATE, JSON, '{"uri":"$U","index":1,"value":-1}', 400, "VALUE_OUT_OF_RANGE"),
    ("update", "value 256", "PATCH", UPDATE, JSON, '{"uri":"$U","index":1,"value":256}', 400, "VALUE_OUT_OF_RANGE"),
    ("update", "unknown list", "PATCH", UPDATE, JSON, '{"uri":"$N","index":1,"value":1}', 400, "NO_SUCH_LIST"),
    ("update", "another's list", "PATCH", UPDATE, JSON, '{"uri":"$X","index":1,"value":1}', 400, "NO_SUCH_LIST"),
    ("update", "no list's URI", "PATCH", UPDATE, JSON, '{"uri":"http://x","index":1,"value":1}', 400, "NO_SUCH_LIST"),
    ("update", "final status", "PATCH", UPDATE, JSON, '{"uri":"$U","index":$F,"value":0}', 403, "FORBIDDEN"),
    ("update", "POST", "POST", UPDATE, JSON, ONE, 405, "METHOD_NOT_ALLOWED"),
    ("batch-update", "no key", "PATCH", BATCH, {"Content-Type": "application/json"}, many([ITEM]), 401, "UNAUTHORIZED"),
    ("batch-update", "plain text", "PATCH", BATCH, {**KEY, "Content-Type": "text/plain"}, many([ITEM]), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("batch-update", "no JSON", "PATCH", BATCH, JSON, "x", 400, "MALFORMED_REQUEST"),
    ("batch-update", "no references", "PATCH", BATCH, JSON, '{"value":1}', 400, "MALFORMED_REQUEST"),
    ("batch-update", "references no list", "PATCH", BATCH, JSON, '{"statusListReferences":{},"value":1}', 400, "MALFORMED_REQUEST"),
    ("batch-update", "no entries", "PATCH", BATCH, JSON, '{"statusListReferences":[],"value":1}', 400, "MALFORMED_REQUEST"),
    ("batch-update", "no entries, spaced", "PATCH", BATCH, JSON, '{ "statusListReferences" : [ ] }', 400, "MALFORMED_REQUEST"),
    ("batch-update", "an entry is no object", "PATCH", BATCH, JSON, many([ITEM, "1"]), 400, "MALFORMED_REQUEST"),
    ("batch-update", "no value anywhere", "PATCH", BATCH, JSON, many([ITEM], ""), 400, "MALFORMED_REQUEST"),
    ("batch-update", "an unknown member", "PATCH", BATCH, JSON, many([ITEM], ',"value":1,"x":1'), 400, "MALFORMED_REQUEST"),
    ("batch-update", "an entry without index", "PATCH", BATCH, JSON, many(['{"uri":"$U"}']), 400, "MALFORMED_REQUEST"),
    ("batch-update", "index beyond the list", "PATCH", BATCH, JSON, many([ITEM, '{"uri":"$U","index":400}']), 400, "INDEX_OUT_OF_BOUNDS"),
    ("batch-update", "value does not fit", "PATCH", BATCH, JSON, many([ITEM], ',"value":2'), 400, "VALUE_OUT_OF_RANGE"),
    ("batch-update", "unknown list", "PATCH", BATCH, JSON, many([ITEM, '{"uri":"$N","index":1}']), 400, "NO_SUCH_LIST"),
    ("batch-update", "another's list", "PATCH", BATCH, JSON, many([ITEM, '{"uri":"$X","index":1}']), 400, "NO_SUCH_LIST"),
    ("batch-update", "final status", "PATCH", BATCH, JSON, many([ITEM, '{"uri":"$U","index":$F}']), 403, "FORBIDDEN"),
    ("batch-update", "too many entries", "PATCH", BATCH, JSON, many([ITEM] * 6), 413, "CONTENT_TOO_LARGE"),
    ("batch-update", "GET", "GET", BATCH, KEY, None, 405, "METHOD_NOT_ALLOWED"),
    ("status", "no key", "GET", STATUS + "?uri=$U&index=$I", {}, None, 401, "UNAUTHORIZED"),
    ("status", "no uri", "GET", STATUS + "?index=1", KEY, None, 400, "MALFORMED_REQUEST"),
    ("status", "no index", "GET", STATUS + "?uri=$U", KEY, None, 400, "MALFORMED_REQUEST"),
    ("status", "no query", "GET", STATUS, KEY, None, 400, "MALFORMED_REQUEST"),
    ("status", "index twice", "GET", STATUS + "?uri=$U&index=1&index=1", KEY, None, 400, "MALFORMED_REQUEST"),
    ("status", "index a word", "GET", STATUS + "?uri=$U&index=one", KEY, None, 400, "MALFORMED_REQUEST"),
    ("status", "index negative", "GET", STATUS + "?uri=$U&index=-1", KEY, None, 400, "MALFORMED_REQUEST"),
    ("status", "bad percent-encoding", "GET", STATUS + "?uri=%zz&index=1", KEY, None, 400, "MALFORMED_REQUEST"),
    ("status", "a NUL in the uri", "GET", STATUS + "?uri=%00$U&index=1", KEY, None, 400, "MALFORMED_REQUEST"),
    ("status", "index beyond the list", "GET", STATUS + "?uri=$U&index=400", KEY, None, 400, "INDEX_OUT_OF_BOUNDS"),
    ("status", "unknown list", "GET", STATUS + "?uri=$N&index=1", KEY, None, 400, "NO_SUCH_LIST"),
    ("status", "another's list", "GET", STATUS + "?uri=$X&index=1", KEY, None, 400, "NO_SUCH_LIST"),
    ("status", "PATCH", "PATCH", STATUS + "?uri=$U&index=$I", KEY, "", 405, "METHOD_NOT_ALLOWED"),
]


def fill(text, facts):
    for name, value in facts.items():
        text = text.replace("$" + name, str(value))
    return text


@pytest.mark.parametrize("row", TABLE, ids=[f"{r[0]}-{r[1]}".replace(" ", "_") for r in TABLE])
def test_wrong_request(service, facts, row):
    _, _, method, target, headers, body, status, code = row
    with Connection(service.public) as c:
        r = c.request(method, fill(target, facts), headers, fill(body, facts).encode() if body is not None else None)
        p = r.problem()
        assert (r.status, p["code"]) == (status, code), r
        assert p["type"] == "urn:statuslist:problem:" + code.lower().replace("_", "-")
        assert p["message"] == p["detail"]
        assert r["cache-control"] == "no-store"
        assert (r["allow"] is not None) == (status == 405)
        assert (r["www-authenticate"] is not None) == (status == 401)
        # The connection is good for the next request.
        assert c.request("GET", facts["P"]).status == 200


def test_none_of_them_changed_anything(service, facts):
    with service.client() as c:
        assert c.status(facts["U"], facts["I"]) == 0 and c.status(facts["U"], facts["F"]) == 1
        assert c.status(facts["U"], 1) in ((0, 1) if facts["F"] == 1 else (0,))


def test_at_least_ten_a_call():
    endpoints = [r[0] for r in TABLE]
    assert all(endpoints.count(e) >= 10 for e in set(endpoints))


def test_the_parser_of_http_itself(service, facts):
    """Bytes that are not HTTP never reach a handler: the answer is the library's, the connection ends."""
    for raw in (b"GET\r\n\r\n", b"GET / HTTP/2.0\r\n\r\n", b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", b"\x16\x03\x01\x02\x00\r\n\r\n"):
        with Connection(service.public) as c:
            c.send(raw)
            assert c.read_response().status == 400 and c.closed_by_peer()
    with Client(service) as c:
        assert c.get(facts["P"]).status == 200


BY_THE_LIBRARY = [
    ("a body over the limit", {"Content-Length": "1000000"}, b"", 413, "CONTENT_TOO_LARGE"),
    ("no length", {"Content-Length": "ten"}, b"", 400, "MALFORMED_REQUEST"),
    ("an unknown coding", {"Transfer-Encoding": "gzip"}, b"", 400, "MALFORMED_REQUEST"),
    ("a broken chunk", {"Transfer-Encoding": "chunked"}, b"x\r\n", 400, "MALFORMED_REQUEST"),
    ("an unknown expectation", {"Content-Length": "2", "Expect": "miracles"}, b"", 417, "EXPECTATION_FAILED"),
]


@pytest.mark.parametrize("row", BY_THE_LIBRARY, ids=[r[0].replace(" ", "_") for r in BY_THE_LIBRARY])
def test_what_the_library_refuses_looks_like_all_errors(service, row):
    """libh2o answers these before a handler is asked; the form is ours, they are counted, and the connection ends."""
    _, headers, body, status, code = row
    counted = service.metric("http_requests_total", None, route="none", status=str(status))
    with Connection(service.public) as c:
        head = "".join(f"{k}: {v}\r\n" for k, v in {**JSON, "Host": "x", "X-Request-Id": "mine", **headers}.items())
        c.send(f"PATCH {UPDATE} HTTP/1.1\r\n{head}\r\n".encode() + body)
        r = c.read_response()
        assert (r.status, r.problem()["code"], r["x-request-id"]) == (status, code, "mine") and c.closed_by_peer()
        assert r["cache-control"] == "no-store" and r["access-control-allow-origin"] == "*"
    assert service.metric("http_requests_total", None, route="none", status=str(status)) == counted + 1


def test_write_the_table(service, facts):
    """The table as a page that can be quoted."""
    lines = ["| call | what is wrong | request | status | code | detail |", "|---|---|---|---|---|---|"]
    with Connection(service.public) as c:
        for call, wrong, method, target, headers, body, status, code in TABLE:
            r = c.request(method, fill(target, facts), headers, fill(body, facts).encode() if body is not None else None)
            target = target if len(target) < 60 else target[:57] + "..."
            lines.append(f"| {call} | {wrong} | `{method} {target}` | {status} | `{code}` | {r.problem()['detail']} |")
    (BUILD / "bad_input.md").write_text("\n".join(lines).replace("$P", "/{list-id}") + "\n")
    assert len(lines) == len(TABLE) + 2 and json.dumps(lines)
