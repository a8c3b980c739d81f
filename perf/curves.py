"""How cost grows. Each point is measured once, with the service on one core unless the curve says otherwise. Each curve is
{"title", "x", "y", "series": {name: [[x, y], ...]}}."""
import socket
import statistics
import time
import urllib.parse

from bench import rows_life, rows_update
from bench.load import wrk
from bench.machine import CORES, SERVER_CORE, memory, say
from bench.service import KEY, Fixture, Issuer, pool, until

ONE = [SERVER_CORE]


def curve(title, x, y, **series):
    return {"title": title, "x": x, "y": y, "series": {k.replace("_", " "): v for k, v in series.items()}}


def point(series, x, y):
    series.append([x, y])
    say(f"    {x:>12,} {y:,.2f}")


# ---- fetch

def fetch_by_size(plan):
    """Lists whose entries are 2 % set; the token grows with the list."""
    rates, processor, sizes, gigabits = [], [], [], []
    for entries in plan.sizes:
        with Fixture() as fixture:
            redis = fixture.redis()
            service = fixture.service(redis, {"tests": pool(size=entries, threshold=10, capacity=20, lists=1)}, cores=ONE)
            service.stop()
            ids = rows_life.fill(redis, ["tests"], entries)
            service.launch()
            path = "/" + ids[0][1]
            size = len(Issuer(service.port).call("GET", path)[1])
            r = wrk(service, service.port, path, 64 if size < 1e6 else 8, plan.seconds)
            point(rates, entries, r["rate"])
            processor.append([entries, r["processor_us"]])
            sizes.append([entries, size])
            gigabits.append([entries, r["rate"] * size * 8 / 1e9])
    return [curve("fetch by list size: rate", "entries, 2 % set", "/s", rate=rates),
            curve("fetch by list size: processor time", "entries, 2 % set", "µs", processor=processor),
            curve("fetch by list size: token", "entries, 2 % set", "bytes", token=sizes),
            curve("fetch by list size: bandwidth", "entries, 2 % set", "Gbit/s", sent=gigabits)]


