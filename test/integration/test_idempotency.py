"""Idempotency-Key: a repeated request gets the first answer, whether or not that arrived, and has its effect once."""
import json
import random
import threading
import time
import uuid

import pytest

from client import parallel, until
from processes import free_port

POOLS = {"tests": {"size": 4000, "bits": 2, "final-status": 3, "update-interval": "100ms", "api-key": "one",
                   "prefetch": {"threshold": 100, "capacity": 400}},
         "other": {"size": 800, "api-key": "one", "prefetch": {"threshold": 20, "capacity": 40}},
         "third": {"size": 800, "api-key": "two", "prefetch": {"threshold": 20, "capacity": 40, "on-underflow": "fail"}}}


@pytest.fixture(scope="module")
def redis(shared_fixture):
    return shared_fixture.redis()


@pytest.fixture(scope="module")
def service(shared_fixture, redis):
    return shared_fixture.service(redis, POOLS).start()


@pytest.fixture
def issuer(service):
    with service.client() as c:
        yield c


def fresh():
    return str(uuid.uuid4())


def reserve(c, key, amount=1, pool=None):
    fields = {"X-Api-Key": c.key, "Idempotency-Key": key}
    return c.issuer.request("POST", f"/pools/{pool or c.pool}/new-references?amount={amount}", fields, b"")


def batch(c, key, entries, value=None, text=None):
    body = {"statusListReferences": [dict(zip(("uri", "index", "value"), e)) for e in entries]}
    if value is not None:
        body["value"] = value
    fields = {"X-Api-Key": c.key, "Idempotency-Key": key, "Content-Type": "application/json"}
    return c.issuer.request("PATCH", "/status-lists/batch-update", fields, text or json.dumps(body).encode())


def references(r):
    assert r.status == 200, r
    return [(e["uri"], e["index"]) for e in r.json()["references"]]


def test_reserve_again_gives_the_same_bytes(issuer, service):
    key, before = f'"{fresh()}"', service.metric("references_reserved_total")
    first = reserve(issuer, key, 7)
    assert len(set(references(first))) == 7 and first["cache-control"] == "no-store"
    for _ in range(3):
        again = reserve(issuer, key, 7)
        assert again.status == 200 and again.body == first.body
    assert service.metric("references_reserved_total") == before + 7
    plain = issuer.call("POST", "/pools/tests/new-references?amount=7")
    assert [k for k, _ in plain.fields] == [k for k, _ in first.fields]  # nothing tells them apart
    assert not set(references(plain)) & set(references(first))


def test_amount_is_the_request_whatever_its_spelling(issuer):
    key = fresh()
    first = issuer.issuer.request("POST", "/pools/tests/new-references", {"X-Api-Key": issuer.key, "Idempotency-Key": key})
    assert reserve(issuer, key, 1).body == first.body
    assert reserve(issuer, f'"{key}"', 1).body == first.body  # in quotes and bare it is one key
    r = reserve(issuer, key, 2)
    assert r.status == 422 and r.problem()["code"] == "IDEMPOTENCY_KEY_REUSED"


def test_large_amounts_over_lists(issuer):
    for _ in range(4):
        key = fresh()
        first = reserve(issuer, key, 400)
        assert len(set(references(first))) == 400
        assert reserve(issuer, key, 400).body == first.body


def test_scope(service, issuer):
    """A key is of one credential, one pool, one route."""
    key = fresh()
    first = reserve(issuer, key)
    assert references(reserve(issuer, key, pool="other"))[0] != references(first)[0]
    with service.client("third") as c:
        assert references(reserve(c, key))[0][0] not in {u for u, _ in references(first)}
    uri, index = references(first)[0]
    assert batch(issuer, key, [(uri, index, 1)]).status == 204


@pytest.mark.parametrize("value", ["", '""', '"a', '"a", "b"', "a b", '"\\n"', "k" * 256, '"' + "k" * 256 + '"'])
def test_malformed_keys(issuer, value):
    r = reserve(issuer, value)
    assert r.status == 400 and r.problem()["code"] == "MALFORMED_REQUEST" and "Idempotency-Key" in r.problem()["detail"]


def test_two_lines_are_no_key(issuer):
    r = issuer.issuer.request("POST", "/pools/tests/new-references",
                              [("X-Api-Key", issuer.key), ("Idempotency-Key", "a"), ("Idempotency-Key", "a")])
    assert r.status == 400


