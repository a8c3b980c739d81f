"""What an operator sees: liveness, readiness with its reason, metrics, version, logs, limits, shutdown."""
import contextlib
import json
import os
import re
import signal
import threading
import time

import pytest

from client import Connection, path_of, until
from processes import BINARY, ROOT, instrumented
from tokens import fetch_token

# name: labels that it must have, beside pool
PROMISED = {
    "references_reserved_total": {"pool"}, "reservations_queued_total": {"pool"}, "reservation_underflows_total": {"pool"},
    "updates_total": {"pool", "result"}, "batches_total": {"pool"}, "update_group_size_bucket": {"pool", "le"},
    "ring_fill": {"pool"}, "ring_capacity": {"pool"}, "list_size": {"pool"}, "list_references_left": {"pool"}, "spare_lists": {"pool"},
    "spare_lists_wanted": {"pool"}, "token_lifetime_seconds": {"pool"}, "pool_differs": {"pool"}, "rate_limited_total": {"pool", "limit"}, "reservation_queue": {"pool"}, "refills_total": {"pool"}, "refill_failures_total": {"pool"},
    "references_given_back_total": {"pool"}, "lists": {"pool"}, "lists_unpublished": {"pool"}, "lists_owned": {"pool"},
    "lists_inherited_total": {"pool"}, "lists_abandoned_total": {"pool"}, "rollback_detected_total": {"pool"}, "loads_total": {"pool"}, "signings_total": {"pool"},
    "publications_total": {"pool", "cause"}, "publish_failures_total": {"pool"}, "compress_seconds_bucket": {"pool", "le"},
    "sign_seconds_bucket": {"pool", "le"}, "commit_to_visible_seconds_bucket": {"pool", "le"}, "token_bytes": {"pool"},
    "oldest_token_iat_seconds": {"pool"}, "nearest_token_exp_seconds": {"pool"}, "http_requests_total": {"route", "status"},
    "http_request_seconds_bucket": {"route", "le"}, "http_connections": set(), "http_connections_accepted_total": set(),
    "http_connection_limit_reached_total": set(), "http_connections_shed_total": {"reason"},
    "http_request_memory_bytes": set(), "fetched_bytes_total": set(), "store_state": {"connection", "state"},
    "store_reconnects_total": {"connection"}, "store_operations_total": {"connection", "operation"},
    "store_errors_total": {"connection", "kind"},
}
SAMPLE = re.compile(r'^([a-z_:][a-z0-9_:]*)(?:\{((?:[a-z_]+="(?:[^"\\]|\\.)*",?)*)\})? (-?[0-9.]+(?:e[+-]?[0-9]+)?|[+-]Inf|NaN)$')
LOGFMT = re.compile(r'^(?:[a-z_-]+=(?:"(?:[^"\\]|\\.)*"|[^\s"=]+))(?: [a-z_-]+=(?:"(?:[^"\\]|\\.)*"|[^\s"=]+))*$')


@pytest.fixture
def service(fixture):
    fixture.store = fixture.redis()
    return fixture.service(fixture.store, {"tests": {"prefetch": {"threshold": 20, "capacity": 40}}}).start()


def test_livez_readyz_version(service):
    assert service.operations("/livez").json() == {"alive": True}
    for query in ("", "?for=issuer"):
        assert service.readiness(query) == (True, "")
    assert service.operations("/readyz?for=somebody").problem()["code"] == "MALFORMED_REQUEST"
    version = service.operations("/version").json()
    assert version["name"] == "statuslistd" and re.fullmatch(r"\d+\.\d+\.\d+.*", version["version"])
    described = service.operations("/openapi.yaml")
    assert described["content-type"] == "application/yaml" and described.body == (ROOT / "docs" / "openapi.yaml").read_bytes()
    for target in ("/livez", "/readyz", "/version", "/metrics", "/openapi.yaml"):
        assert service.operations(target, "HEAD").status == 200
        assert service.operations(target, "POST").status == 405
    # Nothing of the public or of issuers here.
    with service.client() as c:
        assert service.operations(path_of(c.reserve()[0][0])).status == 404
    assert service.operations("/pools/tests/new-references", "POST").status == 404