def fetch_by_lists(plan):
    rates, processor = [], []
    for lists in plan.lists:
        with Fixture() as fixture:
            redis = fixture.redis()
            per, count = min(lists, 1000), -(-lists // 1000)
            pools = {f"pool{i}": pool(size=100000, lists=per, threshold=10, capacity=20) for i in range(count)}
            service = fixture.service(redis, pools, cores=ONE, wait=False)
            until(lambda s=service, n=lists: s.alive() and s.metric("lists") >= n, 120, "all lists are created")
            service.stop()
            ids = rows_life.fill(redis, pools, 100000)
            service.launch()
            until(lambda s=service, n=len(ids): s.metric("lists") >= n, 120, "all lists are known")
            until(lambda s=service: s.metric("lists_unpublished") == 0, 120, "all lists are signed")
            paths = fixture.directory / "paths"
            paths.write_text("".join(f"/{i}\n" for _, i in ids))
            r = wrk(service, service.port, "/", 64, plan.seconds, script="fetch.lua", arguments=[str(paths)])
            point(rates, lists, r["rate"])
            processor.append([lists, r["processor_us"]])
    return [curve("fetch by number of lists: rate", "lists of 100,000", "/s", rate=rates),
            curve("fetch by number of lists: processor time", "lists of 100,000", "µs", processor=processor)]


# ---- reserve

def reserve_by_amount(plan):
    found = {}
    for workers in (1, len(CORES)):
        series = found[f"{workers}_workers"] = []
        for amount in (1, 5, 25, 100, 1000):
            with Fixture() as fixture:
                service = fixture.service(fixture.redis(), {"refs": pool(size=10000000, threshold=150000, capacity=400000)},
                                        workers=workers, cores=ONE if workers == 1 else None)
                until(lambda s=service: s.metric("ring_fill") >= 150000, 60, "the ring is full")
                r = wrk(service, service.port, f"/pools/refs/new-references?amount={amount}", 64, plan.seconds,
                        script="post.lua", arguments=[KEY])
                point(series, amount, r["rate"] * amount)
    return [curve("reserve by amount and workers (all on two cores with wrk)", "references a request", "references/s", **found)]


# ---- update

def update_by_batch(plan):
    with Fixture() as fixture:
        u = rows_update.Updating(fixture, slow=False)
        statuses = []
        for each in (1, 10, 100, 1000, 10000):
            point(statuses, each, u.run(u.service, 10, plan.seconds, each)["statuses"])
    return [curve("update by batch size, 10 connections, disk as it is", "statuses a request", "statuses/s", statuses=statuses)]


def update_by_connections(plan):
    found = {}
    for slow, name in ((True, "sync_2_ms"), (False, "disk_as_it_is")):
        with Fixture() as fixture:
            u = rows_update.Updating(fixture, slow)
            series = found[name] = []
            for connections in (1, 4, 10, 40, 100, 400):
                point(series, connections, u.run(u.service, connections, plan.seconds)["rate"])
    return [curve("update by connections", "connections", "/s", **found)]


def update_by_lists(plan):
    series = []
    for lists in (1, 10, 100, 1000):
        with Fixture() as fixture:
            u = rows_update.Updating(fixture, False, size=rows_update.REFERENCES * 2 // lists)
            point(series, lists, u.run(u.service, 100, plan.seconds)["rate"])
    return [curve("update by lists, 100 connections, disk as it is", "lists touched", "/s", rate=series)]


# ---- publish

def publish_by_size(plan):
    found = {}
    for share, name in ((0.02, "2_percent"), (0.5, "half")):
        series = found[name] = []
        for entries in plan.sizes:
            with Fixture() as fixture:
                redis = fixture.redis()
                service = fixture.service(redis, {"tests": pool(size=entries, threshold=10, capacity=400, lists=1, interval="0s")},
                                        workers=len(CORES), wait=True)
                service.stop()
                for i in redis.client.smembers("statuslist:{tests}:lists"):
                    redis.client.set(f"statuslist:{{tests}}:list:{i.decode()}:data", rows_life.random_bits(entries, share))
                service.launch()
                point(series, entries, visible_ms(service, 20 if entries < 10**7 else 5))
    return [curve("update -> visible by list size (median)", "entries", "ms", **found)]


def visible_ms(service, count):
    issuer, times = Issuer(service.port), []
    references = issuer.reserve("tests", count, step=count)
    path = urllib.parse.urlsplit(references[0]["uri"]).path
    for reference in references:
        etag = issuer.call("GET", path)[0].getheader("etag")
        value = json_value(issuer, reference)
        issuer.call("PATCH", "/status-lists/update", {**reference, "value": 1 - value})
        begun = time.monotonic()
        while issuer.call("GET", path, headers={"If-None-Match": etag}, expect=(200, 304))[0].status == 304:
            time.sleep(0.0002)
        times.append((time.monotonic() - begun) * 1e3)
    return statistics.median(times)


def json_value(issuer, reference):
    import json  # pylint: disable=import-outside-toplevel
    query = urllib.parse.urlencode({"uri": reference["uri"], "index": reference["index"]})
    return json.loads(issuer.call("GET", f"/status-lists/status?{query}")[1])["value"]


# ---- memory and start

def start_by_lists(plan):
    first, signed, resident, sent = [], [], [], []
    for lists in plan.starts:
        with Fixture() as fixture:
            r = rows_life.start_with(fixture, lists)
        point(signed, lists, r["signed"])
        first.append([lists, r["first"]])
        resident.append([lists, r["memory"] / 2**20])
        sent.append([lists, r["tokens"] / 2**20])
    return [curve("start by number of lists", "lists of 100,000", "s", first_answer=first, all_signed=signed),
            curve("memory by number of lists", "lists of 100,000", "MiB", resident=resident, bytes_of_all_variants=sent)]


def memory_by_connections(plan):
    series = []
    with Fixture() as fixture:
        service = fixture.service(fixture.redis(), {"tests": pool()}, workers=len(CORES))
        path = urllib.parse.urlsplit(Issuer(service.port).reserve("tests", 1)[0]["uri"]).path
        before, sockets = memory(service.pid), []
        request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        for connections in plan.connections:
            while len(sockets) < connections:
                s = socket.create_connection(("127.0.0.1", service.port), 10)
                s.sendall(request)
                s.recv(65536)
                sockets.append(s)
            point(series, connections, (memory(service.pid) - before) / 2**20)
        for s in sockets:
            s.close()
    return [curve("memory by connections", "open connections, each has fetched", "MiB more", resident=series)]


class Plan:
    def __init__(self, quick):
        self.seconds = 1 if quick else 3
        self.sizes = (10000, 100000, 1000000) if quick else (10000, 100000, 1000000, 10000000, 100000000)
        self.lists = (1, 100) if quick else (1, 10, 100, 1000, 10000)
        self.starts = (100, 1000) if quick else (10, 100, 1000, 5000, 10000)
        self.connections = (100, 1000) if quick else (100, 1000, 3000, 10000)


ALL = [fetch_by_size, fetch_by_lists, reserve_by_amount, update_by_batch, update_by_connections, update_by_lists,
       publish_by_size, start_by_lists, memory_by_connections]


def all_curves(quick=False):
    plan, found = Plan(quick), []
    for measure in ALL:
        say(f"  {measure.__name__.replace('_', ' ')}")
        try:
            found += measure(plan)
        except (RuntimeError, AssertionError, OSError) as error:
            say(f"    FAILED: {error}")
            found.append(curve(f"{measure.__name__.replace('_', ' ')}: not measured: {error}"[:200], "", ""))
    return found