def test_batch_again_writes_nothing(issuer):
    (uri, a), (_, b) = refs = issuer.reserve(2)
    key, entries = f'"{fresh()}"', [(*r, 1) for r in refs]
    assert batch(issuer, key, entries).status == 204
    version = issuer.try_status(uri, a).json()["version"]
    issuer.update(uri, a, 2)
    assert batch(issuer, key, entries).status == 204  # the first answer; what came after stays
    assert issuer.status(uri, a) == 2 and issuer.status(uri, b) == 1
    assert issuer.try_status(uri, a).json()["version"] == version + 1
    r = batch(issuer, key, [(uri, a, 1)])
    assert r.status == 422 and r.problem()["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert issuer.status(uri, a) == 2


def test_a_batch_that_was_refused_is_not_remembered(issuer):
    (uri, a), (_, b) = issuer.reserve(2)
    issuer.update(uri, a, 3)
    key = fresh()
    assert batch(issuer, key, [(uri, b, 1), (uri, a, 1)]).status == 403
    assert batch(issuer, key, [(uri, 10**6, 1)]).status == 400
    assert batch(issuer, key, [(uri, b, 1)]).status == 204
    assert batch(issuer, key, [(uri, b, 1), (uri, a, 1)]).status == 422
    assert issuer.status(uri, b) == 1


def test_many_clients_with_one_key(service):
    """A call during the first one with its key is refused for that reason; all later ones get one answer."""
    for amount in (1, 5, 150, 400):  # from the ring, and through the keeper's queue
        key = fresh()

        def ask(_):
            with service.client() as c:
                r = reserve(c, key, amount)
                while r.status == 409:
                    assert r.problem()["code"] == "REQUEST_IN_PROGRESS"
                    time.sleep(0.01)
                    r = reserve(c, key, amount)
                assert r.status == 200, r
                return r.body

        assert len(set(parallel(12, ask))) == 1
    with service.client() as c:
        refs, key = c.reserve(60), fresh()
        before = c.try_status(*refs[0]).json()["version"]

        def revoke(_):
            with service.client() as mine:
                return batch(mine, key, refs, 1).status

        assert set(parallel(12, revoke)) <= {204, 409}
        assert c.try_status(*refs[0]).json()["version"] == before + 1


def test_still_running_is_409(fixture):
    """A reservation that waits for references; a batch that waits for a Redis that stands still."""
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": {"prefetch": {"threshold": 50, "capacity": 100}}}).start()
    with service.client() as c, service.client() as d:
        uri, index = c.reserve()[0]
        redis.pause()
        key = fresh()
        body = json.dumps({"statusListReferences": [{"uri": uri, "index": index, "value": 1}]}).encode()
        fields = {"X-Api-Key": c.key, "Idempotency-Key": key, "Content-Type": "application/json"}
        c.issuer.send_request("PATCH", "/status-lists/batch-update", fields, body)
        until(lambda: service.metric("store_inflight", None) >= 1, 20, "the batch under way")
        r = d.issuer.request("PATCH", "/status-lists/batch-update", fields, body)
        assert r.status == 409 and r.problem()["code"] == "REQUEST_IN_PROGRESS"
        redis.resume()
        first = c.issuer.read_response("PATCH")
        # Whatever the outcome was, the key is free again and ends in one effect.
        assert first.status in (204, 503)
        until(lambda: d.issuer.request("PATCH", "/status-lists/batch-update", fields, body).status == 204, 10, "204")
        assert d.status(uri, index) == 1 and d.try_status(uri, index).json()["version"] == 1


def test_answered_without_references_and_after_retirement(fixture):
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": {"size": 800, "prefetch": {"threshold": 20, "capacity": 40}}}).start()
    with service.client() as c:
        key = fresh()
        first = reserve(c, key, 3)
        assert first.status == 200
    service.stop()
    service.options()["retired"] = True
    service.start(ready="")
    with service.client() as c:
        assert c.try_reserve().status == 409
        assert reserve(c, key, 3).body == first.body  # over a restart, too
        r = reserve(c, fresh(), 3)
        assert r.status == 409 and r.problem()["code"] == "POOL_RETIRED"


def test_retention(fixture):
    service = fixture.service(fixture.redis(), idempotency={"retention": "2s"}).start()
    with service.client() as c:
        key = fresh()
        first = reserve(c, key)
        assert reserve(c, key).body == first.body
        left = [fixture.redises[0].client.pttl(k) for k in fixture.redises[0].client.scan_iter("statuslist:{tests}:idempotency:*")]
        assert len(left) == 1 and 0 < left[0] <= 2000
        until(lambda: reserve(c, key).body != first.body, 20, "another answer", 2.5)  # each repetition counts anew


def test_two_instances(fixture):
    redis = fixture.redis()
    pool = {"size": 2000, "api-key": "k", "prefetch": {"threshold": 50, "capacity": 100}}
    first = fixture.service(redis, {"tests": dict(pool)}).start()
    second = fixture.service(redis, {"tests": dict(pool)}, public_url=first.config["public-url"]).start()
    pair, seen = [first, second], set()
    with first.client() as a, second.client() as b:
        for n in range(30):
            key = fresh()
            one, two = reserve(a, key, 1 + n % 5), reserve(b, key, 1 + n % 5)
            assert one.body == two.body
            assert not seen & set(references(one))
            seen |= set(references(one))

        def ask(k):
            with pair[k % 2].client() as c:
                r = reserve(c, keys[k // 4], 3)
                while r.status == 409:
                    r = reserve(c, keys[k // 4], 3)
                return k // 4, tuple(references(r))

        keys = [fresh() for _ in range(10)]
        answers = set(parallel(40, ask))
        assert len(answers) == 10  # one per key, at either instance
        given = [r for _, refs in answers for r in refs]
        assert len(set(given)) == 30 and not seen & set(given)
        # What the losers gave back is handed out once.
        later = [r for c in (a, b) for _ in range(10) for r in c.reserve(50)]
        assert len(set(later)) == len(later) and not (seen | set(given)) & set(later)
        # A batch at one, and again at the other.
        refs, key = given[:20], fresh()
        assert batch(a, key, refs, 1).status == 204
        versions = {u: a.try_status(u, i).json()["version"] for u, i in refs}
        assert batch(b, key, refs, 1).status == 204
        assert versions == {u: b.try_status(u, i).json()["version"] for u, i in refs}


class Stubborn:
    """Clients repeat each call with one key until they have an answer, over every loss; all answers to a key are the same."""

    def __init__(self, service, clients=4):
        self.service, self.stopping = service, threading.Event()
        self.answers, self.plain, self.batches = [], [], 0
        self.lock, self.errors = threading.Lock(), []
        self.threads = [threading.Thread(target=self._run, args=(n,)) for n in range(clients)]

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for t in self.threads:
            t.join()
        if self.errors:
            raise self.errors[0]

    def _until_answered(self, ask):
        while True:
            c = self.service.client()
            try:
                r = ask(c)
                if r.status not in (503, 409):
                    return r
            except OSError:
                pass
            finally:
                c.close()
            time.sleep(0.01)

    def _run(self, n):
        order = random.Random(n)
        try:
            while not self.stopping.is_set():
                key, amount = fresh(), order.choice([1, 3, 61, 150])
                first = self._until_answered(lambda c: reserve(c, key, amount))
                got = references(first)
                with self.lock:
                    self.answers.append((key, amount, first.body))
                    self.plain.extend(got)
                key = fresh()
                r = self._until_answered(lambda c: batch(c, key, got[:8], order.choice([1, 2])))
                assert r.status in (204, 422), r
                self.batches += 1
        except BaseException as e:  # noqa: B902 - raised by __exit__
            self.errors.append(e)

    def goes_on(self):
        """Every client of the crowd, on average, asked anew and was answered."""
        enough = len(self.answers) + 2 * len(self.threads)
        until(lambda: self.errors or len(self.answers) >= enough, 60, "further answers")

    def check(self):
        assert len(set(self.plain)) == len(self.plain) > 50 and self.batches > 5
        with self.service.client() as c:
            for key, amount, body in self.answers[-200:]:
                assert reserve(c, key, amount).body == body


@pytest.mark.parametrize("embedded", [False, True], ids=["external", "embedded"])
def test_the_service_is_killed_in_the_middle(fixture, embedded):
    pool = {"size": 3000, "bits": 4, "prefetch": {"threshold": 60, "capacity": 300}}
    service = fixture.service(None if embedded else fixture.redis(), {"tests": pool}).start()
    with Stubborn(service) as crowd:
        for _ in range(4):
            time.sleep(random.uniform(0.2, 0.5))
            service.kill()
            service.start()
        crowd.goes_on()
    crowd.check()


def test_redis_is_killed_in_the_middle(fixture):
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": {"size": 3000, "bits": 4, "prefetch": {"threshold": 60, "capacity": 300}}}).start()
    with Stubborn(service) as crowd:
        for _ in range(4):
            time.sleep(random.uniform(0.2, 0.5))
            redis.restart()
            until(lambda: service.alive() and service.readiness()[0], 20, "readiness")
        crowd.goes_on()
    crowd.check()


def test_replies_are_lost_in_the_middle(fixture):
    """Connections to Redis are cut while commands are under way: outcomes are unknown, answers are not."""
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": {"size": 3000, "bits": 4, "prefetch": {"threshold": 60, "capacity": 300}}}).start()
    with Stubborn(service) as crowd:
        for _ in range(30):
            time.sleep(0.05)
            for client in redis.client.client_list():
                if ":worker" in client["name"]:
                    redis.client.client_kill_filter(_id=client["id"])
        crowd.goes_on()
    crowd.check()


def test_replicas_confirm_what_is_repeated(fixture):
    port = free_port()
    redis = fixture.redis(extra=["--port", str(port), "--bind", "127.0.0.1", "--repl-diskless-sync-delay", "0"])
    replica = fixture.redis(extra=["--replicaof", "127.0.0.1", str(port)])
    until(lambda: replica.client.info("replication")["master_link_status"] == "up", 20, "the replica")
    service = fixture.service(redis, redis={"wait-replicas": 1, "socket": redis.socket}).start()
    with service.client() as c:
        key, lost = fresh(), fresh()
        first = reserve(c, key)
        assert first.status == 200 and reserve(c, key).body == first.body
        replica.pause()
        r = reserve(c, lost)
        assert r.status == 503, r
        assert reserve(c, key).status == 503  # nothing confirms that the record is there
        replica.resume()
        until(lambda: reserve(c, lost).status == 200, 10, "the replica's word")
        assert reserve(c, key).body == first.body


def test_policies_that_evict_what_expires(fixture):
    redis = fixture.redis(extra=["--maxmemory", "100mb", "--maxmemory-policy", "volatile-lru"])
    service = fixture.service(redis)
    service.spawn()
    assert service.wait_end() == 1 and "maxmemory-policy is volatile-lru, must be noeviction" in service.log()


def test_the_first_answer_outlives_its_list(fixture):
    """A restarted service, or another instance, does not know a list whose keys are gone: the record still has the answer."""
    redis = fixture.redis()
    pool = {"size": 64, "prefetch": {"threshold": 8, "capacity": 16}, "api-key": "the-key-of-two-pools"}
    pools = {"tests": dict(pool), "other": dict(pool)}
    service = fixture.service(redis, pools).start()
    with service.client("other") as c:
        refs, key = c.reserve(2), fresh()
        assert batch(c, key, refs, 1).status == 204
        batch(c, "second", refs, 0)
        service.stop()
        # As after the end of a retired list; `other` is not the credential's first pool.
        id = refs[0][0].rsplit("/", 1)[1]
        names = [k for k in redis.client.scan_iter(f"statuslist:{{other}}:list:{id}:*")]
        redis.client.delete(*names)
        redis.client.srem("statuslist:{other}:lists", id)
        redis.client.zrem("statuslist:{other}:changes", id)
        redis.client.sadd("statuslist:{other}:retired", id)
        service.start()
    with service.client("other") as c:
        again = batch(c, key, refs, 1)
        assert again.status == 204, again
        r = batch(c, key, refs, 0)
        assert r.status == 422 and r.problem()["code"] == "IDEMPOTENCY_KEY_REUSED"
        known = c.reserve(1)
        for entries in (refs, known + refs):  # the pool is known, or not
            r = batch(c, fresh(), entries, 1)
            assert r.status == 400 and r.problem()["code"] == "NO_SUCH_LIST" and "no such status list" in r.problem()["detail"]
        assert c.try_status(*known[0]).json()["value"] == 0


def test_an_amount_that_is_too_large_now(fixture):
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": {"size": 800, "prefetch": {"threshold": 20, "capacity": 40}}}).start()
    key = fresh()
    with service.client() as c:
        first = reserve(c, key, 30)
    service.stop()
    service.options()["prefetch"] = {"threshold": 10, "capacity": 20}
    service.write_config()
    service.start()
    with service.client() as c:
        assert reserve(c, key, 30).body == first.body
        for name in (None, fresh()):
            r = reserve(c, name, 30) if name else c.issuer.request("POST", "/pools/tests/new-references?amount=30", {"X-Api-Key": c.key}, b"")
            assert r.status == 400 and r.problem()["code"] == "AMOUNT_OUT_OF_RANGE" and "between 1 and 20" in r.problem()["detail"]
        r = reserve(c, key, 4294967296)
        assert r.status == 400 and r.problem()["code"] == "AMOUNT_OUT_OF_RANGE"
