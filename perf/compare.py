"""script/perf compare COMMIT: whether the present tree costs more than COMMIT does; see docs/performance.md.

Both trees are built by their own script/build. In each of nine rounds three fresh services run beside each other: the old build, the
old build again, and the new one. The second old one shows how much two runs of the same program differ on this machine now. A kind
of load is within its bar when the new build needs at most 1.02 times the processor time, or differs no more than the two runs of the
old build. Callgrind then counts the worker's instructions per request (at most 1.01 times) and its calls of the allocator per fetch
(unchanged)."""
import dataclasses
import itertools
import json
import pathlib
import re
import shutil
import statistics
import subprocess
import time

from bench.load import wrk
from bench.machine import LOAD_CORE, RESULTS, ROOT, SERVER_CORE, say, tool
from bench.rows_http import CONNECTIONS, Fetching
from bench.service import KEY, Fixture, pool

ROUNDS = 9
SECONDS = 2
SIDES = ("old", "old again", "new")
REFERENCES = 4000
PROCESSOR_BAR, INSTRUCTIONS_BAR = 1.02, 1.01
# Under callgrind each work runs this many blocks of this many requests. The least one counts: timers disturbed it least.
BLOCKS, BLOCK = 9, 300
ALLOCATORS = {"malloc", "calloc", "realloc", "reallocarray", "posix_memalign", "aligned_alloc", "memalign"}


def build(tree, copy):
    """A copy of the service, so that another build of the tree does not change what is being measured."""
    subprocess.run([str(tree / "script" / "build"), "release"], check=True, stdout=subprocess.DEVNULL)
    shutil.copy(tree / "build" / "release" / "bin" / "statuslistd", ROOT / "build" / "compare" / copy)
    return ROOT / "build" / "compare" / copy


def checkout(commit):
    """The files of a commit in build/compare, without git's own."""
    found = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}"],
                           capture_output=True, text=True, check=False)
    if found.returncode != 0:
        raise SystemExit(f"perf: '{commit}' is no commit here")
    name = found.stdout.strip()
    tree = ROOT / "build" / "compare" / name
    if not tree.exists():
        part = tree.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        with subprocess.Popen(["git", "-C", str(ROOT), "archive", name], stdout=subprocess.PIPE) as archive:
            subprocess.run(["tar", "-x", "-C", str(part)], stdin=archive.stdout, check=True)
        part.rename(tree)
    return name, tree


class Side:
    """One build's processes in a fixture: the service, started by the words of `program`, on one core; Redis with the load on the
    other."""

    def __init__(self, fixture, program):
        self.fixture, self.program = fixture, program

    def redis(self):
        return self.fixture.redis(cores=[LOAD_CORE])

    def service(self, redis, pools, **more):
        return self.fixture.service(redis, pools, program=self.program, **more)


