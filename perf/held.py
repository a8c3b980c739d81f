"""script/perf held: how long a write is held when another process begins a new lineage of the pool.

One instance writes without a pause, each write after the answer to the one before; another starts and ends on the same Redis (append-only
file, sync at each write), so a new lineage begins each time. What counts is the longest write of each start, beside the median of the
others. A held write waits for four replies of Redis, one after the other: its refusal, the opening of the pool, the reading of what
has changed, and its own. Bar: the median of the starts takes at most 5 ms more than other writes."""
import shutil
import statistics
import tempfile
import threading
import time

from bench.machine import RESULTS, say
from bench.service import processes

STARTS, PAUSE_S, BAR_MS = 20, 0.3, 5.0


class Writer:
    """Writes on one connection; notes when each began and how long it took."""

    def __init__(self, service):
        self.took, self.stopping, self.service = [], threading.Event(), service
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        with self.service.client() as c:
            uri, index = c.reserve()[0]
            value = 1
            while not self.stopping.is_set():
                began = time.monotonic()
                c.update(uri, index, value)
                self.took.append((began, (time.monotonic() - began) * 1e3))
                value = 1 - value

    def end(self):
        self.stopping.set()
        self.thread.join()


def main():
    fixture = processes.Fixture(prefix="sl-perf-", place=tempfile.gettempdir())
    try:
        redis = fixture.redis("always")
        writer_service = fixture.service(redis, {"tests": {"size": 10000}}).start()
        other = fixture.service(redis, {"tests": {"size": 10000}})
        writer = Writer(writer_service)
        writer.thread.start()
        held = []
        for n in range(STARTS):
            time.sleep(PAUSE_S)
            began = time.monotonic()
            other.start()
            time.sleep(PAUSE_S)
            held.append(max(ms for at, ms in list(writer.took) if at >= began))
            other.stop()
            say(f"start {n + 1}: the longest write took {held[-1]:.2f} ms")
        writer.end()
        usual = statistics.median(ms for _, ms in writer.took)
        refused = writer_service.metric("history_refusals_total")
    finally:
        fixture.end()
        shutil.rmtree(fixture.directory, ignore_errors=True)
    more = statistics.median(held) - usual
    text = (f"writes: {len(writer.took)}, median {usual:.2f} ms; refused for their history: {refused:.0f}\n"
            f"the longest of each of {STARTS} starts: median {statistics.median(held):.2f} ms, most {max(held):.2f} ms\n"
            f"held for {more:.2f} ms   bar {BAR_MS} ms   {'reached' if more <= BAR_MS else 'MISSED'}\n")
    print("\n" + text)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "held.txt").write_text(text)
    return 0 if more <= BAR_MS else 1
