"""A Redis server with one pool's data, and the scripts that run in it. A script is one step; everything between two scripts interleaves.

A script that changes anything is fenced: it raises the pool's number of changes, and that number tells whether the caller knows the
present history. A drawing raises it by so much that the numbers of two lineages do not meet; so one lineage, compared where the list
has it at hand, and one number are enough. A refused script has changed nothing.
"""
import join
from lineage import FINAL, ROOT, STATUSES, Lineage, List, Write

HISTORY = "history"  # the answer to a caller who does not know the present history
AGAIN, TOO_MANY = "again", "too many"  # a join in pieces has to begin again; in a lineage in which less is marked
JUMP = 2**22  # by which a drawing raises the number of changes, at least
REACH = 2**20  # how far a caller may be behind
FOLDED = 8  # how many ids of folded lineages are kept (a real pool: 64)
CAPACITY = 5  # indices of a list


class Pool:
    def __init__(self):
        self.chain = [ROOT]  # the present lineage is the last one; before it its parents
        self.ends = {}  # of a parent: the number of changes when it ended
        self.folded = []
        self.begun = 0  # the number of changes when the present lineage began
        self.replid = None  # under which it was drawn
        self.change = 0
        self.lists = {}

    @property
    def lineage(self):
        return self.chain[-1]

    def end(self, lineage):
        return self.change if lineage == self.lineage else self.ends[lineage]

    def after(self, lineage):
        return self.chain[self.chain.index(lineage) + 1:]

    def contains(self, position):
        """Whether the data contain all that somebody has seen who stands at (lineage, number of changes)."""
        lineage, least = position
        return lineage in self.chain and self.end(lineage) >= least

    def copy(self):
        other = Pool()
        other.chain, other.ends, other.folded = self.chain[:], self.ends.copy(), self.folded[:]
        other.begun, other.replid, other.change = self.begun, self.replid, self.change
        other.lists = {number: data.copy() for number, data in self.lists.items()}
        return other


