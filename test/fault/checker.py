#!/usr/bin/python3
"""checker.py HISTORY: decides from a history (history.py) whether the service kept its promises; exit status 1 if not.

Each reference has one writer, who writes one value after the other. A value that was read may stand for every write of that value, also
for none where it is 0: it is judged by the newest write that it may be, and taken as known by the oldest, so no right history is refused.
Nearly all values are written once, in an order that is not that of the numbers; some are taken back to what they were before:

  twice       a reference was given out twice: over all instances, restarts and losses, in every mode
  phantom     a value was read that no client wrote, or whose write was refused ("has not happened"), or that was not sent yet
  lost        an acknowledged write is not visible: a status read, or a final fetch, shows an older value. Excused only if Redis
              went back behind it (event loss), never otherwise. With it goes the rule on unknown outcomes: once a later write
              is acknowledged, an earlier one of unknown outcome may not appear any more (so clients write no more to a reference
              after they left without waiting for an answer: that request may be under way still)
  unread      a status that a read showed before is gone again, although Redis did not go back
  back        a reader saw a list go back: within one life of an instance a fetch that began after another had ended shows an
              older value or a smaller iat, whichever workers answered. Nothing excuses it
  unmended    Redis has less, at the end, than an instance that lives on has shown its readers. A final status is a last write: nothing
              that the checker knows comes after it
  half        a batch that is visible in part: within a list at any time, over lists at the end
  unfinished  a reference was written and not read at the end
  record      the history itself breaks its rules

Between instances, and between lives of one, fetches are not compared: an instance may show a token up to update-interval older
than another's. What holds over instances is the end: every one shows every acknowledged write.
"""
import collections
import sys

import history as history_file


class Write:
    """`rank`: how many writes of the reference there were up to it. 0 stands for none."""
    __slots__ = ("value", "rank", "t0", "t1", "outcome", "batch")

    def __init__(self, value, line, batch):
        self.value, self.t0, self.t1, self.outcome, self.batch = value, line["t0"], line["t1"], line["outcome"], batch
        self.rank = 0


