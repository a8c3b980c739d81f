"""A walk over everything that the service answers, errors and outages too, held against docs/openapi.yaml by a packaged
validator; and what is described but was never seen."""
import re
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from client import Connection, path_of, until
from description import OPERATIONS, PUBLIC, Description, Exchange
from processes import ROOT, Fixture
from test_errors import BATCH, JSON, KEY, RESERVE, STATUS, TABLE, UPDATE, fill
from tokens import Token

GONE = "/00000000-0000-4000-8000-000000000000"
JWT, CWT = "application/statuslist+jwt", "application/statuslist+cwt"
# A defect is nothing that a client can bring about; a path of another form belongs to no operation of the description.
ELSEWHERE = ("INTERNAL", "NOT_FOUND")
# Here the store would have to stop between two commands of one request.
UNLIKELY = {("POST", "/pools/{pool}/new-references", "503", "OUTCOME_UNKNOWN")}


class Walk:
    def __init__(self, service):
        self.service, self.exchanges = service, []

    def ask(self, method, target, headers=(), body=None):
        with Connection(self.service.public) as c:
            return self.seen(PUBLIC, method, target, c.request(method, target, headers, body))

    def ops(self, target, method="GET", headers=()):
        with Connection(self.service.ops) as c:
            return self.seen(OPERATIONS, method, target, c.request(method, target, headers))

    def seen(self, listener, method, target, answer):
        self.exchanges.append(Exchange(listener, method, target, answer))
        return answer


def wrong(walk, facts):
    """The table of the integration tests, and the two limits at every call."""
    for _, _, method, target, headers, body, _, _ in TABLE:
        walk.ask(method, fill(target, facts), headers, fill(body, facts).encode() if body is not None else None)
    calls = [("GET", facts["P"]), ("GET", "/aggregation/tests"), ("POST", RESERVE), ("PATCH", UPDATE), ("PATCH", BATCH),
             ("GET", STATUS)]
    for method, target in calls:
        walk.ask(method, f"{target}?{'a' * 2100}", KEY)
        walk.ask(method, target, {**KEY, "X-A": "a" * 17000})
        if method != "GET":
            with Connection(walk.service.public) as c:
                c.send_request(method, target, {**JSON, "Content-Length": "1000000"})
                walk.seen(PUBLIC, method, target, c.read_response())
            walk.ask(method, target, {**JSON, "Expect": "miracles"}, b"{}")
    for target in ("/livez", "/readyz", "/metrics", "/version", "/openapi.yaml"):
        for method in ("GET", "HEAD", "POST"):
            walk.ops(target, method)
        walk.ops(f"{target}?{'a' * 2100}")
        walk.ops(target, headers={"X-A": "a" * 17000})
        walk.ask("GET", target)
    walk.ops("/readyz?for=wallet")
    walk.ops("/readyz?pool=none")
    walk.ops("/readyz?for=issuer")
    walk.ops(facts["P"])


