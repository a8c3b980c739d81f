"""How long others wait during a batch of 10,000 statuses: a reader on the same worker, and another client of Redis."""
import multiprocessing
import socket
import statistics
import time
import urllib.parse

from bench.machine import SERVER_CORE, say
from bench.rounds import Row
from bench.service import Issuer, pool

ENTRIES = 10000


def ask_on(address, question, over, answer):
    """In a process of its own, asks the same question again and again. answer gets when each began and how long it took."""
    times = []
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as s:
        s.connect(address)
        while not over.is_set():
            begun = time.monotonic()
            s.sendall(question)
            s.recv(65536)
            times.append((begun, time.monotonic() - begun))
            time.sleep(0.0002)
    answer.put(times)


def one_batch(service, redis, issuer, references, value):
    body = {"statusListReferences": references, "value": value}
    path = urllib.parse.urlsplit(references[0]["uri"]).path
    fetch = f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    over, answers, asking = multiprocessing.Event(), [], []
    for address, question in ((("127.0.0.1", service.port), fetch), (redis.socket, b"PING\r\n")):
        answers.append(multiprocessing.Queue())
        asking.append(multiprocessing.Process(target=ask_on, args=(address, question, over, answers[-1]), daemon=True))
        asking[-1].start()
    time.sleep(0.5)
    begun = time.monotonic()
    issuer.call("PATCH", "/status-lists/batch-update", body)
    ended = time.monotonic()
    time.sleep(0.1)
    over.set()
    worst = [max((took for at, took in a.get() if begun - 0.05 <= at <= ended), default=0) * 1e3 for a in answers]
    for p in asking:
        p.join()
    return (ended - begun) * 1e3, *worst


def rows(fixture, plan):
    found = []
    for lists in (1, 10, 100):
        redis = fixture.redis()
        size = 100000 if lists == 1 else ENTRIES // lists // 8 * 8
        service = fixture.service(redis, {"tests": pool(size=size, threshold=min(1000, size // 4), capacity=min(20000, size), lists=2)},
                                workers=1, cores=[SERVER_CORE])
        issuer = Issuer(service.port)
        references = issuer.reserve("tests", ENTRIES, min(1000, size))
        results = [one_batch(service, redis, issuer, references, (i + 1) % 2) for i in range(2 * plan.rounds)]
        took, fetch, ping = (statistics.median(r[i] for r in results) for i in range(3))
        where = f"batch of 10,000 over {len({r['uri'] for r in references})} lists"
        say(f"  {where}: {took:.1f} ms; others wait at most: a fetch {fetch:.1f} ms, Redis {ping:.1f} ms")
        found.append(Row(f"{where}: the longest that a fetch on its worker waits", "ms", fetch, "< 20", fetch < 20,
                         note=f"the batch took {took:.1f} ms, Redis let others wait {ping:.1f} ms (medians of {len(results)})"))
        service.stop()
        redis.stop()
    return found