class Server:
    def __init__(self, world, name, primary):
        self.world, self.rules, self.name = world, world.rules, name
        self.primary = primary
        self.pool = Pool()
        self.up = True
        self.run, self.replid = world.unique(), world.unique()

    def serves(self):
        return self.up and self.primary

    def drop_connections(self):
        self.run = self.world.unique()

    # ---- what the scripts share

    def fence(self, caller, data=None, compare=True):
        """Whether the caller knows the present history; then the number of changes is raised. `data`: the list that is changed."""
        pool = self.pool
        number = pool.change + 1
        if compare:
            if self.rules.fence_change:
                reach = REACH if self.rules.fence_lineage else 2**60
                if not caller.least < number <= caller.least + reach:
                    return False
                known = data is not None and data.at == caller.lineage
            else:
                known = False
            if self.rules.fence_lineage and not known and pool.lineage != caller.lineage:
                return False
        pool.change = number
        return True

    def draw(self, why, top):
        """A new lineage. `top`: the highest that the drawer knows. One in which nothing was written is folded into its parent."""
        world, pool = self.world, self.pool
        parent = pool.lineage
        order = max(world.now, parent.order + 1, top.order + 1) if self.rules.order_by_time else parent.order + 1
        lineage = Lineage(order, max(world.now, order) if self.rules.order_by_time else world.now, why != "first open", world.unique())
        pool.ends[parent] = pool.change
        pool.chain.append(lineage)
        if pool.change == pool.begun and len(pool.chain) > 2:
            pool.chain.remove(parent)
            del pool.ends[parent]
            if self.rules.keep_folded:
                pool.folded = (pool.folded + [parent])[-FOLDED:]
        if world.limit:
            for old in pool.chain[:-world.limit]:
                del pool.ends[old]
            del pool.chain[:-world.limit]
        pool.change += (JUMP + world.random.below(2**24)) if self.rules.jump_at_drawing else 0
        pool.begun, pool.replid = pool.change, self.replid
        world.drawings += 1
        world.say("draw", self.name, lineage, why)

    # ---- the keeper's scripts

    def open_pool(self, process, found_back):
        """Draws where it has to; the caller reads the answer from the pool, in the same step."""
        pool, rules = self.pool, self.rules
        top = process.highest_known()
        if pool.replid != self.replid and rules.draw_at_new_replid:
            self.draw("replication id", top)
        elif process.first and rules.draw_at_start:
            self.draw("first open", top)
        elif process.lineage is not None and not pool.contains(process.position(pool)) and rules.draw_when_back:
            self.draw("gone back", top)
        elif found_back and (process.lineage == pool.lineage or top > pool.lineage) and rules.draw_when_back:
            self.draw("a list went back", top)

    def take(self, process, wanted):
        """References from the caller's own lists, each from where the caller says it stands; a new list for the rest. None: refused."""
        pool, rules = self.pool, self.rules
        if not self.fence(process, compare=rules.fence_take):
            return None
        taken = []
        for number, data in pool.lists.items():
            if data.kind != "open" or rules.owners and (data.owner != process.run or number not in process.positions):
                continue
            first = max(data.cursor, process.positions.get(number, 0) if rules.positions else 0)
            last = min(CAPACITY, first + wanted - len(taken))
            taken += [(number, index) for index in range(first, last)]
            data.cursor = max(last, first)
            if data.cursor >= CAPACITY:
                data.kind = "full"
            if len(taken) >= wanted:
                return taken
        number = self.world.unique()
        data = pool.lists[number] = List(process.run)
        data.touch(process.lineage, self.world.limit)
        data.cursor = min(CAPACITY, wanted - len(taken))
        return taken + [(number, index) for index in range(data.cursor)]

    def inherit(self, process, estate):
        """The lists of the run that wrote the hand-over file are the caller's from now on: {list: (position, references that came
        back)}."""
        if not self.fence(process):
            return None
        inherited = {}
        for number, position in estate.positions.items():
            data = self.pool.lists.get(number)
            if data is None or data.kind != "open" or data.owner != estate.run:
                continue
            if self.rules.file_is_consumed:
                data.owner = process.run
            data.cursor = max(data.cursor, position)
            inherited[number] = (data.cursor, data.returned)
            data.returned = []
        return inherited

    def give_back(self, process):
        """References that were not handed out go back to their list, for the heir."""
        if not self.fence(process):
            return
        for number, data in self.pool.lists.items():
            if data.owner == process.run and data.kind in ("open", "full") and number in process.positions:
                data.returned = [index for other, index in process.ring if other == number]
                data.cursor = max(data.cursor, process.positions[number])
                if data.returned:
                    data.kind = "open"

    def mend(self, process, number, theirs):
        """Joins what the caller remembers of a list into what is there. Answers Pieces where the list is long: then it is put together
        beside itself, by `add_piece` and `end_join`."""
        ours = self.pool.lists.get(number)
        if not self.fence(process):
            return HISTORY
        if ours is not None and ours.covers(theirs.head):
            return "covered"
        if self.world.long_lists:
            late = ours is not None and self.joined(ours, theirs).too_late
            return Pieces(number, process.lineage, ours, late)
        joined = None if ours is None else self.joined(ours, theirs)
        return self.put_joined(process, number, theirs, joined)

    def put_joined(self, process, number, theirs, joined):
        """`joined` None: Redis has no such list."""
        world, ours = self.world, self.pool.lists.get(number)
        if joined is None:
            ours = self.pool.lists[number] = theirs.copy_to(List(None))
            ours.kind = "sealed"
            ours.touch(process.lineage, world.limit)
            return "made again"
        joined.copy_to(ours)
        ours.touch(process.lineage, world.limit)
        ours.joins += 1
        world.joins += 1
        if joined.too_late:
            world.late += 1
            world.joined_late.add(number)
            return "too late"
        return "joined"

    def add_piece(self, process, number, theirs, pieces):
        """The next index. It changes nothing but what is beside the list, so it does not raise the number of changes."""
        ours, index = self.pool.lists.get(number), len(pieces.values)
        if self.rules.pieces_of_one_lineage and self.pool.lineage != process.lineage:
            return HISTORY
        if self.rules.end_compares and not pieces.fit(ours, process.lineage):
            return AGAIN
        joined = theirs if ours is None else self.joined(ours, theirs, pieces.late)
        pieces.add(joined.values[index], joined.writes[index])
        if not self.rules.pieces_are_hidden and ours is not None:
            ours.values[index], ours.writes[index] = joined.values[index], joined.writes[index]
            ours.touch(process.lineage, self.world.limit)
        return pieces

    def end_join(self, process, number, theirs, pieces, bound):
        """The pieces take the list's place, in one step, but for what was set since the first of them: all of that is marked in the
        present lineage. `bound`: of how many indices that may be true, None: of any number."""
        ours, lineage = self.pool.lists.get(number), process.lineage
        if not self.fence(process):
            return HISTORY
        if ours is not None and ours.covers(theirs.head):
            return "covered"
        marked = () if ours is None else ours.marks.get(lineage, ())
        moved = ours is not None and ours.version != pieces.version
        if (self.rules.end_compares and not pieces.fit(ours, lineage) or self.rules.end_needs_marks and moved and
                self.world.expired(lineage)):
            self.pool.change -= 1
            return AGAIN
        if bound is not None and len(marked) > bound:
            self.pool.change -= 1
            return TOO_MANY
        if ours is None or pieces.made:
            return self.put_joined(process, number, theirs, None)
        for index in marked:
            final = self.world.is_final(pieces.values[index]) and self.rules.end_keeps_finals
            if self.rules.end_takes_marked and not final:
                pieces.values[index], pieces.writes[index] = ours.values[index], ours.writes[index]
        joined = self.joined(ours, theirs, pieces.late)
        joined.values, joined.writes = pieces.values, pieces.writes
        return self.put_joined(process, number, theirs, joined)

    def joined(self, ours, theirs, late=None):
        rules, world = self.rules, self.world
        if not rules.marks_in_tokens:
            theirs = theirs.state()
            theirs.marks = {}
        expired = world.expired if rules.know_too_late else lambda lineage: False
        joined = join.join(ours, theirs, FINAL if world.final else None, expired, rules.know_cut, rules.finals_win, late)
        if not rules.join_compares_lines and not joined.too_late:
            winner = theirs if theirs.version > ours.version else ours
            joined.values, joined.writes = winner.values[:], winner.writes[:]
        elif not rules.join_by_marks and not joined.too_late:
            three_way(joined, ours, theirs)
        return joined

    # ---- the worker's script

    def update(self, request, lost):
        """Sets statuses. Answers the number of changes; "none" where there is no such list; HISTORY."""
        pool, rules, world = self.pool, self.rules, self.world
        data = pool.lists.get(request.number)
        if data is None:
            return "none"
        if not self.fence(request, data):
            return HISTORY
        lineage, changed = request.lineage, False
        if not rules.join_by_marks and data.at != lineage:
            data.base[lineage] = data.values[:]
        for index, value in request.changes:
            if world.final and data.values[index] == FINAL and value != FINAL:
                continue
            same, fresh = data.values[index] == value, False
            if request.marks and rules.keep_marks:
                marks = data.marks.setdefault(lineage, set())
                fresh = index not in marks
                if not same or rules.mark_same_values:
                    marks.add(index)
            if same and not fresh:
                continue
            data.values[index] = value
            write = data.writes[index] = Write(world.now, lineage, value)
            data.history.add((index, write))
            changed = True
            if not lost:
                world.acknowledged.add((request.number, index, write))
        if changed:
            data.touch(lineage, world.limit)
        return pool.change


class Pieces:
    """A join of a long list under way: what the list was when it began, and the indices that are put together."""

    def __init__(self, number, lineage, ours, late):
        self.number, self.lineage, self.late, self.made = number, lineage, late, ours is None
        self.version = 0 if ours is None else ours.version
        self.before = self.but_for(ours, lineage)
        self.values, self.writes = [], []

    def but_for(self, ours, present):
        """What the list contains, but for what was set in the lineage in which the join began: that may go on."""
        if ours is None:
            return None
        line = {lineage: version for lineage, version in ours.line.items() if lineage not in (self.lineage, present)}
        return line, ours.cut, ours.joins

    def fit(self, ours, present):
        return self.but_for(ours, present) == self.before

    def add(self, value, write):
        self.values.append(value)
        self.writes.append(write)


def three_way(joined, ours, theirs):
    """What is wrong: the value that differs from the copy is taken for the one that was set."""
    later = [base for lineage, base in sorted(ours.base.items()) if lineage > theirs.at]
    base = later[0] if later else ours.values
    for index, value in enumerate(base):
        side = ours if ours.values[index] != value else theirs
        joined.values[index], joined.writes[index] = side.values[index], side.writes[index]