def right(walk, facts):
    path = facts["P"]
    tags = {}
    for name, headers in (("jwt", {}), ("gzip", {"Accept-Encoding": "gzip"}), ("cwt", {"Accept": CWT})):
        answer = walk.ask("GET", path, headers)
        assert answer.status == 200
        walk.ask("HEAD", path, headers)
        tags[name] = answer["etag"]
        for method in ("GET", "HEAD"):
            assert walk.ask(method, path, {**headers, "If-None-Match": answer["etag"]}).status == 304
            assert walk.ask(method, path, {**headers, "If-Match": '"other"'}).status == 412
    assert len(set(tags.values())) == 3
    # With an external Redis another instance may have signed other bytes in the same second: no date is a confirmation.
    assert walk.ask("GET", path, {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}).status == 200
    for target in (path, GONE, "/aggregation/tests", "/aggregation/none"):
        walk.ask("OPTIONS", target, {"Origin": "https://wallet.example", "Access-Control-Request-Method": "GET"})
    for target in (f"{path}?time=x", f"{path}?time=1", GONE, "/aggregation/none", "/nothing"):
        walk.ask("HEAD", target)
    answer = walk.ask("GET", "/aggregation/tests")
    for method in ("GET", "HEAD"):
        walk.ask(method, "/aggregation/tests")
        assert walk.ask(method, "/aggregation/tests", {"If-None-Match": answer["etag"]}).status == 304
        assert walk.ask(method, "/aggregation/tests", {"If-Match": '"other"'}).status == 412
    for amount in ("", "?amount=1", "?amount=40"):
        assert walk.ask("POST", RESERVE + amount, KEY).status == 200
    one = b'{"uri":"%s","index":%d,"value":0}' % (facts["U"].encode(), facts["I"])
    assert walk.ask("PATCH", UPDATE, JSON, one).status == 204
    many = b'{"statusListReferences":[%s]}' % one
    assert walk.ask("PATCH", BATCH, JSON, many).status == 204
    assert walk.ask("POST", RESERVE, {**KEY, "X-Request-Id": "of-the-caller"})["x-request-id"] == "of-the-caller"
    key = {**JSON, "Idempotency-Key": '"once"'}
    for _ in range(2):
        assert walk.ask("POST", RESERVE, key).status == 200 and walk.ask("PATCH", BATCH, key, many).status == 204
    assert walk.ask("POST", RESERVE + "?amount=2", key).status == walk.ask("PATCH", BATCH, key, many + b" ").status == 422
    walk.ask("POST", RESERVE, {**JSON, "Idempotency-Key": ""})
    for method in ("GET", "HEAD"):
        assert walk.ask(method, fill(STATUS + "?uri=$U&index=$I", facts), KEY).status == 200
    assert walk.ask("POST", "/pools/old/new-references", {"X-Api-Key": "key-of-old"}).status == 409
    slow = {**JSON, "X-Api-Key": "key-of-slow"}
    mine = walk.ask("POST", "/pools/slow/new-references", slow).json()["references"][0]
    assert walk.ask("POST", "/pools/slow/new-references", slow).status == 429
    one = b'{"uri":"%s","index":%d,"value":1}' % (mine["uri"].encode(), mine["index"])
    many = b'{"statusListReferences":[%s]}' % one
    assert [walk.ask("PATCH", t, slow, b).status for t, b in ((UPDATE, one), (UPDATE, one), (BATCH, many))] == [204, 429, 429]


def ended(walk, redis, uri):
    """What another instance writes when the list is old enough."""
    key = f"statuslist:{{two}}:list:{uri.rsplit('/', 1)[1]}:config"
    redis.client.hset(key, mapping={"state": "retired", "retired": int(time.time() * 1000)})
    body = b'{"uri":"%s","index":0,"value":1}' % uri.encode()
    for target, content in ((UPDATE, body), (BATCH, b'{"statusListReferences":[%s]}' % body)):
        answer = walk.ask("PATCH", target, {**JSON, "X-Api-Key": "key-of-two"}, content)
        assert answer.json()["code"] == "LIST_RETIRED"


def walk_in_peace(fixture):
    small = {"size": 400, "prefetch": {"threshold": 20, "capacity": 40}}
    pools = {"tests": {**small, "final-status": 1}, "two": {**small, "bits": 2}, "old": {**small, "retired": True},
             "slow": {**small, "limits": {"reservations-per-second": 1, "updates-per-second": 1, "burst": "1ms"}}}
    redis = fixture.redis()
    service = fixture.service(redis, pools, limits={"body": "2KiB", "batch-entries": 5}).start()
    walk = Walk(service)
    with service.client() as c, service.client("two") as other:
        (uri, index), (_, final) = c.reserve(2)
        c.update(uri, final, 1)
        facts = {"U": uri, "I": index, "F": final, "P": path_of(uri), "X": other.reserve()[0][0],
                 "N": uri.rsplit("/", 1)[0] + GONE}
    right(walk, facts)
    wrong(walk, facts)
    ended(walk, redis, facts["X"])
    return walk


