#!/usr/bin/python3
"""script/profile SCENARIO [SECONDS]: a flame graph of the service under one kind of load, by sampling (perf, cpu-clock)."""
import collections
import re
import subprocess
import sys
import threading
import time

from bench import machine, rows_http, rows_life, rows_update
from bench.load import show, wrk
from bench.machine import CORES, RESULTS, say, tool
from bench.service import KEY, Fixture, pool, until


def fetch(fixture, seconds, headers=()):
    f = rows_http.Fetching(fixture)
    if headers:
        headers = [f"If-None-Match: {f.etag}"]
    return f.service, lambda: wrk(f.service, f.service.port, f.path, 64, seconds, headers)


def reserve(fixture, seconds):
    f = rows_http.Fetching(fixture)
    return f.service, lambda: wrk(f.service, f.service.port, "/pools/refs/new-references", 64, seconds, script="post.lua",
                                  arguments=[KEY])


def update(fixture, seconds, each=1):
    u = rows_update.Updating(fixture, slow=False)
    return u.service, lambda: u.run(u.service, 10 if each > 1 else 100, seconds, each)


def start(fixture, seconds):
    """Signing 5,000 lists after a start."""
    redis = fixture.redis()
    pools = {f"pool{i}": pool(size=100000, lists=1000, threshold=10, capacity=20) for i in range(5)}
    service = fixture.service(redis, pools, workers=len(CORES), wait=False)
    until(lambda: service.metric("lists") >= 5000, 120, "all lists are created")
    service.stop()
    rows_life.fill(redis, pools, 100000)
    service.launch(wait=False)

    def work():
        until(lambda: service.metric("lists") >= 5000 and service.metric("lists_unpublished") == 0, 120, "all lists are signed", 0.1)
        return {"seconds": time.monotonic() - service.started}
    return service, work


SCENARIOS = {"fetch": fetch, "304": lambda p, s: fetch(p, s, True), "reserve": reserve, "update": update,
             "batch": lambda p, s: update(p, s, 1000), "start": start}


def record(service, work, data):
    perf = subprocess.Popen([tool("perf"), "record", "-e", "cpu-clock", "-F", "997", "-g", "-p", str(service.pid), "-o", data],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        done = threading.Event()
        threading.Thread(target=lambda: (perf.wait(), done.set()), daemon=True).start()
        if done.wait(0.3):
            raise SystemExit("profile: perf record ended at once: are perf events allowed here (kernel.perf_event_paranoid)?")
        show("under perf", work())
    finally:
        if perf.poll() is None:
            perf.send_signal(2)
        perf.wait()


def tops(folded, count=25):
    """Self and total shares from folded stacks."""
    own, total, all_samples = collections.Counter(), collections.Counter(), 0
    for line in folded.splitlines():
        stack, _, n = line.rpartition(" ")
        frames, n = [re.sub(r"_\[k\]$", " (kernel)", f) for f in stack.split(";")], int(n)
        own[frames[-1]] += n
        for f in set(frames):
            total[f] += n
        all_samples += n
    print(f"{all_samples / 1e9:.1f} s of processor time sampled\n{'self':>7} {'total':>7}")
    for name, n in own.most_common(count):
        print(f"{n / all_samples:7.1%} {total[name] / all_samples:7.1%}  {name}")
    print("with what they call:")
    for name, n in total.most_common(60):
        if name.startswith("sl_") or name.startswith("h2o_"):
            print(f"{own[name] / all_samples:7.1%} {n / all_samples:7.1%}  {name}")


def main(arguments):
    if not arguments or arguments[0] not in SCENARIOS:
        say(f"usage: script/profile {'|'.join(SCENARIOS)} [SECONDS]")
        return 2
    name, seconds = arguments[0], int(arguments[1]) if len(arguments) > 1 else 10
    machine.build()
    RESULTS.mkdir(exist_ok=True)
    with Fixture() as fixture:
        service, work = SCENARIOS[name](fixture, seconds)
        data = str(fixture.directory / "perf.data")
        record(service, work, data)
        script = subprocess.run([tool("perf"), "script", "-i", data], capture_output=True, check=True).stdout
        folded = subprocess.run([tool("inferno-collapse-perf"), "--kernel"], input=script, capture_output=True,
                                check=True).stdout
        svg = subprocess.run([tool("inferno-flamegraph"), "--title", f"statuslistd: {name}"], input=folded, capture_output=True,
                             check=True).stdout
    path = RESULTS / f"flame-{name}.svg"
    path.write_bytes(svg)
    tops(folded.decode())
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
