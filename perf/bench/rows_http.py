"""Fetch, 304 and reserve on one serving core, beside libh2o alone and nginx."""
import urllib.parse

from bench.baselines import Bare, Nginx
from bench.load import wrk
from bench.machine import LOAD_CORE, SERVER_CORE, say
from bench.rounds import alternate, ratio_row
from bench.service import KEY, Issuer, pool, until

REVOKED = 850  # of 100,000 entries: a token of 2.7 KB
CONNECTIONS = 64
ONE = [SERVER_CORE]


class Fetching:
    """A service on one core with a token of 2.7 KB, and its baselines with the same answer."""

    def __init__(self, fixture, workers=1, cores=ONE, revoked=REVOKED, more=None):
        self.pools = {"tokens": pool(size=100000, threshold=1000, capacity=20000),
                      "refs": pool(size=1000000, threshold=50000, capacity=200000, lists=2), **(more or {})}
        self.fixture, self.cores = fixture, cores
        self.redis = fixture.redis()
        self.service = fixture.service(self.redis, self.pools, workers=workers, cores=cores)
        self.issuer = Issuer(self.service.port)
        references = self.issuer.reserve("tokens", revoked)
        self.uri = references[0]["uri"]
        self.path = urllib.parse.urlsplit(self.uri).path
        before = self.issuer.call("GET", self.path)[0].getheader("etag")
        self.issuer.revoke([r for r in references if r["uri"] == self.uri])
        until(lambda: self.issuer.call("GET", self.path)[0].getheader("etag") != before, 20, "the revocations are published")
        self.response, self.body = self.issuer.call("GET", self.path)
        self.etag = self.response.getheader("etag")
        self.reserved = self.issuer.call("POST", "/pools/tokens/new-references?amount=1")[1]
        say(f"    a token of {len(self.body)} bytes, {len(references)} of 100,000 entries revoked")

    def bare(self, threads=1):
        return Bare(self.fixture.folder(), self.response, self.body, self.reserved, self.cores, threads)

    def nginx(self):
        return Nginx(self.fixture.folder(), self.path, self.response, self.body, self.cores)


def rows(fixture, plan):
    """plan: rounds and seconds."""
    f = Fetching(fixture)
    bare, nginx = f.bare(), f.nginx()
    found = []

    say("  fetch")

    def get(process):
        return lambda: wrk(process, process.port, f.path, CONNECTIONS, plan.seconds)
    r = alternate({"ours": get(f.service), "bare h2o": get(bare), "nginx": get(nginx)}, plan.rounds)
    size = f"{len(f.body)} B token"
    found += [ratio_row(f"fetch, {size}, one core", "rate", "/s", r, "bare h2o", (">=", 0.90)),
              ratio_row(f"fetch, {size}, processor", "processor_us", "µs", r, "bare h2o", ("<=", 1.15)),
              ratio_row("fetch beside nginx", "rate", "/s", r, "nginx", (">=", 1.15)),
              ratio_row("fetch beside nginx, processor", "processor_us", "µs", r, "nginx", (">=", 1.2), turned=True)]

    say("  304")

    def same(process):
        return lambda: wrk(process, process.port, f.path, CONNECTIONS, plan.seconds, [f"If-None-Match: {f.etag}"])
    r = alternate({"ours": same(f.service), "bare h2o": same(bare)}, plan.rounds)
    found += [ratio_row("304, one core", "rate", "/s", r, "bare h2o", (">=", 0.90)),
              ratio_row("304, processor", "processor_us", "µs", r, "bare h2o", ("<=", 1.15))]

    say("  reserve")

    def post(process):
        return lambda: wrk(process, process.port, "/pools/refs/new-references", CONNECTIONS, plan.seconds, script="post.lua",
                           arguments=[KEY])
    r = alternate({"ours": post(f.service), "bare h2o": post(bare)}, plan.rounds)
    found += [ratio_row("reserve, one core", "rate", "/s", r, "bare h2o", (">=", 0.80)),
              ratio_row("reserve, processor", "processor_us", "µs", r, "bare h2o", ("<=", 1.3))]
    assert SERVER_CORE != LOAD_CORE, "two cores are needed"
    return found
