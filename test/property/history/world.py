"""The world: two servers, up to three instances, and what may happen to them. At the end everything comes to rest, and what must hold
then is looked at; what must hold always is looked at where it happens (instance.py)."""
from chance import Chance
from instance import CHECKING, DOWN, MENDING, SYNCED, Instance, Violation
from lineage import FINAL, NEVER, ROOT, STATUSES, List, goes_back
from rules import Rules
from server import Server

LIMITS = (3, 4, 6, 16, None)  # of `lineages` and of a line
LONG, SHORT = 40, 12  # steps for which marks are kept, where they end at all


class World:
    def __init__(self, seed, plant=None, limit=0, holes=False, log=None):
        """`limit` 0: one of LIMITS. `holes` lets in what no rule covers (see `hole`)."""
        self.seed, self.rules, self.log, self.holes = seed, Rules(plant), log, holes
        self.random = Chance(seed)
        self.limit = self.random.choice(LIMITS) if limit == 0 else limit
        self.final = seed % 2 == 0
        self.events = self.EVENTS[self.random.choice((0, 0, 1, 2))]
        self.windows_end = self.random.random() < 0.25
        self.long_lists = self.random.random() < 0.5  # joined in pieces
        self.bound = self.random.choice((0, STATUSES, STATUSES))  # how many indices the end of such a join may look at
        self.now, self.last_unique = 0, 100
        self.handed_out, self.acknowledged = set(), set()
        self.joined_late = set()  # lists whose bytes may have gone back for once, which is said
        self.drawings = self.publications = self.joins = self.late = 0
        self.snapshots = []
        self.servers = [Server(self, "A", True), Server(self, "B", False)]
        if self.random.random() < 0.3:
            self.add_old_list()
        self.instances = [Instance(self, index) for index in range(self.random.between(1, 3))]
        for instance in self.instances:
            instance.start()
        if self.random.random() < 0.8:
            self.begin()

    def begin(self):
        """Most schedules begin where something is there that can be lost."""
        for process in self.processes() * 2:  # twice: each start draws a lineage, and so those before it know the last one too
            for _ in range(3):
                process.keeper_step()
        self.processes()[0].take()
        for process in self.processes():
            for worker in process.workers:
                worker.step()
        self.replicate()

    def add_old_list(self):
        """One from before there were histories."""
        for server in self.servers:
            data = server.pool.lists[1] = List(None)
            data.kind, data.version, data.line = "sealed", 3, {ROOT: 3}

    def unique(self):
        self.last_unique += 1
        return self.last_unique

    def say(self, *words):
        if self.log is not None:
            self.log.append((self.now, *words))

    # ---- what the parts ask for

    def window(self, lineage):
        return (LONG if lineage.long else SHORT) if self.windows_end else NEVER

    def expired(self, lineage):
        return lineage.drawn + self.window(lineage) <= self.now

    def is_final(self, value):
        return self.final and value == FINAL

    def some_list(self, pool):
        numbers = list(pool.lists)
        if not numbers:
            return None
        return self.random.choice(numbers) if self.random.random() < 0.35 else numbers[0]

    def some_changes(self):
        chance = self.random
        values = (0, 1, 1, FINAL) if chance.random() < 0.3 else (0, 1)
        return [(chance.below(STATUSES), chance.choice(values)) for _ in range(chance.between(1, 2))]

    def processes(self):
        return [instance.process for instance in self.instances if instance.process is not None]

    # ---- what happens to the data

    def hole(self, pool):
        """What no rule covers: data go back, under connections that stay open, to what somebody takes for the present, since all that
        was lost came from others and he has not heard of it yet: a process, or a request that is under way."""
        if self.holes:
            return False
        for process in self.processes():
            if process.takes_for_present(pool):
                return True
            if any(worker.sent is not None and pool.contains((worker.sent.lineage, worker.sent.least)) for worker in process.workers):
                return True
        return False

    def snapshot(self):
        self.snapshots = (self.snapshots + [self.random.choice(self.servers).pool.copy()])[-4:]

    def replicate(self):
        for replica, primary in (self.servers, self.servers[::-1]):
            if not replica.primary and primary.primary and replica.up and primary.up:
                replica.pool, replica.replid = primary.pool.copy(), primary.replid

    def restart_server(self):
        """With all its data, or with those of an earlier time, its own or the other server's."""
        server = self.random.choice(self.servers)
        if server.primary:
            server.replid = self.unique()
        server.drop_connections()
        if self.random.random() < 0.5 and self.snapshots:
            server.pool = self.random.choice(self.snapshots).copy()

    def promote(self):
        """The old primary lives on. Half of the replicas have all that it has."""
        for server in self.servers:
            if not server.primary:
                if self.random.random() < 0.5:
                    self.replicate()
                server.primary, server.replid = True, self.unique()
                break

    def demote(self):
        """One of two primaries becomes the other's replica, with its connections cut or open."""
        if all(server.primary for server in self.servers):
            server, other = self.servers if self.random.random() < 0.5 else self.servers[::-1]
            self.follow(server, other.pool, other.replid)
            server.primary = False

    def fail_over_and_back(self):
        """The replica becomes the primary, and the old primary its replica; then back, all before anybody looks. What had not been
        replicated is gone."""
        for server, other in (self.servers, self.servers[::-1]):
            if server.primary and not other.primary:
                self.follow(server, other.pool, self.unique())
                for process in self.processes():
                    process.paused = self.random.random() < 0.5
                break

    def follow(self, server, pool, replid):
        """The server's data are those of another now. Where connections stay open, nobody writes before its keeper has swept: the gap of
        a command, in which he cannot know, is a `hole`."""
        if self.random.random() < 0.5 or any(p.state in (CHECKING, MENDING) for p in self.processes()) and self.hole(pool):
            server.drop_connections()
        elif self.hole(pool):
            for process in self.processes():
                process.must_sweep = True
                for worker in process.workers:
                    worker.sent = None
        server.pool, server.replid = pool.copy(), replid

    def restore(self):
        """An earlier state is put back, into a server that runs. The replication id that it was drawn under may be the present one."""
        if not self.snapshots:
            return
        server = self.random.choice([server for server in self.servers if server.primary] or self.servers[:1])
        pool = self.random.choice(self.snapshots).copy()
        same = self.random.random() < 0.4
        if not self.hole(pool):
            server.pool = pool
            if same:
                pool.replid = server.replid

    EVENTS = (
        (snapshot, snapshot, replicate, replicate, replicate, restart_server, promote, promote, demote, restore, restore,
         fail_over_and_back),
        (replicate, replicate, promote, demote, fail_over_and_back, fail_over_and_back),  # what happens where several servers live
        (snapshot, restore, restart_server),  # and where there is one
    )
    EVENTS_WITHOUT_PROCESS = (restore, restart_server, replicate, snapshot)

    def happen(self, events):
        event = self.random.choice(events)
        event(self)
        if self.log is not None:
            self.say("world", event.__name__, *((s.name, s.primary, s.replid, s.pool.lineage, s.pool.change) for s in self.servers))

    # ---- a step

    def step(self):
        self.now += 1
        chance = self.random
        if self.long_lists and chance.random() < 0.9 and self.step_beside_a_join():
            return
        instance = chance.choice(self.instances)
        process, what = instance.process, chance.random()
        if process is None:
            if what < 0.5:
                instance.start()
            else:
                self.happen(self.EVENTS_WITHOUT_PROCESS)
        elif what < 0.12:
            self.happen(self.events)
        elif what < 0.135:
            instance.stop(chance.random() < 0.5)
            if chance.random() < 0.2:
                instance.file = None  # the machine starts anew
        elif what < 0.165:
            process.paused = not process.paused
        elif not process.paused:
            self.process_step(process, what)

    def step_beside_a_join(self):
        """A join in pieces takes its time: its next call, or what others do to the same list meanwhile. False: there is none."""
        chance = self.random
        for joiner in self.processes():
            if joiner.state != MENDING or joiner.paused or not joiner.speaks():
                continue
            others = [process for process in self.processes() if process is not joiner and not process.paused]
            if not others or chance.random() < 0.15:
                joiner.keeper_step()
                return True
            other = chance.choice(others)
            if other.state != SYNCED or other.lineage != joiner.lineage or chance.random() < 0.1:
                other.keeper_step()
            else:
                chance.choice(other.workers).step()
            return True
        return False

    def process_step(self, process, what):
        if what < 0.36:
            process.keeper_step()
        elif what < 0.64:
            self.random.choice(process.workers).step()
        elif what < 0.84:
            number = self.some_list(process.server.pool) if process.server is not None else None
            if number is None:
                return
            if number in process.loaded:
                process.publish(number)
            else:
                process.load(number)
        elif what < 0.91:
            process.take()
        elif what < 0.97:
            process.hand_out()

    # ---- rest

    def rest(self):
        """One primary, every process alive, nobody writes: all show what Redis has, and then nothing happens any more."""
        primary = self.servers[0] if self.servers[0].primary else self.servers[1]
        for server in self.servers:
            if server is not primary:
                server.primary = server.up = False
                server.drop_connections()
        for instance in self.instances:
            if instance.process is None:
                instance.start()
            process = instance.process
            process.paused, process.state, process.server = False, DOWN, None
            process.loaded.clear()
        for _ in range(4):
            self.rest_round(primary)
        published, drawn = self.publications, self.drawings
        for _ in range(2):
            self.rest_round(primary)
        if self.publications != published:
            raise Violation("publications do not end")
        if self.drawings != drawn:
            raise Violation("drawings do not end")
        for process in self.processes():
            self.look_at_rest(process, primary.pool)
        self.look_at_acknowledged(primary.pool)

    def rest_round(self, primary):
        self.now += 1
        for process in self.processes():
            for _ in range(30):
                process.keeper_step()
                if process.state == SYNCED and not process.doubt:
                    break
            process.keeper_step()
            for worker in process.workers:
                worker.sent = worker.held = None
                if not worker.connected():
                    worker.connect()
                worker.may_write()
            for number in list(primary.pool.lists):
                process.load(number)
                process.publish(number)

    def look_at_rest(self, process, pool):
        if process.state != SYNCED:
            raise Violation("does not come to rest", f"instance {process.index} {process.state}")
        if not all(worker.connected() and worker.may_write() for worker in process.workers):
            raise Violation("does not come to rest", f"a worker of instance {process.index} may not write")
        for number, data in pool.lists.items():
            if process.shown[number].values != data.values:
                raise Violation("not the same", f"instance {process.index} list {number} {process.shown[number].values} {data.values}")

    def look_at_acknowledged(self, pool):
        for number, data in pool.lists.items():
            if number in self.joined_late:
                continue
            for index, write in data.history:
                if (number, index, write) in self.acknowledged and goes_back(write, data.writes[index]):
                    raise Violation("acknowledged and lost", f"list {number} index {index} {write} now {data.writes[index]}")
