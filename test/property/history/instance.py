"""An instance of the service: its keeper, its workers, and the hand-over file that outlives a process.

Everything that goes to Redis and back is a step of its own, or two where it matters that something happens in between: a request that
was sent and is not executed yet, a state that was loaded and is not shown yet.
"""
from lineage import NO_CUT, goes_back
from server import AGAIN, HISTORY, TOO_MANY, Pieces

TRIES = 2  # joins in pieces of which too much was set meanwhile; the next one takes any number
DOWN, CONNECTED, CHECKING, MENDING, SYNCED = "down", "connected", "checking", "mending", "synced"


class Violation(Exception):
    def __init__(self, kind, detail=""):
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind = kind


class Estate:
    """What the hand-over file says."""

    def __init__(self, run, positions):
        self.run, self.positions = run, dict(positions)


class History:
    """What a keeper publishes for its workers once nothing that it remembers is missing in Redis."""

    __slots__ = ("lineage", "run", "replid")

    def __init__(self, lineage, run, replid):
        self.lineage, self.run, self.replid = lineage, run, replid


class Request:
    """An update under way: with what its worker knew when it was sent."""

    __slots__ = ("lineage", "least", "marks", "number", "changes", "again")

    def __init__(self, process, number, changes, again=False):
        self.lineage, self.least = process.history.lineage, process.least
        self.marks = process.world.now < process.marks_until
        self.number, self.changes, self.again = number, changes, again


class Worker:
    def __init__(self, process):
        self.process, self.world, self.rules = process, process.world, process.world.rules
        self.server = self.run = self.replid = None
        self.sent = None  # executed in a later step
        self.held = None  # to be sent once more when the keeper has opened the pool anew

    def connected(self):
        return self.server is not None and self.server.serves() and self.server.run == self.run

    def connect(self):
        self.sent = self.server = None
        servers = [server for server in self.world.servers if server.serves()]
        if servers:
            server = self.server = self.world.random.choice(servers)
            self.run, self.replid = server.run, server.replid

    def may_write(self):
        """Only on the server that the keeper has compared with what it remembers, as the connection knows it from its greeting."""
        history = self.process.history
        if history is None or self.process.must_sweep:
            return False
        if not self.rules.confirm_server:
            return True
        if history.run == self.run and history.replid != self.replid:
            self.server = None  # the connection is older than the history, or the other way round: a new one will tell
        return self.server is not None and history.run == self.run and history.replid == self.replid

    def step(self):
        chance = self.world.random
        if not self.connected():
            self.connect()
        elif self.sent is not None:
            self.execute()
        elif self.may_write():
            held, self.held = self.held, None
            if held is not None:
                if self.process.state != SYNCED:
                    self.held = held
                    return
                self.sent = Request(self.process, held.number, held.changes, True)
            else:
                number = self.world.some_list(self.server.pool)
                if number is None:
                    return
                self.sent = Request(self.process, number, self.world.some_changes())
            if chance.random() < 0.7:
                self.execute()

    def execute(self):
        request, self.sent = self.sent, None
        process, lost = self.process, self.world.random.random() < 0.1
        answer = self.server.update(request, lost)
        self.world.say("update", process.index, self.server.name, request.number, request.changes, answer, lost)
        if answer == HISTORY:
            process.open_anew()
            if not request.again:
                self.held = request
        elif answer != "none" and not lost and process.lineage == request.lineage:
            process.least = max(process.least, answer)


