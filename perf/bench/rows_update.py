"""Updates beside the usual five commands, with a slow sync and on the disk as it is; batches beside single updates."""
from bench.baselines import Bare, Five
from bench.load import wrk
from bench.machine import SERVER_CORE, say
from bench.rounds import alternate, ratio_row
from bench.service import KEY, Issuer, pool

ONE = [SERVER_CORE]
REFERENCES = 20000


class Updating:
    def __init__(self, fixture, slow, workers=1, cores=ONE, size=100000):
        self.fixture, self.count = fixture, 0
        self.redis = fixture.redis(slow)
        self.step = min(10000, size // 2)
        self.service = fixture.service(self.redis, {"tests": pool(size=size, threshold=min(10000, size // 4),
                                                                capacity=min(40000, size), lists=2)},
                                     workers=workers, cores=cores)
        self.issuer = Issuer(self.service.port)
        self.five = Five(fixture.folder(), self.redis, cores)

    def references(self, n=REFERENCES):
        """A file of references that have not been changed yet, for wrk/update.lua."""
        self.count += 1
        path = self.fixture.directory / f"references-{id(self)}-{self.count}"
        path.write_text("".join(f"{r['uri']} {r['index']}\n" for r in self.issuer.reserve("tests", n, self.step)))
        return str(path)

    def run(self, process, connections, seconds, each=1):
        r = wrk(process, process.port, "/", connections, seconds, script="update.lua",
                arguments=[self.references(), KEY, str(each)])
        r["statuses"] = r["rate"] * each
        return r


def rows(fixture, plan):
    for slow, where, bars in ((True, "sync 2 ms", {10: 3.5, 100: 3.0}), (False, "disk as it is", {10: 2.0, 100: 1.5})):
        u = Updating(fixture, slow)
        for connections, bar in bars.items():
            say(f"  update, {where}, {connections} connections")

            def side(process, u=u, n=connections):
                return lambda: u.run(process, n, plan.seconds)
            r = alternate({"ours": side(u.service), "five commands": side(u.five)}, plan.rounds)
            yield ratio_row(f"update, {where}, {connections} connections", "rate", "/s", r, "five commands", (">=", bar))
        say(f"  batch-update, {where}")
        r = alternate({"ours": lambda u=u: u.run(u.service, 10, plan.seconds, 1000),
                       "single": lambda u=u: u.run(u.service, 10, plan.seconds)}, plan.rounds)
        yield ratio_row(f"batch-update of 1,000, {where}", "statuses", "statuses/s", r, "single", (">=", 50 if slow else 10))
        if not slow:
            yield beside_bare(fixture, plan, u)


def beside_bare(fixture, plan, u):
    say("  update beside the bare POST, 100 connections")
    path = u.issuer.reserve("tests", 1)[0]["uri"].split("/", 3)[3]
    response, body = u.issuer.call("GET", "/" + path)
    bare = Bare(fixture.folder(), response, body, b"{}", ONE)
    r = alternate({"ours": lambda: u.run(u.service, 100, plan.seconds),
                   "bare h2o": lambda: wrk(bare, bare.port, "/", 100, plan.seconds, script="post.lua", arguments=[KEY])},
                  plan.rounds)
    return ratio_row("update beside a bare POST, disk as it is, 100 connections", "rate", "/s", r, "bare h2o", (">=", 0.5))
