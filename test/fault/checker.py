#!/usr/bin/python3
"""checker.py HISTORY: decides from a history (history.py) whether the service kept its promises; exit status 1 if not.

Each reference has one writer, who writes 1, 2, 3, ... one after the other and never a value again, so the order of the writes
can be read off the values and every check is exact:

  twice       a reference was given out twice: over all instances, restarts and losses, in every mode
  phantom     a value was read that no client wrote, or whose write was refused ("has not happened"), or that was not sent yet
  lost        an acknowledged write is not visible: a status read, or a final fetch, shows an older value. Excused only if Redis
              went back behind it (event loss), never otherwise. With it goes the rule on unknown outcomes: once a later write
              is acknowledged, an earlier one of unknown outcome may not appear any more (so clients write no more to a reference
              after they left without waiting for an answer: that request may be under way still)
  unread      a status that a read showed before is gone again, although Redis did not go back
  back        a reader saw a list go back: within one life of an instance a fetch that began after another had ended shows an
              older value or a smaller iat, whichever workers answered. Nothing excuses it
  unmended    Redis has less, at the end, than an instance that lives on has shown its readers
  half        a batch that is visible in part: within a list at any time, over lists at the end
  unfinished  a reference was written and not read at the end
  record      the history itself breaks its rules

Between instances, and between lives of one, fetches are not compared: an instance may show a token up to update-interval older
than another's. What holds over instances is the end: every one shows every acknowledged write.
"""
import bisect
import collections
import sys

import history as history_file


class Write:
    __slots__ = ("value", "t0", "t1", "outcome", "batch")

    def __init__(self, value, line, batch):
        self.value, self.t0, self.t1, self.outcome, self.batch = value, line["t0"], line["t1"], line["outcome"], batch


class Batch:
    __slots__ = ("sets", "outcome", "excused")

    def __init__(self, line, excused):
        self.sets = {(uri, index): value for uri, index, value in line["sets"]}
        self.outcome, self.excused = line["outcome"], excused


class Report:
    def __init__(self):
        self.violations, self.calls = [], collections.Counter()
        self.acknowledged = self.unknown = self.lost = self.references = self.restored = 0

    def violate(self, kind, text):
        self.violations.append(f"{kind}: {text}")

    def kinds(self):
        return {v.partition(":")[0] for v in self.violations}

    def __str__(self):
        return (f"{sum(self.calls.values())} calls, {self.references} references, {self.acknowledged} statuses acknowledged, "
                f"{self.unknown} of unknown outcome, {self.lost} lost, {len(self.violations)} violations")


