"""The end of a service: until `shutdown.delay` is over everything is as before, and whoever is ending, or has not read its lists
yet, calls no list unknown."""
import signal
import time
import uuid
from email.utils import parsedate_to_datetime

import pytest

from client import Connection, path_of, until
from processes import instrumented
from tokens import fetch_token


def moment(text):
    return parsedate_to_datetime(text).timestamp()


class Traffic:
    """What issuers and verifiers do, each call on a connection of its own as behind a balancer that has not looked yet."""

    def __init__(self, service):
        self.service = service
        self.rounds, self.promises = 0, []

    def one_round(self):
        """False once connections are refused."""
        with self.service.client() as c:
            try:
                c.connection.open()
            except OSError:
                return False
            references = c.reserve(20)  # as many as are ready at once: each call needs a refill
            uri, index = references[self.rounds % 20]
            r = c.try_update(uri, index, 1)
            assert r.status == 204, r
            self.promises.append((moment(r["status-visible-by"]), uri, index))
            headers = {"X-Api-Key": c.key, "Content-Type": "application/json", "Prefer": "wait=3"}
            other = references[(self.rounds + 1) % 20]
            body = b'{"uri": "%s", "index": %d, "value": 1}' % (other[0].encode(), other[1])
            held = c.issuer.request("PATCH", "/status-lists/update", headers, body)
            assert held.status == 204 and held["preference-applied"] == "wait=3", (held, held.fields)
            assert fetch_token(c, other[0]).status(other[1]) == 1
            lists = c.get("/aggregation/tests")
            assert lists.status == 200 and uri in lists.json()["status_lists"], lists
            assert c.get(f"/{uuid.uuid4()}").status == 404
            self.keep_promises(c)
        self.rounds += 1
        return True

    def keep_promises(self, c):
        due = [p for p in self.promises if p[0] <= time.time()]
        self.promises = [p for p in self.promises if p not in due]
        for by, uri, index in due:
            assert fetch_token(c, uri).status(index) == 1, f"promised for {by}, and it is {time.time()}"


def test_all_goes_on_until_the_delay_is_over(fixture):
    """Refills, publications, renewals of tokens that live for a moment, held answers and promises: everything but readiness."""
    pool = {"ttl": "1s", "list-lifetime": "4s", "update-interval": "0s", "prefetch": {"threshold": 20, "capacity": 30}}
    seconds = 6
    service = fixture.service(None, {"tests": pool}, shutdown={"delay": f"{seconds}s", "deadline": "5s"}).start()
    traffic = Traffic(service)
    assert traffic.one_round()
    begun = time.monotonic()
    service.process.send_signal(signal.SIGTERM)
    until(lambda: not service.readiness("")[0], 5, "unready")
    assert service.readiness("")[1].startswith("shutdown") and service.readiness()[1].startswith("shutdown")
    before = traffic.rounds
    service.options()["api-key"], leaked = "another-key", service.key("tests")
    service.write_config()
    service.process.send_signal(signal.SIGHUP)
    with service.client(key=leaked) as c:
        until(lambda: c.try_reserve().status == 401, 5, "the leaked key to be refused")
    while time.monotonic() - begun < seconds - 1 - instrumented():  # in the last second a round could meet the end
        assert traffic.one_round(), "connections are refused although the delay is not over"
    assert traffic.rounds > before + 3
    assert service.wait_end(30) == 0


@pytest.mark.parametrize("delay", ["0s", "1500ms"])
def test_who_has_not_read_its_lists_calls_none_unknown(fixture, delay):
    """Redis cannot be reached, so nothing is known: 503 before the signal, during the delay, and to the end."""
    redis = fixture.redis()
    with fixture.service(redis).start().client() as c:
        uri, index = c.reserve()[0]
    fixture.services[0].stop()
    redis.kill()
    service = fixture.service(redis, shutdown={"delay": delay, "deadline": "5s"})
    service.config["public-url"] = fixture.services[0].config["public-url"]
    service.spawn()
    body = b'{"uri": "%s", "index": %d, "value": 1}' % (uri.encode(), index)
    batch = b'{"statusListReferences": [{"uri": "%s", "index": %d}], "value": 1}' % (uri.encode(), index)
    headers = {"X-Api-Key": service.key("tests"), "Content-Type": "application/json"}

    def ask_all():
        """False once connections are refused or closed: no answer is no wrong answer."""
        asked = 0
        for call in (("GET", path_of(uri)), ("GET", "/aggregation/tests"), ("PATCH", "/status-lists/update", headers, body),
                     ("PATCH", "/status-lists/batch-update", headers, batch)):
            try:
                with Connection(service.public) as c:
                    r = c.request(*call)
            except OSError:
                continue
            assert r.status == 503 and r["cache-control"] == "no-store", (call, r, r.fields)
            asked += 1
        return asked

    until(ask_all, 20, "the first answers")
    service.process.send_signal(signal.SIGTERM)
    while ask_all():
        pass
    assert service.wait_end(20) == 0


def test_listeners_take_who_waits_before_they_close(fixture):
    """Connections that the kernel has taken, and their requests, while the service stood still: all are answered, none is reset."""
    service = fixture.service(None, shutdown={"deadline": "5s"}).start()
    with service.client() as c:
        path = path_of(c.reserve()[0][0])
        assert c.get(path).status == 200
    service.pause()
    waiting = [Connection(service.public).open() for _ in range(100)]
    for w in waiting:
        w.send_request("GET", path)
    service.process.send_signal(signal.SIGTERM)
    service.resume()
    answers = [w.read_response() for w in waiting]
    assert [r.status for r in answers] == [200] * 100
    assert all(w.closed_by_peer() for w in waiting)
    assert service.wait_end(20) == 0
