"""Lineages, and what a list's data say about the histories that they contain.

A lineage is one history of a pool's data. A new one begins ("is drawn") whenever the data may have gone back or forked, so that two
writes with one (lineage, version) are always the same write. A list's data name the lineages whose writes they contain, each with the
highest version of it: their *line*. From two lines it can be said which data contain which, without comparing a byte.
"""
from typing import NamedTuple

FINAL = 2  # the status that nothing but itself may follow, where the pool says so
STATUSES = 2  # statuses of a list that are looked at
NEVER = 10**9  # a window that does not end


class Lineage(NamedTuple):
    """Ordered by the time of its drawing, which is later than that of any lineage its drawer knew."""

    order: int  # the time, raised above what was known
    drawn: int
    long: bool  # its marks are kept for the long window: something may have been lost before it
    number: int  # the random part of a real one

    def __repr__(self):
        return f"{self.order}{'L' if self.long else 's'}{self.number}"


ROOT = Lineage(0, -NEVER, False, 0)  # of data from before there were lineages; the lowest
NO_CUT = Lineage(-1, -NEVER, False, 0)  # nothing fell out of the line: not the same as the cut at ROOT


class Write(NamedTuple):
    """A ghost: which write put a value there. The rules never look at it; it tells equal values apart."""

    time: int
    lineage: Lineage
    value: int


NOTHING = Write(0, ROOT, 0)


def goes_back(before, after):
    """Whether a reader who saw the write `before` and sees `after` now was led back. A later lineage may well hold an earlier write
    (it did not know the other), and a final status may replace a later one. Here the times of drawing count, whatever the rules say."""
    return after.time < before.time and after.lineage[1:] <= before.lineage[1:] and after.value != FINAL


class State:
    """What a load reads of a list in one transaction: bytes, head, line, cut and marks. A state is never changed after it was read."""

    __slots__ = ("values", "writes", "at", "version", "line", "cut", "below", "marks")

    def __init__(self):
        self.values = [0] * STATUSES
        self.writes = [NOTHING] * STATUSES
        self.at, self.version = ROOT, 0
        self.line = {}  # lineage: the highest version of it that is contained
        self.cut = NO_CUT  # the highest lineage that fell out of the line
        self.below = {}  # what fell out; a real list keeps a digest of it, which tells whether it is the same on two sides
        self.marks = {}  # lineage: the indices acknowledged in it

    def up_to(self, cut):
        """What is known of the lineages up to `cut`, which is not below what fell out."""
        return {**self.below, **{lineage: version for lineage, version in self.line.items() if lineage <= cut}}

    @property
    def head(self):
        return self.at, self.version

    def covers(self, head):
        """Whether the state contains that of `head`, a (lineage, version)."""
        return self.line.get(head[0], 0) >= head[1]

    def state(self):
        """A copy that stays as it is."""
        return self.copy_to(State())

    def copy_to(self, other):
        other.values, other.writes = self.values[:], self.writes[:]
        other.at, other.version, other.cut = self.at, self.version, self.cut
        other.line, other.below = self.line.copy(), self.below.copy()
        other.marks = {lineage: set(indices) for lineage, indices in self.marks.items()}
        return other


class List(State):
    """A list in Redis."""

    __slots__ = ("owner", "cursor", "kind", "returned", "history", "base", "joins")

    def __init__(self, owner):
        super().__init__()
        self.owner = owner  # the run of the process that made it: nobody else takes from it
        self.cursor = 0
        self.kind = "open"  # then "full", or "sealed" where it was made again from what somebody remembered
        self.returned = []
        self.history = set()  # ghosts: (index, write) of all that was ever set in these data
        self.base = {}  # only for the plant `basecopy`
        self.joins = 0  # how often it was joined; in a real list its version tells, which a join raises by far more than updates do

    def copy(self):
        other = self.copy_to(List(self.owner))
        other.cursor, other.kind, other.returned = self.cursor, self.kind, self.returned[:]
        other.history, other.base, other.joins = set(self.history), dict(self.base), self.joins
        return other

    def touch(self, lineage, limit):
        """One more version, in this lineage. A line holds at most `limit` lineages; what falls out of it is remembered by `cut`."""
        self.version += 1
        self.at = lineage
        self.line[lineage] = self.version
        if limit and len(self.line) > limit:
            for old in sorted(self.line)[:-limit]:
                self.below[old] = self.line.pop(old)
                self.cut = max(self.cut, old)