def test_readiness_names_what_fails(fixture, service):
    redis = fixture.store
    redis.stop()
    until(lambda: not service.readiness()[0], 10, "unready")
    ready, reason = service.readiness()
    assert not ready and reason.startswith("store: redis is ")
    assert service.readiness("") == (True, ""), "tokens are fresh: fetches are served"
    assert service.operations("/livez").status == 200
    redis.start()
    service.wait_ready()


def test_wrong_persistence_at_run_time(fixture, service):
    """Noticed within ten seconds; until then updates are not acknowledged."""
    redis = fixture.store
    with service.client() as c:
        uri, index = c.reserve()[0]
        redis.client.config_set("appendfsync", "everysec")
        until(lambda: not service.readiness()[0], 14, "unready")
        assert "appendfsync is everysec" in service.readiness()[1]
        c.close()  # idle long enough for the service to close it
        assert service.readiness("")[0] and c.fetch(uri).status == 200
        redis.client.config_set("appendfsync", "always")
        service.wait_ready()
        c.update(uri, index, 1)


def test_expired_tokens_make_unready(fixture):
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": {"list-lifetime": "4s", "ttl": "1s", "size": 80,
                                              "prefetch": {"threshold": 2, "capacity": 4}}}).start()
    redis.stop()
    until(lambda: not service.readiness("")[0], 8, "unready for fetches")
    assert re.search(r"tokens: 0 lists are not signed yet, \d+ tokens have expired", service.readiness("")[1])


