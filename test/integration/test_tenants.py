"""Pools of several tenants: the mistake of one is his, at a start, at a reload and in readiness."""
import datetime
import signal
import subprocess

import pytest

from client import path_of, until
from processes import BINARY, instrumented
from signers import Signer
from tls import Authority, pair
from tokens import fetch_token

PATIENCE = 60 if instrumented() else 20


def readyz(service, query):
    r = service.operations(f"/readyz{query}")
    return r.status, r.json()


def reload(service, result):
    count = lambda: service.metric("reloads_total", pool=None, result=result)  # noqa: E731
    before = count()
    service.write_config()
    service.process.send_signal(signal.SIGHUP)
    until(lambda: service.alive() and count() > before, PATIENCE, f"a reload that is {result}")


def check(service):
    r = subprocess.run([str(BINARY), "--config", str(service.write_config()), "--check"], capture_output=True, text=True,
                       env=service.environment(), cwd=service.directory, stdin=subprocess.DEVNULL)
    return r.returncode, r.stderr


def works(service, pool):
    with service.client(pool) as c:
        uri, index = c.reserve()[0]
        c.update(uri, index, 1)
        until(lambda: fetch_token(c, uri).status(index) == 1, PATIENCE, "the update")


def test_an_expired_certificate_at_start_and_a_leaked_key(fixture):
    """The pool does not sign; the others start, and a reload takes their leaked key away and brings his new certificate."""
    old, new = Signer(fixture.directory / "old", "old", ends=-10), Signer(fixture.directory / "new", "new")
    service = fixture.service(fixture.redis(), {"good": {}, "tenant": {"signer": old.pem()}})
    code, said = check(service)
    assert code == 1 and "tenant.signer" in said and "expired on" in said
    service.start()
    works(service, "good")
    for query in ("", "?for=issuer"):
        status, answer = readyz(service, query)
        assert status == 200 and answer["ready"] and list(answer["pools"]) == ["tenant"] and "expired on" in answer["pools"]["tenant"]
        until(lambda: readyz(service, f"{query}{'&' if query else '?'}pool=tenant")[0] == 503, PATIENCE, "a list of the tenant's")
        status, answer = readyz(service, f"{query}{'&' if query else '?'}pool=tenant")
        assert status == 503 and "expired on" in answer["reason"]
        assert readyz(service, f"{query}{'&' if query else '?'}pool=good") == (200, {"ready": True})
    assert service.metric("signer_expired", "tenant") == 1 and service.metric("signer_expired", "good") == 0
    assert service.operations("/readyz?pool=nobody").problem()["code"] == "NO_SUCH_POOL"
    with service.client("tenant") as c:
        for uri in c.lists():
            r = c.fetch(uri)
            assert r.status == 503 and r["retry-after"], r
    service.options("good")["api-key"] = "a-new-key"
    reload(service, "partly")
    assert 'not-in-force="app.status-list-pools.tenant.signer"' in service.log() and "good.(credentials)" in service.log()
    with service.client("good", key="key-of-good") as leaked:
        assert leaked.try_reserve().status == 401
    works(service, "good")
    service.options("tenant")["signer"] = new.pem()
    reload(service, "done")
    until(lambda: readyz(service, "?for=issuer") == (200, {"ready": True}), PATIENCE, "readiness of both")
    works(service, "tenant")


def test_a_key_file_that_is_gone_at_a_reload(fixture):
    """A credential that cannot be read opens nothing, and harms no other pool."""
    keys = {n: fixture.directory / n for n in ("one", "two")}
    for n, path in keys.items():
        path.write_text(f"the-key-{n}\n")
        path.chmod(0o600)
    service = fixture.service(fixture.redis(), {"tenant": {"api-key-file": [str(p) for p in keys.values()]}, "good": {}})
    del service.options("tenant")["api-key"]
    service.start()
    keys["one"].unlink()
    assert check(service)[0] == 1
    service.options("good")["api-key"] = "a-new-key"
    reload(service, "partly")
    for pool, key, status in (("tenant", "the-key-one", 401), ("tenant", "the-key-two", 200), ("good", "key-of-good", 401),
                              ("good", "a-new-key", 200)):
        with service.client(pool, key=key) as c:
            assert c.try_reserve().status == status, (pool, key)
    keys["one"].write_text("not a key\n")  # a mistake inside a file costs that file as well
    reload(service, "partly")
    assert "tenant.api-key-file: the key (not shown) cannot be sent in a header" in service.log()
    service.stop()
    service.start()
    with service.client("tenant", key="the-key-two") as c:
        c.reserve()


@pytest.mark.parametrize("what", ["ttl", "bits"])
def test_a_pool_that_differs_is_not_opened(fixture, what):
    """Beside another instance (ttl), or with the lists in Redis (bits); the others start. It opens by itself once nothing differs."""
    redis = fixture.redis()
    pools = {"same": {}, "other": {"ttl": "50s"}}
    first = fixture.service(redis, pools).start()
    with first.client("other") as c:
        uri, index = c.reserve()[0]
    if what == "bits":
        first.stop()
    second = fixture.service(redis, pools, public_url=first.config["public-url"])
    second.options("other").update({"ttl": "40s"} if what == "ttl" else {"bits": 2})
    second.start()
    works(second, "same")
    status, answer = readyz(second, "?for=issuer")
    assert status == 200 and list(answer["pools"]) == ["other"] and "this file says" in answer["pools"]["other"]
    assert readyz(second, "?pool=other")[0] == 503 and second.metric("pool_differs", "other") == 1
    assert "a pool is not opened" in second.log()
    with second.client("other") as c:
        # Nothing of it is unknown, and nothing of it is done.
        assert c.fetch(uri).status == 503 and c.get("/aggregation/other").status == 503
        assert c.try_update(uri, index, 1).status == 503 and c.try_reserve().status == 503
        assert c.get(path_of(uri)[:-4] + "0000").status in (404, 503)
        assert c.get("/aggregation/same").status == 200
    if what == "ttl":
        first.stop()
        until(lambda: readyz(second, "?for=issuer") == (200, {"ready": True}), PATIENCE, "the pool to be opened")
        works(second, "other")
        with second.client("other") as c:
            assert fetch_token(c, uri).claims["ttl"] == 40


@pytest.mark.parametrize("dates,words", [({"days": -1, "before": 9}, "expired on"), ({"days": 90, "before": -2}, "is not valid before")])
def test_a_certificate_that_is_not_valid_now(fixture, tmp_path, dates, words):
    """A mistake for --check; at the start it costs nothing but what its clients make of it."""
    service = fixture.service(fixture.redis())
    service.config["tls"] = {"public": pair(Authority(tmp_path / "a").issue("x", days=dates["days"], before=datetime.datetime.utcnow() - datetime.timedelta(days=dates["before"])))}
    code, said = check(service)
    assert code == 1 and words in said
    service.start()
    assert words in service.log() and "starting with a certificate that is not valid now" in service.log()
