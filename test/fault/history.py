"""What clients did, which answers they got, and what was done to the service: one JSON object a line, times monotonic in ns.

A call has `op` (reserve, update, batch, status, fetch), `t0`, `t1`, `instance`, `life` (which start of that instance; null
when it changed during the call), `code` and `outcome`:
  ok       answered with success
  no       refused, or never sent: it has not happened
  unknown  503 OUTCOME_UNKNOWN, a cut connection, or no answer in time: it may have happened, or may yet
and besides: `refs` of a reserve, `sets` [[uri, index, value], ...] of update and batch, `ref`, `value`, `version` of a status,
`uri`, `iat`, `exp`, `statuses` {index: value} of a fetch. `final` marks the reads after everything has come to rest.

An event has `event` and `t`: start, kill (of an instance: `instance`, `life`), fault, healed, loss (at some moment from `t` until
`until`, or just at `t`, the data of Redis went back to what it was at `since`), before (`lists`: what an earlier history has left, {uri: {index: value}}), end.
"""
import json
import threading
import time


def now():
    return time.monotonic_ns()


class History:
    def __init__(self, path=None):
        self.lines, self.lock = [], threading.Lock()
        self.file = open(path, "w", encoding="utf-8") if path is not None else None

    def add(self, line):
        with self.lock:
            self.lines.append(line)
            if self.file is not None:
                self.file.write(json.dumps(line, separators=(",", ":")) + "\n")

    def event(self, event, **fields):
        line = {"event": event, "t": now(), **fields}
        self.add(line)
        return line["t"]

    def close(self):
        if self.file is not None:
            self.file.close()
            self.file = None


def read(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]
