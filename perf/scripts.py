"""script/perf redis COMMIT: whether the scripts that change statuses cost Redis more than those of COMMIT did.

One private Redis (append-only file without sync, unix socket) runs both builds' scripts on lists of 100,000 indices, in alternating
rounds of 20,000 updates (of 100 statuses: 2,000), pipelined by 100, each of which changes all its statuses. What counts is the
processor time of Redis per update, the least of all rounds: what a shared machine adds is never negative. Bars: a single update 1.04,
1.20 while indices are marked; of 100 statuses 1.02 and 1.65.

Then joins, of this tree alone: two histories of a list of 12.5 KB, each with marked changes of its own, in 0.1 ms; and of one of 100 MB,
in pieces, with no command of more than 50 ms."""
import pathlib
import random
import re
import socket
import struct
import subprocess
import tempfile
import time
import uuid

from bench.machine import RESULTS, ROOT, say
from compare import checkout

ROUNDS, SINGLE, MANY, PIPELINE, SIZE = 12, 20000, 2000, 100, 100000
ROWS = [("1 status", 1, False, 1.04), ("1 status, marked", 1, True, 1.20),
        ("100 statuses", 100, False, 1.02), ("100 statuses, marked", 100, True, 1.65)]


def script(tree, name):
    """The text of a script as the build puts it together."""
    source = tree / "src" / "store"
    header = (source / "store.h").read_text()

    def part(match):
        return (source / "lua" / match.group(1)).read_text()

    def constant(match):
        return re.search(rf"#define {match.group(1)} (\d+)", header).group(1)

    text = (source / "lua" / "prelude.lua").read_text() + (source / "lua" / f"{name}.lua").read_text()
    return re.sub(r"@([A-Z_]+)@", constant, re.sub(r"-- @(part/[a-z_]+\.lua)@\n", part, text))


class Redis:
    """A private server, and one connection to it."""

    def __init__(self, directory):
        self.path = f"{directory}/redis.sock"
        command = ["redis-server", "--port", "0", "--unixsocket", self.path, "--dir", str(directory), "--save", "",
                   "--appendonly", "yes", "--appendfsync", "no", "--auto-aof-rewrite-percentage", "0"]
        self.server = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # pylint: disable=consider-using-with
        self.socket = socket.socket(socket.AF_UNIX)
        for _ in range(500):
            try:
                self.socket.connect(self.path)
                break
            except OSError:
                time.sleep(0.01)
        self.file = self.socket.makefile("rb")

    def close(self):
        self.socket.close()
        self.server.terminate()
        self.server.wait()

    @staticmethod
    def words(*words):
        encoded = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in encoded)

    def reply(self):
        line = self.file.readline()
        if line[:1] == b"-":
            raise RuntimeError(line.decode())
        if line[:1] == b"$":
            return None if line == b"$-1\r\n" else self.file.read(int(line[1:]) + 2)[:-2]
        return [self.reply() for _ in range(int(line[1:]))] if line[:1] == b"*" else line[1:].strip()

    def do(self, *words):
        self.socket.sendall(self.words(*words))
        return self.reply()

    def processor_us(self):
        info = self.do("INFO", "cpu").decode()
        return sum(float(re.search(rf"used_cpu_{kind}_main_thread:([\d.]+)", info).group(1)) for kind in ("user", "sys")) * 1e6