class Checker:
    def __init__(self, lines):
        self.report = Report()
        self.calls = sorted((x for x in lines if "op" in x), key=lambda x: x["t0"])
        self.events = [x for x in lines if "event" in x]
        self.losses = [(x["since"], x["t"]) for x in self.events if x["event"] == "loss"]
        self.alive = {}  # instance -> life at the end
        for x in self.events:
            if x["event"] == "start":
                self.alive[x["instance"]] = x["life"]
            elif x["event"] == "kill" and self.alive.get(x["instance"]) == x["life"]:
                del self.alive[x["instance"]]
        # What an earlier history has left: {(uri, index): value}, of references that no client writes any more.
        self.before = {(uri, int(i)): v for x in self.events if x["event"] == "before"
                       for uri, statuses in x["lists"].items() for i, v in statuses.items()}
        self.writes, self.batches = collections.defaultdict(list), []
        self.shown = {}  # reference -> highest value that a living instance has shown

    def run(self):
        for call in self.calls:
            self.report.calls[call["op"]] += 1
        self._references()
        self._gather()
        self._statuses()
        self._fetches()
        self._end()
        return self.report

    def _references(self):
        given = {}
        for call in self.calls:
            for uri, index in call.get("refs", ()):
                if (uri, index) in given:
                    other = given[uri, index]
                    self.report.violate("twice", f"{uri} {index}: by instance {other['instance']} life {other['life']} and by "
                                                 f"instance {call['instance']} life {call['life']}")
                given[uri, index] = call
        self.report.references = len(given)

    def _excused(self, write, at):
        """Whether Redis had gone back behind that write at the time of a read."""
        return any(since <= write.t1 and write.t0 <= t <= at for since, t in self.losses)

    def _gather(self):
        for call in self.calls:
            if call["op"] not in ("update", "batch"):
                continue
            batch = None
            if len(call["sets"]) > 1:
                excused = any(since <= call["t1"] and call["t0"] <= t for since, t in self.losses)
                batch = Batch(call, excused)
                self.batches.append(batch)
            for uri, index, value in call["sets"]:
                self.writes[uri, index].append(Write(value, call, batch))
            if call["outcome"] == "ok":
                self.report.acknowledged += len(call["sets"])
            elif call["outcome"] == "unknown":
                self.report.unknown += len(call["sets"])
        for reference, writes in self.writes.items():
            writes.sort(key=lambda w: w.value)
            for a, b in zip(writes, writes[1:]):
                if a.value == b.value or a.t1 > b.t0:
                    self.report.violate("record", f"writes of {reference} are not one after the other")

    def _newest(self, writes, call):
        """The newest write that this call has to see."""
        for w in reversed(writes):
            if w.outcome == "ok" and w.t1 <= call["t0"] and not self._excused(w, call["t1"]):
                return w.value
        return 0

    def _possible(self, reference, value, until):
        if value == 0:
            return True
        if reference in self.before:
            return value <= self.before[reference] if self.losses else value == self.before[reference]
        writes = self.writes.get(reference, ())
        i = bisect.bisect_left(writes, value, key=lambda w: w.value) if writes else 0
        return i < len(writes) and writes[i].value == value and writes[i].outcome != "no" and writes[i].t0 <= until

    def _statuses(self):
        """Redis is one store: a later read of a status returns nothing older."""
        seen = collections.defaultdict(list)  # reference -> [(t1, value)]
        for call in self.calls:
            if call["op"] != "status" or call["outcome"] != "ok":
                continue
            reference, value = tuple(call["ref"]), call["value"]
            where = f"{reference[0]} {reference[1]} is {value}"
            if not self._possible(reference, value, call["t1"]):
                self.report.violate("phantom", f"{where}, read by status")
            newest = self._newest(self.writes.get(reference, ()), call)
            if value < newest:
                self.report.violate("lost", f"{where}, {newest} was acknowledged")
            for t1, before in seen[reference]:
                back = any(since <= t1 and t <= call["t1"] for since, t in self.losses)
                if t1 <= call["t0"] and before > value and not back:
                    self.report.violate("unread", f"{where}, {before} was read before")
                    break
            seen[reference].append((call["t1"], value))

    def _fetches(self):
        by_list = collections.defaultdict(list)
        for call in self.calls:
            if call["op"] == "fetch" and call["outcome"] == "ok":
                statuses = {int(i): v for i, v in call["statuses"].items()}
                for index, value in statuses.items():
                    if not self._possible((call["uri"], index), value, call["t1"]):
                        self.report.violate("phantom", f"{call['uri']} {index} is {value}, in a token")
                self._whole(call["uri"], statuses)
                if call["life"] is not None:
                    by_list[call["instance"], call["life"], call["uri"]].append((call, statuses))
        for (instance, life, uri), fetches in by_list.items():
            self._in_order(f"{uri} by instance {instance} life {life}", fetches)
            if self.alive.get(instance) == life:
                for _, statuses in fetches:
                    for index, value in statuses.items():
                        self.shown[uri, index] = max(value, self.shown.get((uri, index), 0))

    def _in_order(self, where, fetches):
        """Fetches come sorted by their begin. What those showed that had ended before is the least for the next."""
        ended = sorted(fetches, key=lambda f: f[0]["t1"])
        least, iat, at, reported = {}, 0, 0, set()
        for call, statuses in fetches:
            while at < len(ended) and ended[at][0]["t1"] <= call["t0"]:
                iat = max(iat, ended[at][0]["iat"])
                for index, value in ended[at][1].items():
                    least[index] = max(value, least.get(index, 0))
                at += 1
            if call["iat"] < iat:
                self.report.violate("back", f"{where}: iat {call['iat']} after {iat}")
            for index, value in least.items():
                if statuses.get(index, 0) < value and index not in reported:
                    reported.add(index)
                    self.report.violate("back", f"{where}: index {index} is {statuses.get(index, 0)} after {value}")

    def _whole(self, uri, statuses):
        for batch in self._shown_by(uri, statuses):
            inside = [(statuses.get(i, 0), v) for (u, i), v in batch.sets.items() if u == uri]
            if any(x == v for x, v in inside) and any(x < v for x, v in inside):
                self.report.violate("half", f"a token of {uri} shows a batch in part: {inside}")

    def _shown_by(self, uri, statuses):
        """The batches that have a value in the token."""
        if not hasattr(self, "_by_value"):
            self._by_value = {(*r, v): b for b in self.batches if not b.excused for r, v in b.sets.items()}
        found = (self._by_value.get((uri, i, v)) for i, v in statuses.items())
        return {id(b): b for b in found if b is not None}.values()

    def _end(self):
        final = {}
        for call in self.calls:
            if not call.get("final") or call["outcome"] != "ok":
                continue
            if call["op"] == "status":
                final[tuple(call["ref"])] = call["value"]
                continue
            uri = call["uri"]
            for reference, writes in self.writes.items():
                if reference[0] == uri:
                    newest, value = self._newest(writes, call), call["statuses"].get(str(reference[1]), 0)
                    if value < newest:
                        self.report.violate("lost", f"{uri} {reference[1]} is {value} in the last token of instance "
                                                    f"{call['instance']}, {newest} was acknowledged")
        for reference, writes in self.writes.items():
            if reference not in final:
                self.report.violate("unfinished", f"{reference} was not read at the end")
                continue
            last = max((w.value for w in writes if w.outcome == "ok"), default=0)
            self.report.lost += final[reference] < last
        for reference, value in self.shown.items():
            if reference in final and final[reference] < value:
                self.report.violate("unmended", f"{reference[0]} {reference[1]} is {final[reference]}, a living instance "
                                                f"has shown {value}")
        for batch in self.batches:
            values = [(final.get(r, 0), v) for r, v in batch.sets.items()]
            if not batch.excused and any(x == v for x, v in values) and any(x < v for x, v in values):
                self.report.violate("half", f"a batch is there in part: {values}")


def check(lines):
    return Checker(lines).run()


if __name__ == "__main__":
    result = check(history_file.read(sys.argv[1]))
    print(result)
    for violation in result.violations[:50]:
        print(violation)
    sys.exit(1 if result.violations else 0)
