"""Three things that a rate does not show: many clients that ask for a cold list at once, the time until an update is visible, and a start with ten
thousand lists."""
import collections
import multiprocessing
import os
import random
import select
import socket
import statistics
import time
import urllib.parse

from bench.machine import CORES, memory, say
from bench.rounds import Row
from bench.service import Issuer, pool, until


def percentile(values, p):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * p / 100))]


# ---- stampede

def burst(port, path, connections):
    """All connections ask at once; the statuses, how long it took, and how many had asked before the first answer came."""
    sockets, statuses, asked, waiting = [], [], 0, 0
    end = time.monotonic() + 30
    while True:  # the first connection waits for the listener
        s = socket.socket()
        if s.connect_ex(("127.0.0.1", port)) == 0:
            break
        s.close()
        if time.monotonic() > end:
            raise TimeoutError("the service does not listen")
    sockets.append(s)
    for _ in range(connections - 1):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(("127.0.0.1", port))
        sockets.append(s)
    poll = select.epoll()
    by_fd = {s.fileno(): s for s in sockets}
    for fd in by_fd:
        poll.register(fd, select.EPOLLOUT)
    begun = time.monotonic()
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    while len(statuses) < connections and time.monotonic() < begun + 30:
        for fd, event in poll.poll(1):
            if event & select.EPOLLOUT:
                by_fd[fd].send(request)
                asked += 1
                waiting = waiting if statuses else asked
                poll.modify(fd, select.EPOLLIN)
            else:
                try:
                    data = by_fd[fd].recv(65536)
                except OSError:
                    data = b""
                statuses.append(int(data[9:12]) if len(data) > 12 else 0)
                poll.unregister(fd)
    took = time.monotonic() - begun
    for s in sockets:
        s.close()
    return statuses, took, waiting


def stampede(fixture, plan):
    say("  1,000 connections on one cold list")
    redis = fixture.redis()
    pools = {**{f"a{i}": pool(size=100000, lists=1000) for i in range(3)}, "cold": pool(size=100000, lists=0)}
    service = fixture.service(redis, pools, workers=len(CORES))
    issuer = Issuer(service.port)
    references = issuer.reserve("cold", 1000)
    issuer.revoke(references)
    path = urllib.parse.urlsplit(references[0]["uri"]).path
    known = service.metric("lists", "cold")
    found, early = [], []
    for _ in range(plan.rounds):
        service.stop()
        service.launch(wait=False)
        statuses, took, waiting = burst(service.port, path, 1000)
        until(service.ready, 30, "the service is ready")
        loads, signings = service.metric("loads_total", "cold"), service.metric("signings_total", "cold")
        errors = sum(s != 200 for s in statuses) + 1000 - len(statuses)
        if errors:
            say(f"    statuses: {dict(collections.Counter(statuses))}")
        say(f"    {loads:g} loads, {signings:g} signings of {known:g} lists, {errors} errors, "
            f"{waiting} had asked before the first answer, all answered in {took * 1e3:.0f} ms")
        found.append((loads, signings, errors))
        early.append(waiting)
    service.stop()
    worst = [max(x) for x in zip(*found)]
    return [Row("stampede: loads of the cold list", "", worst[0], f"== {known:g}", worst[0] == known,
                note=f"{min(early)} to {max(early)} connections had asked before the first answer"),
            Row("stampede: signings of the cold list", "", worst[1], f"== {known:g}", worst[1] == known),
            Row("stampede: errors of 1,000 connections", "", worst[2], "== 0", worst[2] == 0,
                note="seed 000: the cache was passed by, no iteration ended")]


# ---- update to visible

def visible(fixture, plan):
    say("  update -> visible token, 1,000,000 entries, update-interval 0")
    service = fixture.service(fixture.redis(), {"tests": pool(size=1000000, threshold=10000, capacity=40000, interval="0s")},
                            workers=len(CORES))
    writer, reader = Issuer(service.port), Issuer(service.port)
    references = writer.reserve("tests", 22000)
    writer.revoke(references[:20000])
    path = urllib.parse.urlsplit(references[0]["uri"]).path
    time.sleep(1)
    times = []
    for reference in references[20000:20000 + plan.samples]:
        etag = reader.call("GET", path)[0].getheader("etag")
        writer.call("PATCH", "/status-lists/update", {**reference, "value": 1})
        begun = time.monotonic()
        while reader.call("GET", path, headers={"If-None-Match": etag}, expect=(200, 304))[0].status == 304:
            pass
        times.append((time.monotonic() - begun) * 1e3)
    service.stop()
    p99 = percentile(times, 99)
    say(f"    p50 {statistics.median(times):.1f} ms, p99 {p99:.1f} ms, max {max(times):.1f} ms of {len(times)}")
    return [Row("update -> visible, 1 M entries (2 % revoked), p99", "ms", p99, "< 100", p99 < 100,
                note=f"median {statistics.median(times):.1f} ms, {len(times)} updates")]


# ---- many lists

VARIANTS = ({}, {"Accept-Encoding": "gzip"}, {"Accept": "application/statuslist+cwt"})


