"""Where lists live and where the service listens: former public-urls, several addresses, both families."""
import re
import socket
import subprocess

from client import Connection, path_of, until
from processes import BINARY, free_port, instrumented
from tokens import fetch_token

PATIENCE = 60 if instrumented() else 20


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
        return True
    except OSError:
        return False


def fetch(service, path):
    with Connection(service.public) as c:
        return c.request("GET", path)


def test_a_list_is_served_at_the_path_of_its_own_uri(fixture):
    """Also after public-url has got another path, another host, and back; references of open lists lead there as well."""
    service = fixture.service(fixture.redis(), {"tests": {"update-interval": "0s"}}).start()
    host = service.config["public-url"]
    first = []
    with service.client() as c:
        first += c.reserve(2)
        assert fetch(service, "/x" + path_of(first[0][0])).problem()["code"] == "NO_SUCH_LIST"
    for url in (f"{host}/status", f"{host}/a/b", "https://lists.example/status", host):
        service.stop()
        service.config["public-url"] = url
        service.start()
        with service.client() as c:
            uri, index = c.reserve()[0]
            first.append((uri, index))
            for u, i in first:
                path = "/" + u.split("/", 3)[3]
                r = fetch(service, path)
                assert r.status == 200, (url, u)
                c.update(u, i, 1)
                until(lambda: fetch_token(c, u).status(i) == 1, PATIENCE, "the update")
                wrong = "/elsewhere/" + u.rsplit("/", 1)[1]
                assert fetch(service, wrong).problem()["code"] == "NO_SUCH_LIST"
            unknown = "/old/" + "0" * 8 + "-0000-4000-8000-" + "0" * 12
            assert fetch(service, unknown).problem()["code"] == "NO_SUCH_LIST"
        told = "lists keep the URIs of a former public-url" in service.log()
    assert told and "nobody can fetch it" not in service.log()


def test_lists_behind_a_route_are_named_at_the_start(fixture):
    """The path of a list whose URI was made elsewhere is that of an aggregation: the route wins, and the start says so."""
    redis = fixture.redis()
    service = fixture.service(redis, public_url="http://127.0.0.1:1/aggregation")
    r = subprocess.run([str(BINARY), "--config", str(service.write_config()), "--check"], capture_output=True, text=True,
                       env=service.environment(), stdin=subprocess.DEVNULL)
    assert r.returncode == 0 and "app.public-url: has a path that begins like one of the service's own" in r.stderr
    service.start()
    with service.client() as c:
        uri = c.reserve()[0][0]
        path = "/" + uri.split("/", 3)[3]
        assert fetch(service, path).status == 200  # while public-url is what it is
    service.stop()
    service.config["public-url"] = "http://127.0.0.1:1"
    service.start()
    assert fetch(service, "/aggregation/" + path.rsplit("/", 1)[1]).problem()["code"] in ("NO_SUCH_POOL", "NOT_FOUND")
    log = service.log()
    lost = re.findall(r'is another route of the service: nobody can fetch it" pool="tests" list="([^"]*)"', log)
    assert uri in lost and f"lists cannot be fetched at their own URIs\" lists={len(lost)}" in log


def test_several_addresses_and_both_families(fixture):
    six = has_ipv6()
    service = fixture.service(fixture.redis())
    every, other, named, issuer = (free_port() for _ in range(4))
    unix = fixture.directory / "public.sock"
    service.config["listen"] = {"public": [f"*:{every}", f"127.0.0.1:{other}", f"unix:{unix}"], "issuer": f"localhost:{issuer}",
                                "ops": [f"unix:{service.ops}", f"127.0.0.1:{named}"]}
    service.issuer = ("127.0.0.1", issuer)
    service.public = ("127.0.0.1", every)
    service.start()
    assert f'public="*:{every}, 127.0.0.1:{other}, unix:{unix}"' in service.log()
    with service.client() as c:
        uri = c.reserve()[0][0]
    places = [("127.0.0.1", every), ("127.0.0.1", other), str(unix)] + [("::1", every)] * six
    for place in places:
        with Connection(place) as c:
            assert c.request("GET", path_of(uri)).status == 200, place
            assert c.request("POST", "/pools/tests/new-references").status == 404  # the issuers' are elsewhere
    for place in {(a[4][0], issuer) for a in socket.getaddrinfo("localhost", 0, type=socket.SOCK_STREAM) if six or a[0] == socket.AF_INET}:
        with Connection(place) as c:
            assert c.request("POST", "/pools/tests/new-references").status == 401, place
    with Connection(("127.0.0.1", named)) as c:
        assert c.request("GET", "/livez").status == 200


def test_an_address_that_cannot_be_had(fixture):
    """Each with its own reason; none of them leaves the service half there."""
    service = fixture.service(fixture.redis())
    port = service.public[1]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        for address, words in (("no-such-host.invalid:80", "the name of an address cannot be resolved"),
                               (f"127.0.0.1:{taken.getsockname()[1]}", "in use"), ("192.0.2.1:80", "Cannot assign requested address"),
                               ("unix:/nowhere/at/all", "No such file")):
            service.config["listen"]["public"] = [f"127.0.0.1:{port}", address]
            service.spawn()
            assert service.wait_end(PATIENCE) == 1
            assert words in service.log().split("app.redis")[-1] and address in service.log(), address
    service.config["listen"]["public"] = f"127.0.0.1:{port}"
    service.start()


def test_a_uri_that_differs_in_its_host_is_told(fixture):
    """Who may use the list hears its URI; nobody else."""
    service = fixture.service(fixture.redis(), {"tests": {}, "others": {}}).start()
    with service.client() as c, service.client("others") as stranger:
        uri, index = c.reserve()[0]
        wrong = uri.replace("http://127.0.0.1", "https://localhost")
        for r in (c.try_update(wrong, index, 1), c.try_batch([(wrong, index, 1)]), c.try_status(wrong, index)):
            assert r.status == 400 and f"he URI of this list is {uri}" in r.problem()["detail"], r
        for r in (stranger.try_update(wrong, index, 1), stranger.try_batch([(wrong, index, 1)]), stranger.try_update(uri, index, 1)):
            assert r.status == 400 and "127.0.0.1" not in r.problem()["detail"], r