def test_metrics_are_valid_and_have_what_is_promised(service):
    with service.client() as c:
        (uri, index), = c.reserve()
        c.update(uri, index, 1)
        c.batch([(uri, index, 0)])
        c.status(uri, index)
        for _ in range(3):
            c.fetch(uri)
        c.get("/nowhere")
    r = service.operations("/metrics")
    assert r["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    kinds, helps, samples, order = {}, {}, {}, []
    for line in r.body.decode().splitlines():
        if line.startswith("# "):
            _, what, name, rest = line.split(" ", 3)
            assert name not in {"TYPE": kinds, "HELP": helps}[what], f"{what} of {name} twice"
            {"TYPE": kinds, "HELP": helps}[what][name] = rest
            continue
        m = SAMPLE.match(line)
        assert m, line
        labels = dict(re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', m[2] or ""))
        key = (m[1], tuple(sorted(labels.items())))
        assert key not in samples, f"twice: {line}"
        samples[key] = float(m[3])
        family = re.sub(r"_(bucket|sum|count)$", "", m[1]) if m[1] not in kinds else m[1]
        assert family in kinds and family in helps, line
        if not order or order[-1] != family:
            assert family not in order, f"{family} is not in one piece"
            order.append(family)
    assert set(kinds.values()) <= {"counter", "gauge", "histogram"}
    names = {}
    for name, labels in samples:
        names.setdefault(name, set()).update(k for k, _ in labels)
    for name, labels in PROMISED.items():
        assert labels <= names.get(f"statuslist_{name}", {"missing"}), name
        assert names["statuslist_" + name] == labels
    for (name, labels), value in samples.items():
        if name.endswith("_bucket") and dict(labels)["le"] == "+Inf":
            others = tuple(x for x in labels if x[0] != "le")
            assert samples[(name[: -len("_bucket")] + "_count", others)] == value
            series = sorted((float(dict(l)["le"]), v) for (n, l), v in samples.items()
                            if n == name and tuple(x for x in l if x[0] != "le") == others)
            assert [v for _, v in series] == sorted(v for _, v in series)

    def value(name, **labels):
        return sum(v for (n, l), v in samples.items() if n == f"statuslist_{name}" and set(labels.items()) <= set(l))

    assert value("references_reserved_total", pool="tests") == 1
    assert value("updates_total", result="changed") == 1 and value("batches_total") == 1
    assert value("http_requests_total", route="list", status="200") == 3
    assert value("http_requests_total", status="404") >= 1
    assert value("fetched_bytes_total") > 3 * 500
    assert value("store_state", state="up", connection="worker") == 2 and value("store_state", state="up") == 5


def test_logs_are_structured_and_keep_secrets_and_clients_to_themselves(fixture, service):
    with service.client() as c:
        uri, index = c.reserve()[0]
        c.fetch(uri)
        c.update(uri, index, 1)
        c.get("/some-secret-path?and=query")
    with service.client(key="a-guessed-key") as c:
        assert c.try_reserve().status == 401
    fixture.store.restart()
    service.wait_ready()
    service.stop()
    log = service.log()
    for line in log.splitlines():
        assert LOGFMT.match(line), line
        fields = dict(re.findall(r'([a-z_-]+)=("(?:[^"\\]|\\.)*"|\S+)', line))
        assert {"ts", "level", "subject", "msg"} <= set(fields), line
        assert fields["level"] in ("debug", "info", "warn", "error")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", fields["ts"])
        assert isinstance(json.loads(fields["msg"]), str)
    assert len(log.splitlines()) > 8
    for secret in ("key-of-tests", "a-guessed-key", "some-secret-path", "PRIVATE KEY"):
        assert secret not in log
    # The log has the listening addresses, and no client's.
    assert "127.0.0.1" not in log.replace(f"127.0.0.1:{service.public[1]}", "")
    for before, after in (("serving", "shutting down"), ("shutting down", "shut down")):
        assert log.index(f'msg="{before}"') < log.index(f'msg="{after}"')


def test_the_connection_limit(fixture):
    """As many as allowed are served; for one more, the one that has been idle for longest is closed."""
    service = fixture.service(fixture.redis(), workers=1, limits={"connections": 8}).start()
    with service.client() as c:
        uri = c.reserve()[0][0]
    until(lambda: service.metric("http_connections", None) <= 1, 5, "idle")
    crowd = [Connection(service.public).open() for _ in range(8)]
    for c in crowd:
        assert c.request("GET", path_of(uri)).status == 200
    for c in [*crowd[4:], *crowd[:4]]:
        assert c.request("GET", path_of(uri)).status == 200
    late = Connection(service.public).open()
    assert late.request("GET", path_of(uri)).status == 200, "once they are not new"
    assert service.readiness()[0], "operations have a listener of their own"
    assert service.metric("http_connections_shed_total", None, reason="idle") == 1
    assert service.metric("http_connections", None) <= 8 + 1
    assert crowd[4].closed_by_peer()
    assert all(c.request("GET", path_of(uri)).status == 200 for c in [*crowd[5:], *crowd[:4]])
    for c in [*crowd, late]:
        c.close()


def test_a_slow_client_is_closed(service):
    """Ten seconds for a whole request, however slowly it drips."""
    idle, half, drip = [Connection(service.public).open() for _ in range(3)]
    begun = time.monotonic()
    half.send(b"GET / HTTP/1.1\r\nHost:")
    for byte in b"GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa":
        try:
            drip.send(bytes([byte]))
        except OSError:
            break
        if time.monotonic() - begun > 14:
            raise AssertionError("still connected")
        time.sleep(0.25)
    for c in (idle, half, drip):
        assert c.closed_by_peer(5)
    assert 8 < time.monotonic() - begun < 15
    assert service.readiness()[0]
    for c in (idle, half, drip):
        c.close()


def test_what_is_under_way_is_finished_before_the_end(fixture):
    """SIGTERM while an update and a reservation wait for Redis: the update is answered with its outcome, exit status 0."""
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": {"prefetch": {"threshold": 5, "capacity": 10, "underflow-timeout": "20s"}}},
                            redis={"command-timeout": "20s"}).start()
    answers = {}
    with service.client() as c:
        uri, index = c.reserve()[0]
        c.reserve(5)
        redis.pause()
        for _ in range(4):
            c.try_reserve() if service.metric("ring_fill") else None

        def ask(name, call):
            with service.client() as mine:
                answers[name] = call(mine)

        threads = [threading.Thread(target=ask, args=("update", lambda m: m.try_update(uri, index, 1))),
                   threading.Thread(target=ask, args=("reserve", lambda m: m.try_reserve(10)))]
        for t in threads:
            t.start()
        until(lambda: service.metric("reservation_queue") >= 1, 10, "the reservation that waits")
        until(lambda: service.metric("store_inflight", None) >= 1, 10, "the update under way")
        service.process.send_signal(signal.SIGTERM)
        until(lambda: 'msg="shutting down"' in service.log(), 10, "the end")
        threads[1].join(10)
        assert answers["reserve"].status == 503 and answers["reserve"].problem()["code"] == "UNAVAILABLE"
        assert threads[0].is_alive(), "the update's outcome is not known yet"
        redis.resume()
        threads[0].join(10)
        assert answers["update"].status == 204
    assert service.wait_end(20) == 0
    field = redis.list_config("tests", uri)
    assert field["version"] == "1"


def test_the_end_right_after_an_update(fixture):
    """Shutdown during loading, signing or replacing: nothing is used after it was freed, and everything is freed."""
    service = fixture.service(fixture.redis(), {"tests": {"size": 100000, "update-interval": "0s"}})
    for n in range(25):
        service.start()
        with service.client() as c:
            uri, index = c.reserve()[0]
            c.update(uri, index, 1)
        time.sleep(n % 5 * 0.0007)
        service.stop()


def test_the_order_of_the_end(fixture):
    """First not ready; after the delay the listeners close. Connected clients are answered until then."""
    service = fixture.service(fixture.redis(), shutdown={"delay": "700ms", "deadline": "5s"}).start()
    with service.client() as c, Connection(service.public) as idle:
        uri = c.reserve()[0][0]
        assert idle.request("GET", path_of(uri)).status == 200
        begun = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        until(lambda: not service.readiness("")[0], 5, "unready")
        assert service.readiness("")[1].startswith("shutdown")
        served = 0
        while True:
            try:
                with Connection(service.public) as fresh:
                    assert fresh.request("GET", path_of(uri)).status == 200
                    served += 1
            except OSError:
                break
            time.sleep(0.02)
        assert 0.5 < time.monotonic() - begun < 3 + 3 * instrumented() and served > 3
        assert idle.closed_by_peer(5)
    assert service.wait_end(20) == 0


def test_the_end_has_a_deadline(fixture):
    """Clients that do not read their answers, of fetches or of metrics, do not delay the shutdown."""
    pool = {"size": 8_000_000, "update-interval": "0s", "prefetch": {"threshold": 4000, "capacity": 9000}}
    service = fixture.service(fixture.redis(), {"tests": pool}, shutdown={"deadline": "1s"}).start()
    with service.client() as c:
        references = c.reserve(9000)
        uri = references[0][0]
        c.batch(references, value=1)
        until(lambda: len(fetch_token(c, uri).nonzero()) == 9000, 10, "large tokens")
        stuck = []
        for address, target in ((service.public, path_of(uri)), (service.ops, "/metrics")):
            s = Connection(address, timeout=0.3).open(receive_buffer=2048)
            with contextlib.suppress(TimeoutError):  # the service does not read on either
                for _ in range(100):
                    s.send_request("GET", target)
            stuck.append(s)
        begun = time.monotonic()
        service.stop(15)
        assert time.monotonic() - begun < 8
        for s in stuck:
            s.close()


@pytest.mark.alone
def test_an_end_while_everything_waits(fixture):
    """Redis stands still and calls of all kinds are in flight at the shutdown: it finishes in time and in order."""
    redis = fixture.redis()
    pool = {"size": 8_000_000, "prefetch": {"threshold": 5, "capacity": 10, "underflow-timeout": "60s"}}
    service = fixture.service(redis, {"tests": pool}, redis={"command-timeout": "60s"}, shutdown={"deadline": "500ms"}).start()
    with service.client() as c:
        uri, index = c.reserve()[0]
        until(lambda: service.metric("ring_fill") >= 5, 5, "references")
        redis.pause()
        headers = {"X-Api-Key": c.key, "Content-Type": "application/json"}
        update = json.dumps({"uri": uri, "index": index, "value": 1}).encode()
        batch = json.dumps({"statusListReferences": [{"uri": uri, "index": index}], "value": 1}).encode()
        waiting = []
        for _ in range(4):
            for method, target, body in (("PATCH", "/status-lists/update", update), ("PATCH", "/status-lists/batch-update", batch),
                                         ("GET", f"/status-lists/status?uri={uri}&index={index}", None),
                                         ("POST", "/pools/tests/new-references?amount=10", b"")):
                w = Connection(service.public)
                w.send_request(method, target, headers, body)
                waiting.append(w)
        until(lambda: service.metric("reservation_queue") == 4 and service.metric("store_inflight", None) >= 6, 10, "the waiting")
        begun = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        codes = sorted(w.read_response().problem()["code"] for w in waiting)
        # Batches and first updates were sent; updates that gathered behind them, reads and reservations were not.
        unknown = codes.count("OUTCOME_UNKNOWN")
        assert 5 <= unknown <= 8 and codes.count("UNAVAILABLE") == 16 - unknown
        assert service.wait_end(15) == 0
        assert time.monotonic() - begun < 4
        for w in waiting:
            w.close()


def test_the_embedded_redis_ends_with_the_service(fixture):
    """Killed or ended, by a signal to the process or to its whole group: no redis-server is left behind."""
    service = fixture.service(None)
    references = []
    for end in ("stop", "kill", "group"):
        service.start()
        child, = service.children()
        with service.client() as c:
            references += c.reserve(20)
        if end == "group":
            # As a terminal does it: the child gets the signal too, if it can.
            os.kill(service.process.pid, signal.SIGINT)
            if os.getpgid(child) == os.getpgid(service.process.pid):
                os.kill(child, signal.SIGINT)
            assert service.wait_end() == 0
        else:
            getattr(service, end)()
        until(lambda: not os.path.exists(f"/proc/{child}"), 5, "the end of the child")
    assert "could not give references back" not in service.log()
    assert len(set(references)) == 60


def test_a_second_signal_ends_at_once(fixture):
    redis = fixture.redis()
    service = fixture.service(redis, shutdown={"delay": "30s"}).start()
    service.process.send_signal(signal.SIGINT)
    until(lambda: not service.readiness("")[0], 5, "the first signal")
    service.process.send_signal(signal.SIGTERM)
    assert service.wait_end(5) == 1


def test_usage_names_the_program():
    import subprocess
    r = subprocess.run([str(BINARY), "--help"], capture_output=True, text=True)
    assert r.returncode == 0 and "--check" in r.stdout


def test_an_idle_service_is_quiet(fixture):
    """No work, no logs, hardly any processor time."""
    service = fixture.service(fixture.redis()).start()
    with service.client() as c:
        fetch_token(c, c.reserve()[0][0])
    stat = open(f"/proc/{service.process.pid}/stat").read().split()
    lines = len(service.log().splitlines())
    ends = time.monotonic() + 2
    while time.monotonic() < ends:
        time.sleep(0.1)
    after = open(f"/proc/{service.process.pid}/stat").read().split()
    ticks = int(after[13]) + int(after[14]) - int(stat[13]) - int(stat[14])
    assert ticks <= 10 + 20 * instrumented(), f"{ticks / 100} s of processor time in 2 s"
    assert len(service.log().splitlines()) == lines


def test_how_full_lists_are(fixture):
    """The metrics of the alerts on list fill and token age."""
    pool = {"size": 200, "prefetch": {"threshold": 5, "capacity": 10}, "precreation": {"lists": 2, "check-delay": "100ms"}}
    service = fixture.service(fixture.redis(), {"tests": pool}).start()
    assert service.metric("list_size") == 200 and service.metric("ring_capacity") == 10
    until(lambda: service.metric("ring_fill") == 10 and service.metric("spare_lists") == service.metric("spare_lists_wanted") == 2, 10,
          "what is wanted")
    assert service.metric("list_references_left") == 190
    with service.client() as c:
        for _ in range(9):
            c.reserve(10)
    until(lambda: service.metric("ring_fill") == 10, 10, "a full ring")
    assert 100 <= service.metric("list_references_left") <= 105
    assert service.metric("token_lifetime_seconds") == 3600 and service.metric("pool_differs") == 0
    assert 0 <= time.time() - service.metric("oldest_token_iat_seconds") < 600