def random_bits(entries, share=0.02):
    """Bytes with about 2 % of all bits set (or half of them): ANDs and ORs of random numbers are quick, whatever the size."""
    size = entries // 8

    def random_number():
        return int.from_bytes(os.urandom(size), "little")

    def thinned(times):
        n = random_number()
        for _ in range(times - 1):
            n &= random_number()
        return n
    return (thinned(6) | thinned(8) if share < 0.5 else random_number()).to_bytes(size, "little")


def fill(redis, names, entries):
    """Random statuses for every list, written into Redis as the service would have them."""
    ids = [(name, i.decode()) for name in names for i in redis.client.smembers(f"statuslist:{{{name}}}:lists")]
    contents = [random_bits(entries) for _ in range(min(50, len(ids)))]
    for first in range(0, len(ids), 64):
        with redis.client.pipeline(transaction=False) as pipeline:
            for n, (name, i) in enumerate(ids[first:first + 64], first):
                pipeline.set(f"statuslist:{{{name}}}:list:{i}:data", contents[n % len(contents)])
            pipeline.execute()
    return ids


def read_on(port, paths, over, answer):
    """A reader in a process of its own: it fetches random lists one after another and reports how long each fetch took."""
    times, errors = [], 0
    with socket.create_connection(("127.0.0.1", port), 30) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while not over.is_set():
            begun = time.monotonic()
            s.sendall(f"GET {random.choice(paths)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            data = s.recv(65536)
            head, _, body = data.partition(b"\r\n\r\n")
            at = head.lower().find(b"content-length: ")
            need = int(head[at + 16:].split(b"\r\n")[0])
            while len(body) < need:
                body += s.recv(65536)
            times.append(time.monotonic() - begun)
            errors += data[9:12] != b"200"
            time.sleep(0.002)
    answer.put((times, errors))


def first_answer(service, path):
    begun = service.started
    while True:
        with socket.socket() as s:
            s.settimeout(20)
            if s.connect_ex(("127.0.0.1", service.port)) == 0:
                s.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
                try:
                    if s.recv(4096)[9:12] == b"200":
                        return time.monotonic() - begun
                except OSError:
                    pass
        if time.monotonic() - begun > 30:
            raise TimeoutError("no answer")
        service.alive()


def start_with(fixture, lists, entries=100000):
    """What a service that has this number of lists already needs to start."""
    redis = fixture.redis()
    per, count = (1000, lists // 1000) if lists >= 1000 else (lists, 1)
    pools = {f"pool{i}": pool(size=entries, lists=per, threshold=10, capacity=20) for i in range(count)}
    service = fixture.service(redis, pools, workers=len(CORES), wait=False)
    until(lambda: service.alive() and service.metric("lists") >= lists, 120, "all lists are created", 0.1)
    service.stop()
    ids = fill(redis, pools, entries)
    service.launch(wait=False)
    paths = ["/" + i for _, i in ids]
    first = first_answer(service, paths[len(paths) // 2])
    over, answer = multiprocessing.Event(), multiprocessing.Queue()
    readers = [multiprocessing.Process(target=read_on, args=(service.port, paths, over, answer), daemon=True) for _ in range(2)]
    for r in readers:
        r.start()
    until(lambda: service.metric("lists") >= lists and service.metric("lists_unpublished") == 0, 120, "all lists are signed", 0.1)
    signed = time.monotonic() - service.started
    over.set()
    answers = [answer.get(timeout=30) for _ in readers]
    for r in readers:
        r.join()
    times = [t for found, _ in answers for t in found]
    sample = Issuer(service.port)
    sent = 0
    for path in random.sample(paths, min(200, len(paths))):
        for variant in VARIANTS:
            response, data = sample.call("GET", path, headers=variant, expect=(200, 406))
            sent += len(data) if response.status == 200 else 0
    result = {"first": first, "signed": signed, "p99_ms": percentile(times, 99) * 1e3 if times else 0.0, "fetches": len(times),
              "errors": sum(n for _, n in answers), "memory": memory(service.pid),
              "tokens": sent / min(200, len(paths)) * len(paths), "counted": service.metric("token_bytes"), "lists": len(ids)}
    service.stop()
    redis.stop()
    return result


def many(fixture, plan):
    say("  10,000 lists of 100,000 entries: creating them, then a start")
    r = start_with(fixture, 10000)
    bound = 1.5 * (r["tokens"] + 256 * r["lists"])
    say(f"    first answer {r['first']:.2f} s, all signed {r['signed']:.2f} s, p99 {r['p99_ms']:.1f} ms of {r['fetches']}, "
        f"{r['memory'] / 2**20:.0f} MiB, tokens {r['tokens'] / 2**20:.0f} MiB")
    return [Row("start with 10,000 lists: first answer", "s", r["first"], "< 1", r["first"] < 1),
            Row("start with 10,000 lists: all signed", "s", r["signed"], "< 15", r["signed"] < 15),
            Row("start with 10,000 lists: fetch p99 until then", "ms", r["p99_ms"], "< 20 and no error",
                r["p99_ms"] < 20 and r["errors"] == 0, note=f"{r['fetches']} fetches, {r['errors']} errors"),
            Row("start with 10,000 lists: memory", "MiB", r["memory"] / 2**20, f"< {bound / 2**20:.0f}", r["memory"] < bound,
                note=f"all variants {r['tokens'] / 2**20:.0f} MiB, metric {r['counted'] / 2**20:.0f} MiB")]
