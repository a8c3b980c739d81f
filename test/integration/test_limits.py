"""Reservations and updates per credential: 429 beyond the rate, counted over all workers, and never where the limit is off."""
import signal
import time

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from client import Connection, parallel, until
from processes import instrumented

PATIENCE = 60 if instrumented() else 20
SLOW = {"reservations-per-second": 1, "updates-per-second": 1, "burst": "60s"}  # 60 at once, then none for as long as a test takes
PLENTY = {"prefetch": {"threshold": 100, "capacity": 400}}


def reserve(service, key="key-of-tests", amount=1, headers=None):
    with Connection(service.issuer) as c:
        return c.request("POST", f"/pools/tests/new-references?amount={amount}", headers or {"X-Api-Key": key})


def too_many(answer):
    assert answer.status == 429 and answer.problem()["code"] == "TOO_MANY_REQUESTS", answer.body
    assert answer["cache-control"] == "no-store"
    return int(answer["retry-after"])


def test_each_credential_has_its_own_rate(fixture):
    service = fixture.service(pools={"tests": {**PLENTY, "api-key": ["x"], "limits": SLOW}})
    options = service.options()
    del options["api-key"]
    options["api-keys"] = ["key-of-tests", "another"]
    service.start()
    statuses = parallel(4, lambda n: [reserve(service).status for _ in range(30)])  # of all workers together
    assert sorted(s for mine in statuses for s in mine).count(200) in (60, 61, 62)
    refused = reserve(service)
    assert 1 <= too_many(refused) <= 2
    assert 49 <= too_many(reserve(service, amount=50)) <= 51  # that very call
    assert reserve(service, "another", 60).status == 200
    too_many(reserve(service, "another"))
    assert service.metric("rate_limited_total", limit="reservations") >= 61
    assert service.metric("rate_limited_total", limit="updates") == 0


def test_updates_and_entries_of_batches_count(fixture):
    service = fixture.service(pools={"tests": {**PLENTY, "limits": {k: v for k, v in SLOW.items() if k[0] != "r"}}}).start()
    with service.client() as c:
        references = c.reserve(100)
        for r in references[:10]:
            c.update(*r, 1)
        c.batch([(*r, 1) for r in references[10:60]])
        before = service.metric("updates_total", result="changed") + service.metric("batches_total")
        too_many(c.try_update(*references[60], 1))
        assert too_many(c.try_batch([(*r, 1) for r in references[60:80]])) > 15
        # Neither was done nor counted, and asking for a status is free.
        assert service.metric("updates_total", result="changed") + service.metric("batches_total") == before
        assert [c.status(*r) for r in references[60:80]] == [0] * 20
        # Malformed calls are answered for what they are.
        assert c.try_update(references[0][0], 10**6, 1).problem()["code"] == "INDEX_OUT_OF_BOUNDS"
    assert service.metric("rate_limited_total", limit="updates") == 2


def test_a_bearer_tokens_subject_is_the_credential(fixture):
    key = ec.generate_private_key(ec.SECP256R1())
    pem = fixture.directory / "bearer.pem"
    pem.write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    service = fixture.service(pools={"tests": {**PLENTY, "jwt-auth": {"keys": str(pem)},
                                             "limits": {**SLOW, "burst": "10s"}}}).start()

    def bearer(subject):
        claims = {"iss": "https://hr.example", "sub": subject, "exp": int(time.time()) + 600, "jti": str(time.monotonic_ns())}
        return {"Authorization": "Bearer " + jwt.encode(claims, key, "ES256")}

    assert reserve(service, headers=bearer("one"), amount=10).status == 200
    too_many(reserve(service, headers=bearer("one"), amount=5))
    assert reserve(service, headers=bearer("two"), amount=10).status == 200
    assert reserve(service, amount=10).status == 200  # and the API key


def test_a_reload_changes_the_rate_and_switches_it_off(fixture):
    service = fixture.service(pools={"tests": PLENTY}).start()

    def limit(**values):
        done = service.metric("reloads_total", pool=None, result="done")
        service.options()["limits"] = values
        service.write_config()
        service.process.send_signal(signal.SIGHUP)
        until(lambda: service.metric("reloads_total", pool=None, result="done") > done, PATIENCE, "the reload")

    assert [reserve(service).status for _ in range(20)] == [200] * 20
    limit(**{"reservations-per-second": 1, "burst": "1ms"})
    assert reserve(service).status == 200
    too_many(reserve(service))
    # A call larger than the burst passes when nothing is owed, and is paid for.
    until(lambda: reserve(service, amount=100).status == 200, PATIENCE, "a large call")
    assert too_many(reserve(service)) > 50
    limit(**{"reservations-per-second": 0})
    assert [reserve(service).status for _ in range(20)] == [200] * 20
    with service.client() as c:
        uri, index = c.reserve()[0]
        for n in range(20):
            c.update(uri, index, n % 2)