def walk_with_bearers(fixture):
    """Issuers who sign tokens of their own: accepted, refused for several reasons, and sent beside an API key."""
    secret = fixture.directory / "bearer.pem"
    key = ec.generate_private_key(ec.SECP256R1())
    secret.write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    service = fixture.service(pools={"tests": {"jwt-auth": {"keys": str(secret), "issuer": "https://hr.example"}}}).start()
    walk = Walk(service)

    def bearer(exp=60, by=key, **headers):
        claims = {"iss": "https://hr.example", "exp": int(time.time()) + exp}
        return {"Authorization": f"Bearer {jwt.encode(claims, by, 'ES256')}", **headers}

    with service.client() as c:
        uri, index = c.reserve()[0]
    body = b'{"uri":"%s","index":%d,"value":1}' % (uri.encode(), index)
    many = b'{"statusListReferences":[%s]}' % body
    for method, target, content in (("POST", RESERVE, None), ("PATCH", UPDATE, body), ("PATCH", BATCH, many),
                                    ("GET", f"{STATUS}?uri={uri}&index={index}", None), ("HEAD", f"{STATUS}?uri={uri}&index={index}", None)):
        plain = {"Content-Type": "application/json"}
        assert walk.ask(method, target, bearer(**plain), content).status in (200, 204)
        for headers in (plain, bearer(exp=-60, **plain), bearer(by=ec.generate_private_key(ec.SECP256R1()), **plain),
                        {**plain, "Authorization": "Bearer x"}, {**plain, "Authorization": "Basic eDp5"}):
            assert walk.ask(method, target, headers, content).status == 401
        assert walk.ask(method, target, bearer(**JSON), content).status == 400
    return walk


def unknown(walk, redis, number, method, target, body):
    """Redis stands still and the connection is up: the outcome of a call is unknown, and an equal call has to wait."""
    key = {**JSON, "Idempotency-Key": f'"{number}-{time.monotonic_ns()}"'}
    redis.pause()
    with Connection(walk.service.public) as first:
        first.send_request(method, target, key, body)
        time.sleep(0.1)
        second = walk.ask(method, target, key, body) if target != UPDATE else None
        answer = walk.seen(PUBLIC, method, target, first.read_response())
    redis.resume()
    walk.service.wait_ready()
    assert answer.status in (200, 204, 503)
    codes = {e.json().get("code") for e in (answer, second) if e is not None and e.body}
    wanted = {UPDATE: {"OUTCOME_UNKNOWN"}, BATCH: {"OUTCOME_UNKNOWN", "REQUEST_IN_PROGRESS"}, RESERVE: {"REQUEST_IN_PROGRESS"}}
    return codes >= wanted[target]


def walk_without_a_store(fixture):
    """Redis stands still, then is gone: until tokens expire, and until no instance knows which lists there are."""
    redis = fixture.redis()
    short = {"size": 80, "list-lifetime": "6s", "ttl": "1s",
             "prefetch": {"threshold": 4, "capacity": 8, "underflow-timeout": "200ms"}}
    few = {**short, "prefetch": {"threshold": 4, "capacity": 8, "on-underflow": "fail"}}
    service = fixture.service(redis, {"tests": short, "few": few}, redis={"command-timeout": "400ms"}).start()
    walk = Walk(service)
    with service.client() as c:
        uri, index = c.reserve()[0]
        token = Token(c.fetch(uri).body)
    one = b'{"uri":"%s","index":%d,"value":1}' % (uri.encode(), index)
    many = b'{"statusListReferences":[%s]}' % one

    calls = [("PATCH", UPDATE, one), ("PATCH", BATCH, many), ("POST", RESERVE, None)]
    for number, (method, target, body) in enumerate(calls):
        until(lambda: unknown(walk, redis, number, method, target, body), 60, "an unknown outcome")
    redis.stop()
    until(lambda: not walk_ready(walk), 20, "unready for issuers")
    for target, body in ((UPDATE, one), (BATCH, many)):
        assert walk.ask("PATCH", target, JSON, body).status == 503
    assert walk.ask("GET", f"{STATUS}?uri={uri}&index={index}", KEY).status == 503
    until(lambda: walk.ask("POST", RESERVE, KEY).status == 503, 20, "an empty ring")
    until(lambda: walk.ask("POST", "/pools/few/new-references", {"X-Api-Key": "key-of-few"}).status == 429, 20, "another one")
    until(lambda: walk.ask("GET", path_of(uri)).status == 503, 20, "the end of the token")
    assert time.time() >= token.iat
    walk.ask("HEAD", path_of(uri))
    walk.ops("/readyz")
    walk.ops("/readyz", "HEAD")
    until(lambda: walk.ask("GET", "/aggregation/tests").status == 503, 20, "lists that may not all be known")
    return walk