class Works(Fetching):
    """A service that is ready for all four works."""

    def __init__(self, side, interval="1s"):
        changed = pool(size=100000, threshold=2 * REFERENCES, capacity=4 * REFERENCES, lists=2, interval=interval)
        super().__init__(side, more={"changed": changed})
        self.references = self.issuer.reserve("changed", REFERENCES)
        self.file = self.service.directory / "references"
        self.file.write_text("".join(f"{r['uri']} {r['index']}\n" for r in self.references))

    def load(self, work):
        """Processor time of the service for one request, in microseconds, by wrk."""
        s = self.service
        more = {"fetch": {"path": self.path}, "304": {"path": self.path, "headers": [f"If-None-Match: {self.etag}"]},
                "reserve": {"path": "/pools/refs/new-references", "script": "post.lua", "arguments": [KEY]},
                "update": {"script": "update.lua", "arguments": [str(self.file), KEY, "1"]}}[work]
        return wrk(s, s.port, connections=CONNECTIONS, duration=SECONDS, **more)["processor_us"]

    def ask(self, work, n):
        """The n-th request of a work, one after another on one connection."""
        if work == "update":
            reference = self.references[n % REFERENCES]
            self.issuer.call("PATCH", "/status-lists/update", {**reference, "value": 1 - n // REFERENCES % 2})
        elif work == "reserve":
            self.issuer.call("POST", "/pools/refs/new-references")
        else:
            fields = {"If-None-Match": self.etag} if work == "304" else {}
            status = self.issuer.call("GET", self.path, headers=fields, expect=(200, 304))[0].status
            assert status == (304 if work == "304" else 200), status


WORKS = ("fetch", "304", "reserve", "update")


# ---- processor time

def in_memory():
    """A fixture in memory where that is possible: the time that a disk takes for a sync belongs to neither build."""
    memory = pathlib.Path("/dev/shm")
    return Fixture(memory if memory.is_dir() else None)


def processor_round(programs, number):
    """{work: {side: microseconds}}; each side is first, second and last equally often."""
    order = [SIDES[(number + i) % 3] for i in range(3)]
    with in_memory() as fixture:
        ready = {side: Works(Side(fixture, programs[side])) for side in order}
        found = {work: {side: ready[side].load(work) for side in order} for work in WORKS}
    say(f"  round {number + 1}: " + "; ".join(
        f"{work} " + "/".join(f"{found[work][side]:.2f}" for side in SIDES) for work in WORKS))
    return found


@dataclasses.dataclass
class Processor:
    work: str
    old: float
    new: float
    ratios: list   # new / old of each round
    itself: list   # old again / old of each round
    spread: float  # the second greatest deviation of the old build from itself, as a factor
    ratio: float
    within: bool


def processor_row(work, rounds):
    old, again, new = ([r[work][side] for r in rounds] for side in SIDES)
    base = [(a + b) / 2 for a, b in zip(old, again)]
    ratios = [n / b for n, b in zip(new, base)]
    itself = [a / o for a, o in zip(again, old)]
    spread = sorted(max(r, 1 / r) for r in itself)[-2]  # one round that something else disturbed does not widen it
    ratio = statistics.median(ratios)
    return Processor(work, statistics.median(old + again), statistics.median(new), ratios, itself, spread, ratio,
                     ratio <= max(PROCESSOR_BAR, spread))


# ---- callgrind

def counted_calls(text, names):
    """How often functions of these names are called, in a file of callgrind's."""
    known, calls, called = {}, 0, None
    for line in text.splitlines():
        found = re.match(r"c?fn=\((\d+)\)(?: (.*))?$", line)
        if found:
            known.setdefault(found[1], (found[2] or "").split("'")[0])
            called = known[found[1]] if line[0] == "c" else None
        elif line.startswith("calls=") and called in names:
            calls += int(line[6:].split()[0])
    return calls


def busiest(texts):
    """(instructions, text) of the thread that executed most: the worker. What the others do depends on the time that passes."""
    return max((int(re.search(r"^(?:summary|totals): (\d+)", t, re.M)[1]), t) for t in texts)


def control(pid, *arguments):
    subprocess.run([tool("callgrind_control"), *arguments, str(pid)], check=True, capture_output=True)


def count(binary):
    """{work: (instructions, calls of the allocator)} of one request."""
    found = {}
    with in_memory() as fixture:
        out = fixture.folder() / "callgrind"
        program = [tool("valgrind"), "--tool=callgrind", "--instr-atstart=no", "--separate-threads=yes",
                   f"--callgrind-out-file={out}", str(binary)]
        ready = Works(Side(fixture, program), interval="60s")
        pid = ready.service.pid
        control(pid, "--instr=on")
        dumps = itertools.count(1)
        for work in WORKS:
            for n in range(BLOCK):
                ready.ask(work, n)
            control(pid, "--zero")
            found[work] = (float("inf"),) * 2
            for block in range(1, BLOCKS + 1):
                for n in range(block * BLOCK, (block + 1) * BLOCK):
                    ready.ask(work, n)
                control(pid, "--dump")
                total, text = busiest([p.read_text() for p in out.parent.glob(f"{out.name}.{next(dumps)}-*")])
                block_found = total / BLOCK, counted_calls(text, ALLOCATORS) / BLOCK
                found[work] = tuple(map(min, found[work], block_found))
    return found


# ---- the whole

def print_processor(rows):
    print(f"\nprocessor time a request, {ROUNDS} rounds        old       new   ratio (least-greatest)    "
          "old against itself (least-greatest, spread)")
    for r in rows:
        print(f"  {r.work:<38}{r.old:7.2f} µs {r.new:7.2f} µs  {r.ratio:.3f} ({min(r.ratios):.3f}-{max(r.ratios):.3f})     "
              f"{statistics.median(r.itself):.3f} ({min(r.itself):.3f}-{max(r.itself):.3f}, {r.spread:.3f})   "
              + (f"at most {PROCESSOR_BAR}" if r.ratio <= PROCESSOR_BAR else "within the spread" if r.within else "MISSED"))


def count_rows(counts):
    rows = [(f"instructions a {work}", *(counts[side][work][0] for side in SIDES), f"at most {INSTRUCTIONS_BAR} x",
             counts["new"][work][0] <= INSTRUCTIONS_BAR * counts["old"][work][0]) for work in WORKS]
    allocations = [counts[side]["fetch"][1] for side in SIDES]
    rows.append(("allocations a fetch", *allocations, "unchanged", abs(allocations[2] - allocations[0]) < 0.02))
    return rows


def print_counts(rows):
    print("\nunder callgrind                               old         again           new   new/old")
    for name, old, again, new, bar, within in rows:
        ratio = f"{new / old:.4f}" if old else "-"
        print(f"  {name:<34}{old:14,.2f}{again:14,.2f}{new:14,.2f}    {ratio}   {bar if within else 'MISSED: ' + bar}")


def main(commit):
    begun = time.monotonic()
    name, tree = checkout(commit)
    say(f"== building {name[:12]} and this tree")
    old, new = build(tree, "old"), build(ROOT, "new")
    say(f"== processor time: old/old again/new in µs ({time.monotonic() - begun:.0f} s)")
    programs = {"old": [str(old)], "old again": [str(old)], "new": [str(new)]}
    rounds = [processor_round(programs, n) for n in range(ROUNDS)]
    rows = [processor_row(work, rounds) for work in WORKS]
    say(f"== callgrind ({time.monotonic() - begun:.0f} s)")
    counts = {side: count(programs[side][0]) for side in SIDES}
    counted = count_rows(counts)
    print_processor(rows)
    print_counts(counted)
    within = all(r.within for r in rows) and all(r[-1] for r in counted)
    path = RESULTS / f"compare-{name[:12]}.json"
    path.write_text(json.dumps({"commit": name, "rounds": rounds, "counts": counts, "processor": [dataclasses.asdict(r) for r in rows],
                                "within": within}, indent=1) + "\n")
    print(f"\n{'every bar reached' if within else 'a bar was MISSED'}; {time.monotonic() - begun:.0f} s; {path}")
    return 0 if within else 1