class Process:
    """What dies with a process."""

    def __init__(self, world, index, estate):
        self.world, self.rules, self.index = world, world.rules, index
        self.run = world.unique()
        self.estate = estate  # of the process before it
        self.paused = False
        self.must_sweep = False  # see World.demote
        self.workers = [Worker(self) for _ in range(world.random.between(1, 2))]
        # the keeper's connection
        self.state = DOWN
        self.server = self.server_run = None
        # where the process stands in the histories
        self.first = True
        self.lineage = self.replid = None
        self.least = 0  # the highest number of changes that it has seen in its lineage
        self.begun = 0  # the number with which its lineage began
        self.parent = None  # where the parent ended: (lineage, number)
        self.marks_until = 0
        self.history = None
        self.found_back = False
        self.doubt = False  # what is remembered has still to be compared with Redis
        self.to_check, self.to_mend = [], []
        self.pieces = None  # how far the join of a long list has come
        self.tries = {}  # list: how often that had to begin again in another lineage
        # lists
        self.remembered = {}  # list: the newest state that was loaded; what is mended from
        self.loaded = {}  # list: a state that is being signed
        self.shown = {}  # list: the state that readers get
        self.positions = {}  # own list: the next index that was not taken
        self.ring = []  # references that can be handed out

    # ---- where it stands

    def position(self, pool):
        """(lineage, least). A lineage that was folded, and in which this process saw no write, counts as its parent's end."""
        if self.parent is not None and self.least == self.begun:
            if self.lineage in pool.folded or not self.rules.only_folded_stand_back:
                return self.parent
        return self.lineage, self.least

    def takes_for_present(self, pool):
        """Whether it would take these data for what it knows (by the rules, whatever is planted)."""
        folded = self.parent is not None and self.least == self.begun and self.lineage in pool.folded
        return self.lineage is not None and pool.contains(self.parent if folded else (self.lineage, self.least))

    def highest_known(self):
        known = NO_CUT if self.lineage is None else self.lineage
        for state in self.remembered.values():
            known = max(known, state.cut, *state.line) if state.line else max(known, state.cut)
        return known

    def speaks(self):
        """Whether the keeper's connection stands."""
        return self.server is not None and self.server.serves() and self.server.run == self.server_run

    # ---- keeper

    def keeper_step(self):
        if self.state == DOWN:
            servers = [server for server in self.world.servers if server.serves()]
            if servers:
                self.server = self.world.random.choice(servers)
                self.server_run, self.state = self.server.run, CONNECTED
        elif not self.speaks():
            self.state = DOWN
        elif self.state == CONNECTED:
            self.open_pool()
        elif self.state == CHECKING:
            self.check()
        elif self.state == MENDING:
            self.mend()
        else:
            self.sweep()

    def open_pool(self):
        server = self.server
        before = self.lineage
        server.open_pool(self, self.found_back)
        if self.world.random.random() < 0.05:  # the reply is lost
            self.state = DOWN
            return
        pool = server.pool
        lineage = pool.lineage
        stands = before is not None and pool.contains(self.position(pool))
        # Whoever stands in the data, and finds only lineages after it that began with a start, has lost nothing.
        self.doubt |= before != lineage and not (stands and not any(x.long for x in pool.after(self.position(pool)[0])))
        if before != lineage:
            self.history = None
            self.marks_until = self.world.now + self.world.window(lineage)
        self.first = self.found_back = self.must_sweep = False
        self.lineage, self.replid = lineage, server.replid
        self.least, self.begun = pool.change, pool.begun
        self.parent = (pool.chain[-2], pool.ends[pool.chain[-2]]) if len(pool.chain) > 1 else None
        self.world.say("open", self.index, server.name, lineage, pool.change, "compares" if self.doubt else "")
        self.to_mend = []
        if self.rules.pieces_of_one_lineage:
            self.pieces = None
        if self.doubt and self.remembered:
            self.to_check, self.state = list(self.remembered), CHECKING
        else:
            self.synced()
        self.inherit()

    def check(self):
        number = self.to_check.pop()
        data = self.server.pool.lists.get(number)
        if data is None or not data.covers(self.remembered[number].head):
            self.to_mend.append(number)
        if not self.to_check:
            self.world.say("checked", self.index, "to mend:", self.to_mend[:])
            if self.to_mend:
                self.state = MENDING
            else:
                self.synced()

    def mend_step(self, number):
        """A join, or the next step of one in pieces."""
        server, theirs, pieces = self.server, self.remembered[number], self.pieces
        if pieces is None or pieces.number != number:
            return server.mend(self, number, theirs)
        if len(pieces.values) < len(theirs.values):
            return server.add_piece(self, number, theirs, pieces)
        tries = self.tries.get(number, 0)
        return server.end_join(self, number, theirs, pieces, self.world.bound if tries < TRIES else None)

    def mend(self):
        number = self.to_mend[-1]
        answer = self.mend_step(number)
        self.pieces = answer if isinstance(answer, Pieces) else None
        self.world.say("mend", self.index, self.server.name, number, "pieces" if self.pieces else answer)
        if self.world.random.random() < 0.05:  # the reply is lost
            self.state = DOWN
            return
        if answer in (HISTORY, TOO_MANY):
            if answer == TOO_MANY:
                self.tries[number] = self.tries.get(number, 0) + 1
                self.found_back = True
            self.open_anew()
            return
        self.least = max(self.least, self.server.pool.change)
        if self.pieces is not None or answer == AGAIN:
            return
        self.tries.pop(number, None)
        self.to_mend.pop()
        self.loaded.pop(number, None)
        if answer == "too late":
            # What is shown is given up, and never offered again. The joined state is what counts from now on.
            if self.rules.remember_after_late:
                self.remembered[number] = self.server.pool.lists[number].state()
            else:
                del self.remembered[number]
        if not self.to_mend:
            self.synced()

    def open_anew(self):
        """Redis is not what it was taken for. Until it is known what it is, no worker writes: what they know may be in use by others."""
        if self.rules.withdraw_at_once:
            self.history = None
        if self.state != DOWN:
            self.state = CONNECTED

    def synced(self):
        self.state, self.doubt = SYNCED, False
        self.history = History(self.lineage, self.server_run, self.replid)

    def sweep(self):
        pool = self.server.pool
        self.must_sweep = False
        moved = self.server.replid != self.replid and self.rules.sweep_compares_replid
        if moved or pool.lineage != self.lineage or pool.change < self.least:
            self.open_anew()
            self.world.say("sweep", self.index, self.server.name, "opens anew")
        else:
            self.least = pool.change

    # ---- lists

    def load(self, number):
        if self.state != SYNCED or not self.speaks():
            return
        data, known = self.server.pool.lists.get(number), self.remembered.get(number)
        if known is not None and (data is None or self.rules.load_covers and not data.covers(known.head)):
            self.found_back = True
            self.open_anew()
            self.world.say("load", self.index, number, "is behind")
        elif data is not None and (known is None or number not in self.shown or data.head != self.shown[number].head):
            state = data.state()
            self.remembered[number] = self.loaded[number] = state

    def publish(self, number):
        state, known, before = self.loaded.pop(number, None), self.remembered.get(number), self.shown.get(number)
        if state is None or known is not None and self.rules.load_covers and not state.covers(known.head):
            return
        if before is not None:
            if before.head == state.head:
                return
            self.look_back(number, before, state)
        self.shown[number] = state
        self.world.publications += 1
        self.world.say("publish", self.index, number, state.head, state.values)

    def look_back(self, number, before, after):
        where = f"instance {self.index} list {number}"
        if after.version < before.version:
            raise Violation("version back", f"{where} {before.head} -> {after.head}")
        if number in self.world.joined_late:
            return
        for index, (old, new) in enumerate(zip(before.writes, after.writes)):
            if goes_back(old, new):
                raise Violation("reader back", f"{where} index {index} {old} -> {new}")
            if self.world.is_final(before.values[index]) and not self.world.is_final(after.values[index]):
                raise Violation("final gone", f"{where} index {index}")

    # ---- references

    def take(self):
        if self.state != SYNCED or not self.speaks() or self.must_sweep or len(self.ring) >= 3:
            return
        chance = self.world.random
        lost, taken = chance.random() < 0.1, self.server.take(self, chance.between(1, 3))
        if taken is None:
            self.open_anew()
        elif not lost:
            self.least = max(self.least, self.server.pool.change)
            for number, index in taken:
                self.positions[number] = max(self.positions.get(number, 0), index + 1)
            self.write_file()  # before any of them is used
            self.ring += taken
            self.world.say("took", self.index, self.server.name, taken)

    def hand_out(self):
        if self.ring:
            reference = self.ring.pop(0)
            if reference in self.world.handed_out:
                raise Violation("given twice", f"{reference} by instance {self.index}")
            self.world.handed_out.add(reference)

    def inherit(self):
        estate, self.estate = self.estate, None
        if estate is None:
            return
        lost, inherited = self.world.random.random() < 0.1, self.server.inherit(self, estate)
        if inherited is None or lost:
            return
        if not self.rules.file_is_consumed:
            self.run = estate.run
        for number, (position, returned) in inherited.items():
            self.positions[number] = position
            self.ring += [(number, index) for index in returned]
        if self.rules.file_is_consumed:
            self.write_file()

    def write_file(self):
        self.world.instances[self.index].file = Estate(self.run, self.positions)


class Instance:
    """A place where one process after another runs."""

    def __init__(self, world, index):
        self.world, self.index = world, index
        self.file = None
        self.old_files = []
        self.process = None

    def start(self):
        world = self.world
        if self.file is not None:
            self.old_files = (self.old_files + [self.file])[-4:]
        if not world.rules.file_is_volatile and self.old_files and world.random.random() < 0.5:
            self.file = world.random.choice(self.old_files)
        self.process = Process(world, self.index, self.file)
        if world.rules.file_is_consumed:
            self.file = None
        world.say("start", self.index, "run", self.process.run)

    def stop(self, clean):
        process = self.process
        self.world.say("stop", self.index, "in order" if clean else "killed")
        if clean and process.state == SYNCED and process.speaks():
            process.server.give_back(process)
            process.write_file()
        self.process = None
