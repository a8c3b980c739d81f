"""Clients that send more, or leave, while their request waits for Redis: the service neither reads ahead, nor spins, nor leaks."""
import json
import pathlib
import socket
import time

import pytest

from client import Connection, until
from tls import Authority, TlsConnection, pair

pytestmark = pytest.mark.tsan
HEADERS = {"X-Api-Key": "key-of-tests", "Content-Type": "application/json"}


@pytest.fixture(params=["plain", "tls"])
def world_of(request, fixture, tmp_path):
    """The service, its Redis, and how to connect."""
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": {"size": 4000, "update-interval": "0s"}}, redis={"command-timeout": "30s"})
    if request.param == "plain":
        return service.start(), redis, lambda: Connection(service.public)
    authority = Authority(tmp_path)
    service.config["public-url"] = service.config["public-url"].replace("http:", "https:")
    service.config["tls"] = {"public": pair(authority.issue("public"))}
    return service.start(), redis, lambda: TlsConnection(service.public, authority.context())


def reserved(connect, n):
    with connect() as c:
        found = c.request("POST", f"/pools/tests/new-references?amount={n}", HEADERS, b"").json()["references"]
    return [(r["uri"], r["index"]) for r in found]


def update(connection, reference, value=1):
    body = json.dumps({"uri": reference[0], "index": reference[1], "value": value}).encode()
    connection.send_request("PATCH", "/status-lists/update", HEADERS, body)


def waits(service, n=1):
    until(lambda: service.metric("store_inflight", None) >= n, 20, "an update that waits")


def seconds_used(service):
    fields = pathlib.Path(f"/proc/{service.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def idles(service):
    """Between two looks it uses no processor time that the kernel counts: one that spins always does."""
    seen = [seconds_used(service)]

    def still():
        time.sleep(0.2)
        seen.append(seconds_used(service))
        return seen[-1] == seen[-2]

    until(still, 20, "an idle service")


def test_the_next_requests_come_early(world_of):
    service, redis, connect = world_of
    references = reserved(connect, 30)
    with connect() as c:
        redis.pause()
        update(c, references[0])
        waits(service)
        for reference in references[1:]:
            update(c, reference)
        idles(service)
        redis.resume()
        assert [c.read_response().status for _ in references] == [204] * len(references)
        assert not c.buffer
        for uri, index in references:
            answer = c.request("GET", f"/status-lists/status?uri={uri}&index={index}", HEADERS).json()
            assert answer["value"] == 1


def test_half_of_the_next_request_comes_early(world_of):
    service, redis, connect = world_of
    first, second = reserved(connect, 2)
    body = json.dumps({"uri": second[0], "index": second[1], "value": 1})
    whole = ("PATCH /status-lists/update HTTP/1.1\r\nHost: x\r\nX-Api-Key: key-of-tests\r\nContent-Type: application/json\r\n"
             f"Content-Length: {len(body)}\r\n\r\n{body}").encode()
    for cut in (1, 30, len(whole) - len(body) - 1, len(whole) - 1):
        with connect() as c:
            redis.pause()
            update(c, first)
            waits(service)
            c.send(whole[:cut])
            redis.resume()
            assert c.read_response().status == 204
            c.send(whole[cut:])
            assert c.read_response().status == 204 and not c.buffer


def test_the_client_leaves(world_of):
    """The client closes at once, or its sending side first: its request is carried out, and nothing leaks."""
    service, redis, connect = world_of
    gone, listening = reserved(connect, 2)
    redis.pause()
    with connect() as c:
        update(c, gone)
        waits(service)
    half = connect().open()
    update(half, listening)
    idles(service)
    half.sock.shutdown(socket.SHUT_WR)
    idles(service)
    redis.resume()
    if type(half) is Connection:  # TLS cannot be closed by half
        assert half.read_response().status == 204
    half.close()
    until(lambda: service.metric("http_connections", None) <= 1, 20, "the end of the connections")
    with connect() as c:
        for uri, index in (gone, listening):
            target = f"/status-lists/status?uri={uri}&index={index}"
            until(lambda t=target: c.request("GET", t, HEADERS).json()["value"] == 1, 20, "the update")