class Side:
    """One build's script, with a list of its own."""

    def __init__(self, redis, tree, name):
        self.redis, self.pool, self.list = redis, f"statuslist:{{{name}}}:", str(uuid.uuid4())
        text = script(tree, "update")
        self.fenced = "lineage" in text
        self.sha = redis.do("SCRIPT", "LOAD", text)
        self.lineage, self.index, self.value = f"{int(time.time() * 1000):012x}-00000000000000a1", 0, 1
        redis.do("HSET", self.pool + "config", "size", SIZE, "bits", 1, "change", 0, "lineage", self.lineage)
        redis.do("HSET", f"{self.pool}list:{self.list}:config", "bits", 1, "size", SIZE, "version", 0, "state", "open", "uri", "u")

    def command(self, statuses, marked, least):
        changes = b""
        for _ in range(statuses):
            changes += struct.pack("<IB", self.index, self.value)
            self.index += 1
            if self.index == SIZE:
                self.index, self.value = 0, 1 - self.value
        more = [self.lineage, least, int(marked)] if self.fenced else []
        return Redis.words("EVALSHA", self.sha, 1, self.pool + "config", "statuslist:0:{x}", self.list, -1, changes, *more)

    def round(self, statuses, marked):
        """Microseconds of Redis per update."""
        n, redis = SINGLE if statuses == 1 else MANY, self.redis
        least = redis.do("HGET", self.pool + "config", "change").decode()
        pieces = [b"".join(self.command(statuses, marked, least) for _ in range(PIPELINE)) for _ in range(n // PIPELINE)]
        before = redis.processor_us()
        for piece in pieces:
            redis.socket.sendall(piece)
            for _ in range(PIPELINE):
                assert redis.reply()[1] == b"1", "an update changed nothing"
        return (redis.processor_us() - before) / n


class Join:
    """Two histories of a list, one in Redis and one that is remembered: both have changes of their own, which are marked."""

    JOINS, CHANGES, PIECE = 300, 200, 65536

    def __init__(self, redis, size, bits):
        self.redis, self.size, self.bits, self.list = redis, size, bits, str(uuid.uuid4())
        self.sha = {name: redis.do("SCRIPT", "LOAD", script(ROOT, name)) for name in ("mend", "join_piece", "join_end")}
        now, chance = int(time.time() * 1000), random.Random(1)
        self.old, self.lost, self.present = (f"{now - ago:012x}-00000000000000{n}1" for ago, n in ((90000, "a"), (60000, "b"), (1000, "c")))
        sides = []
        for _ in range(2):
            data, marks = bytearray(size * bits // 8), bytearray(size // 8)
            for index in (chance.randrange(size) for _ in range(self.CHANGES)):
                data[index * bits // 8] |= 1 << index * bits % 8
                marks[index // 8] |= 1 << index % 8
            sides.append((bytes(data), bytes(marks)))
        self.mine, self.theirs = sides
        self.state = [self.lost, 14, f"{self.old}:10 {self.lost}:14", ""]

    def put(self, pool):
        do, key = self.redis.do, f"{pool}list:{self.list}:"
        do("HSET", pool + "config", "size", self.size, "bits", self.bits, "change", 1000, "lineage", self.present)
        do("HSET", key + "config", "uri", "u", "size", self.size, "bits", self.bits, "state", "open", "cursor", 0, "seed", "s" * 32,
           "created", 1, "version", 12, "at", self.present, "line", f"{self.old}:10")
        do("SET", key + "data", self.mine[0])
        do("SET", f"{key}marks:{self.present}", self.mine[1])

    def evalsha(self, name, pool, *arguments):
        return self.redis.words("EVALSHA", self.sha[name], 1, pool + "config", *arguments)

    def call(self, name, pool, *arguments):
        self.redis.socket.sendall(self.evalsha(name, pool, *arguments))
        return self.redis.reply()

    def head(self):
        return ["statuslist:0:{x}", self.list, "u", -1, self.present, 1000, *self.state]

    def whole(self):
        """Microseconds of Redis for a join in one call."""
        pools = [f"statuslist:{{join{number}}}:" for number in range(self.JOINS)]
        for pool in pools:
            self.put(pool)
        commands = [self.evalsha("mend", pool, *self.head(), self.PIECE, self.theirs[0], self.lost, self.theirs[1]) for pool in pools]
        before = self.redis.processor_us()
        for first in range(0, self.JOINS, 20):
            self.redis.socket.sendall(b"".join(commands[first:first + 20]))
            for _ in commands[first:first + 20]:
                assert self.redis.reply()[0] == b"M", "not a join of two histories"
        took = (self.redis.processor_us() - before) / self.JOINS
        self.redis.do("FLUSHALL")
        return took

    def longest(self):
        """Milliseconds of the longest command of a join in pieces."""
        pool = "statuslist:{long}:"
        self.put(pool)
        self.redis.do("CONFIG", "SET", "slowlog-log-slower-than", 1000)
        self.redis.do("SLOWLOG", "RESET")
        seen = self.call("mend", pool, *self.head(), self.PIECE, "")[4]
        for first in range(0, len(self.theirs[0]), self.PIECE):
            marks = self.theirs[1][first // self.bits:(first + self.PIECE) // self.bits]
            fits = self.call("join_piece", pool, self.list, -1, self.present, 1000, *self.state, seen, "random", first,
                             self.theirs[0][first:first + self.PIECE], self.lost, marks.strip(b"\0") and marks)
            assert fits == b"1", "the list has changed"
        assert self.call("join_end", pool, *self.head(), seen, "random", -1, self.lost)[0] == b"M", "not a join of two histories"
        return max((int(entry[2]) for entry in self.redis.do("SLOWLOG", "GET", 100)), default=1000) / 1000


def joins(redis):
    """Whether both bars are reached."""
    short, long = Join(redis, SIZE, 1), Join(redis, 100 * 2**20, 8)
    least = min(short.whole() for _ in range(ROUNDS))
    longest = min(long.longest() for _ in range(3))
    print(f"a join of 12.5 KB           {least:9.2f} us   bar 100   {'reached' if least <= 100 else 'MISSED'}")
    print(f"of 100 MB, longest command  {longest:9.2f} ms   bar 50    {'reached' if longest <= 50 else 'MISSED'}")
    return least <= 100 and longest <= 50


def main(commit):
    name, tree = checkout(commit)
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        redis = Redis(pathlib.Path(directory))
        try:
            for title, statuses, marked, bar in ROWS:
                old, new = Side(redis, tree, f"old{len(rows)}"), Side(redis, ROOT, f"new{len(rows)}")
                least = {}
                for _ in range(ROUNDS):
                    for side in (old, new):
                        took = side.round(statuses, marked)
                        least[side] = min(least.get(side, took), took)
                rows.append((title, least[old], least[new], least[new] / least[old], bar))
                say(f"{title}: {least[old]:.2f} and {least[new]:.2f} us, {rows[-1][3]:.3f}, bar {bar}")
            joined = joins(redis)
        finally:
            redis.close()
    print(f"\nprocessor time of Redis per update, {name[:12]} and this tree\n")
    for title, before, after, ratio, bar in rows:
        print(f"{title:24}{before:9.2f} us{after:9.2f} us   x {ratio:.3f}   bar {bar}   {'reached' if ratio <= bar else 'MISSED'}")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "scripts.txt").write_text("".join(f"{r}\n" for r in rows))
    return 1 if not joined or any(ratio > bar for _, _, _, ratio, bar in rows) else 0