def walk_ready(walk):
    return walk.ops("/readyz?for=issuer").status == 200


@pytest.fixture(scope="module")
def exchanges():
    fixture = Fixture()
    try:
        return [e for walk in (walk_in_peace, walk_with_bearers, walk_without_a_store) for e in walk(fixture).exchanges]
    finally:
        fixture.end()


@pytest.fixture(scope="module")
def description():
    return Description()


def test_every_answer_is_as_described(description, exchanges):
    bad = []
    for e in exchanges:
        try:
            description.check(e)
        except Exception as x:  # noqa: B902 - the library has several roots of exceptions
            bad.append(f"{e}: {f'{x!r}: {x.__cause__!r}'[:600]}")
    count = len(bad)
    assert count == 0, f"{count} of {len(exchanges)}:\n" + "\n".join(bad[:10])


def test_every_description_was_seen(description, exchanges):
    seen = {(e.method, description.template(e), str(e.answer.status), e.code()) for e in exchanges}
    unseen = {row for row in description.documented() if row not in seen and row[3] not in ELSEWHERE} - UNLIKELY
    assert not unseen, sorted(unseen, key=str)
    assert {(None, "404", "NOT_FOUND")} <= {row[1:] for row in seen}


def test_every_code_of_the_service_is_described(description):
    table = re.findall(r"X\(\w+, \d+, \"(\w+)\"", (ROOT / "src" / "base" / "err.h").read_text())
    assert set(table) - {"OK"} == description.codes()


def test_every_route_of_the_service_is_described(description):
    """Each row of the router's table has the methods of the description, and the other way round."""
    rows = re.findall(r"\[SL_ROUTE_(\w+)\] = \{[^{]*\{([^}]*)\}, \"([^\"]*)\"", (ROOT / "src" / "http" / "dispatch.c").read_text())
    allowed = sorted(tuple(sorted(allow.split(", "))) for _, _, allow in rows)
    methods = {"get", "head", "post", "patch", "options"}
    described = sorted(tuple(sorted(m.upper() for m in item if m in methods)) for item in description.document["paths"].values())
    assert len(rows) >= 10 and allowed == described


def test_the_check_can_fail(description, exchanges):
    """A wrong status, an undocumented header and a wrong body are each found."""
    fetch = next(e for e in exchanges if e.path != GONE and e.method == "GET" and e.answer.status == 200)

    class Other:
        def __init__(self, **change):
            for name in ("status", "fields", "body"):
                setattr(self, name, change.get(name, getattr(fetch.answer, name)))

        get, __getitem__ = type(fetch.answer).get, type(fetch.answer).__getitem__

    fields = fetch.answer.fields
    for change in ({"status": 418}, {"fields": fields + [("x-new", "1")]}, {"body": b"no token"},
                   {"fields": [f for f in fields if f[0] != "etag"]},
                   {"fields": [(k, "no-store" if k == "cache-control" else v) for k, v in fields]}):
        with pytest.raises(Exception):  # noqa: B017 - the library's or ours
            description.check(Exchange(PUBLIC, "GET", fetch.target, Other(**change)))
    # What the schemas leave to this check.
    for status, old, new in ((400, b"AMOUNT_OUT_OF_RANGE", b"NO_SUCH_LIST"), (400, b'"status":400', b'"status":404'),
                             (200, b'"references":[', b'"references":[{"uri":"$U","index":1},{"uri":"$U","index":1},')):
        e = next(e for e in exchanges if e.path == RESERVE and e.answer.status == status and old in e.answer.body)
        fetch = e
        uri = next(x.answer.json()["references"][0]["uri"] for x in exchanges if x.path == RESERVE and x.answer.status == 200)
        with pytest.raises(AssertionError):
            description.check(Exchange(PUBLIC, "POST", e.target, Other(body=e.answer.body.replace(old, new.replace(b"$U", uri.encode())))))