class Batch:
    """`ranks`: of its writes, by reference."""
    __slots__ = ("sets", "ranks", "outcome", "excused")

    def __init__(self, line, excused):
        self.ranks = {}
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
        self.losses = [(x["since"], x["t"], x.get("until", x["t"])) for x in self.events if x["event"] == "loss"]
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
        self.of_value = collections.defaultdict(list)  # (reference, value): its writes that may have happened
        self.shown = {}  # reference -> (rank, value), the highest that a living instance has shown

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
        return any(since <= write.t1 and write.t0 <= until and t <= at for since, t, until in self.losses)

    def _gather(self):
        for call in self.calls:
            if call["op"] not in ("update", "batch"):
                continue
            batch = None
            if len(call["sets"]) > 1:
                excused = any(since <= call["t1"] and call["t0"] <= until for since, _, until in self.losses)
                batch = Batch(call, excused)
                self.batches.append(batch)
            for uri, index, value in call["sets"]:
                self.writes[uri, index].append(Write(value, call, batch))
            if call["outcome"] == "ok":
                self.report.acknowledged += len(call["sets"])
            elif call["outcome"] == "unknown":
                self.report.unknown += len(call["sets"])
        for reference, writes in self.writes.items():
            writes.sort(key=lambda w: w.t0)
            for a, b in zip(writes, writes[1:]):
                if a.t1 > b.t0:
                    self.report.violate("record", f"writes of {reference} are not one after the other")
            for rank, w in enumerate(writes, 1):
                w.rank = rank
                if w.outcome != "no":
                    self.of_value[reference, w.value].append(w)
                if w.batch is not None:
                    w.batch.ranks[reference] = rank

    def _newest(self, writes, call):
        """The newest write that this call has to see, or None."""
        for w in reversed(writes):
            if w.outcome == "ok" and w.t1 <= call["t0"] and not self._excused(w, call["t1"]):
                return w
        return None

    def _ranks(self, reference, value, until):
        """The ranks of the writes that a value may come from which was read until then, oldest first; none: nobody can have read it."""
        if reference in self.before:
            if value == self.before[reference]:
                return [2]
            return [0] if value == 0 else [1] if self.losses else []
        found = [0] if value == 0 else []
        return found + [w.rank for w in self.of_value.get((reference, value), ()) if w.t0 <= until]

    def _statuses(self):
        """Redis is one store: a later read of a status returns nothing older."""
        seen = collections.defaultdict(list)  # reference -> [(t1, oldest rank, value)]
        for call in self.calls:
            if call["op"] != "status" or call["outcome"] != "ok":
                continue
            reference, value = tuple(call["ref"]), call["value"]
            where = f"{reference[0]} {reference[1]} is {value}"
            ranks = self._ranks(reference, value, call["t1"])
            if not ranks:
                self.report.violate("phantom", f"{where}, read by status")
                continue
            newest = self._newest(self.writes.get(reference, ()), call)
            if newest is not None and ranks[-1] < newest.rank:
                self.report.violate("lost", f"{where}, {newest.value} was acknowledged")
            for t1, before, value_before in seen[reference]:
                back = any(since <= t1 and t <= call["t1"] for since, t, _ in self.losses)
                if t1 <= call["t0"] and before > ranks[-1] and not back:
                    self.report.violate("unread", f"{where}, {value_before} was read before")
                    break
            seen[reference].append((call["t1"], ranks[0], value))

    def _fetches(self):
        by_list = collections.defaultdict(list)
        for call in self.calls:
            if call["op"] == "fetch" and call["outcome"] == "ok":
                statuses = {}  # index -> (oldest rank, newest rank, value)
                for i, value in call["statuses"].items():
                    ranks = self._ranks((call["uri"], int(i)), value, call["t1"])
                    if ranks:
                        statuses[int(i)] = ranks[0], ranks[-1], value
                    else:
                        self.report.violate("phantom", f"{call['uri']} {i} is {value}, in a token")
                self._whole(call, statuses)
                if call["life"] is not None:
                    by_list[call["instance"], call["life"], call["uri"]].append((call, statuses))
        for (instance, life, uri), fetches in by_list.items():
            self._in_order(f"{uri} by instance {instance} life {life}", fetches)
            if self.alive.get(instance) == life:
                for _, statuses in fetches:
                    for index, (rank, _, value) in statuses.items():
                        self.shown[uri, index] = max((rank, value), self.shown.get((uri, index), (0, 0)))

    def _nothing(self, reference, until):
        """What a token says that does not name an index: (oldest rank, newest rank, 0)."""
        ranks = self._ranks(reference, 0, until)
        return ranks[0], ranks[-1], 0

    def _in_order(self, where, fetches):
        """Fetches come sorted by their begin. What those showed that had ended before is the least for the next."""
        ended = sorted(fetches, key=lambda f: f[0]["t1"])
        least, iat, at, reported = {}, 0, 0, set()
        for call, statuses in fetches:
            while at < len(ended) and ended[at][0]["t1"] <= call["t0"]:
                iat = max(iat, ended[at][0]["iat"])
                for index, (rank, _, value) in ended[at][1].items():
                    least[index] = max((rank, value), least.get(index, (0, 0)))
                at += 1
            if call["iat"] < iat:
                self.report.violate("back", f"{where}: iat {call['iat']} after {iat}")
            for index, (rank, value) in least.items():
                _, now, shown = statuses.get(index) or self._nothing((call["uri"], index), call["t1"])
                if now < rank and index not in reported:
                    reported.add(index)
                    self.report.violate("back", f"{where}: index {index} is {shown} after {value}")

    def _whole(self, call, statuses):
        uri = call["uri"]
        found = [b for i, s in statuses.items() for b in self._by_value().get((uri, i, s[2]), ())]
        for batch in {id(b): b for b in found}.values():
            inside = [(statuses.get(i) or self._nothing((u, i), call["t1"]), rank) for (u, i), rank in batch.ranks.items() if u == uri]
            if self._in_part(inside):
                self.report.violate("half", f"a token of {uri} shows a batch in part: {inside}")

    @staticmethod
    def _in_part(inside):
        """inside: ((oldest, newest, value), rank in the batch). One is surely there and another surely not."""
        return any(s[0] == s[1] == rank for s, rank in inside) and any(s[1] < rank for s, rank in inside)

    def _by_value(self):
        """The batches that have set a reference to a value."""
        if not hasattr(self, "_batches_by_value"):
            self._batches_by_value = collections.defaultdict(list)
            for batch in self.batches:
                if not batch.excused:
                    for r, v in batch.sets.items():
                        self._batches_by_value[(*r, v)].append(batch)
        return self._batches_by_value

    def _end(self):
        final = {}
        for call in self.calls:
            if not call.get("final") or call["outcome"] != "ok":
                continue
            if call["op"] == "status":
                reference = tuple(call["ref"])
                ranks = self._ranks(reference, call["value"], call["t1"])
                final[reference] = (ranks[0], ranks[-1], call["value"]) if ranks else (0, 0, call["value"])
                continue
            uri = call["uri"]
            for reference, writes in self.writes.items():
                if reference[0] == uri:
                    newest, value = self._newest(writes, call), call["statuses"].get(str(reference[1]), 0)
                    ranks = self._ranks(reference, value, call["t1"])
                    if newest is not None and ranks and ranks[-1] < newest.rank:
                        self.report.violate("lost", f"{uri} {reference[1]} is {value} in the last token of instance "
                                                    f"{call['instance']}, {newest.value} was acknowledged")
        for reference, writes in self.writes.items():
            if reference not in final:
                self.report.violate("unfinished", f"{reference} was not read at the end")
                continue
            last = max((w.rank for w in writes if w.outcome == "ok"), default=0)
            self.report.lost += final[reference][1] < last
        for reference, (rank, value) in self.shown.items():
            if reference in final and final[reference][1] < rank:
                self.report.violate("unmended", f"{reference[0]} {reference[1]} is {final[reference][2]}, a living instance "
                                                f"has shown {value}")
        for batch in self.batches:
            inside = [(final.get(r, (0, 0, 0)), rank) for r, rank in batch.ranks.items()]
            if not batch.excused and self._in_part(inside):
                self.report.violate("half", f"a batch is there in part: {inside}")


def check(lines):
    return Checker(lines).run()


if __name__ == "__main__":
    result = check(history_file.read(sys.argv[1]))
    print(result)
    for violation in result.violations[:50]:
        print(violation)
    sys.exit(1 if result.violations else 0)
