"""The join as the service has it, in the script `mend` on a real Redis, beside the model's: random states of a list with statuses of 1, 2, 4
and 8 bits, lines that differ in all ways, marks, expired lineages, cuts and final statuses; in one call, and in pieces."""
import pathlib
import re
import struct
import time

import pytest
import redis as redis_library

from chance import Chance
from join import join
from lineage import List, Lineage, State

LUA = pathlib.Path(__file__).parents[3] / "src" / "store" / "lua"
JUMP = 2**20
INDICES, LINE = 40, 16
WINDOWS = {True: 3600, False: 600}  # seconds: of a lineage drawn because data may have gone back, and of a start
KEPT = 3600  # for so long after their window marks stay in Redis
ID, POOL = "00000000-0000-4000-8000-000000000000", "statuslist:{p}:"


def script(name):
    """As the build puts it together."""
    text = (LUA / f"{name}.lua").read_text(encoding="utf-8")
    text = re.sub(r"-- @(part/\w+\.lua)@\n", lambda m: (LUA / m[1]).read_text(encoding="utf-8"), text)
    return (LUA / "prelude.lua").read_text(encoding="utf-8") + text.replace("@SL_MEND_JUMP@", str(JUMP))


def text_of(lineage):
    return f"{lineage.drawn * 1000:012x}-{lineage.number:015x}{1 if lineage.long else 0:x}"


def expired(now):
    return lambda lineage: lineage.drawn + WINDOWS[lineage.long] <= now


class Family:
    """Lineages, and in which order indices were acknowledged in each: so of two states the one with more of a lineage has its marks too."""

    def __init__(self, chance, now):
        self.chance = chance
        # None ends while the test runs: a window ends a minute before or after now, or further away.
        ages = sorted({600 * chance.below(9) + 60 + 60 * chance.below(8) for _ in range(chance.between(1, 20))}, reverse=True)
        self.lineages = [Lineage(now - age, now - age, chance.random() < 0.5, number + 1) for number, age in enumerate(ages)]
        self.order = {lineage: [chance.below(INDICES) for _ in range(12)] for lineage in self.lineages}

    def member(self, bits):
        chance, state = self.chance, List(None)
        state.values = [chance.below(1 << bits) for _ in range(INDICES)]
        state.writes = [None] * INDICES
        for lineage in self.lineages:
            if chance.random() < 0.7:
                state.version += chance.between(1, 3)
                state.touch(lineage, LINE)
                state.marks[lineage] = set(self.order[lineage][: state.version % 12])
        if len(state.line) > 1 and chance.random() < 0.3:
            state.cut = sorted(state.line)[0]
            state.below = {state.cut: state.line.pop(state.cut)}
        return state


def alike(ours, theirs):
    """A version is the same write on both sides, so the marks of a lineage are a function of it."""
    for lineage in {*ours.line, *theirs.line}:
        versions = [side.line.get(lineage, 0) for side in (ours, theirs)]
        less, more = (ours, theirs) if versions[0] <= versions[1] else (theirs, ours)
        if lineage in less.marks:
            more.marks.setdefault(lineage, set()).update(less.marks[lineage])
        if versions[0] == versions[1]:
            less.marks[lineage] = set(more.marks.get(lineage, ()))


def packed(values, bits):
    out = bytearray(INDICES * bits // 8)
    for index, value in enumerate(values):
        out[index * bits // 8] |= value << index * bits % 8
    return bytes(out)


def packed_marks(indices):
    return packed([index in indices for index in range(INDICES)], 1)


def line_of(state, with_head):
    return " ".join(f"{text_of(x)}:{n}" for x, n in sorted(state.line.items()) if with_head or x != state.at)


def cut_of(state):
    digest = 0
    for lineage, version in sorted(state.below.items()):
        for byte in f"{text_of(lineage)}:{version}".encode():
            digest = (digest * 4099 + byte) % 1099511627689
    return "" if state.cut.order < 0 else f"{text_of(state.cut)}:{digest:010x}"


def put(redis, state, bits, present):
    redis.flushdb()
    redis.hset(POOL + "config", mapping={"size": INDICES, "bits": bits, "change": 1000, "lineage": text_of(present)})
    config = {"uri": "u", "size": INDICES, "bits": bits, "state": "open", "cursor": 0, "version": state.version, "seed": "s", "created": 1}
    if state.version > 0:
        config.update({"at": text_of(state.at), "line": line_of(state, False)})
    if cut_of(state):
        config["cut"] = cut_of(state)
    redis.hset(f"{POOL}list:{ID}:config", mapping=config)
    redis.set(f"{POOL}list:{ID}:data", packed(state.values, bits))
    for lineage, indices in state.marks.items():
        redis.set(f"{POOL}list:{ID}:marks:{text_of(lineage)}", packed_marks(indices))


class Scripts:
    """Joins in one call, or in pieces of `piece` bytes; `meanwhile` is called between two pieces."""

    def __init__(self, redis, piece=0, altered=lambda name, text: text, meanwhile=lambda: None):
        self.mend, self.add, self.end = (redis.register_script(altered(name, script(name))) for name in ("mend", "join_piece", "join_end"))
        self.piece, self.meanwhile = piece, meanwhile

    def __call__(self, theirs, bits, final, present, least):
        """The last answer, and how many there were of each kind."""
        keys, state = [POOL + "config"], [text_of(theirs.at), theirs.version, line_of(theirs, True), cut_of(theirs)]
        final, data = -1 if final is None else final, packed(theirs.values, bits)
        marks = {text_of(lineage): packed_marks(indices) for lineage, indices in theirs.marks.items()}
        head = ["channel", ID, "u", final, text_of(present), least, *state]
        whole = [data, *(part for pair in marks.items() for part in pair)]
        answer = self.mend(keys=keys, args=[*head, self.piece or 1000, *([""] if self.piece else whole)])
        if answer[0] != b"Q":
            return answer
        size = self.piece * bits
        for first in range(0, len(data), size):
            slices = [part for name, bits_of in marks.items()
                      for part in (name, bits_of[first // bits:(first + size) // bits])]
            self.meanwhile()
            self.add(keys=keys, args=[ID, final, text_of(present), least, *state, answer[4], "random", first, data[first:first + size], *slices])
        self.meanwhile()
        return self.end(keys=keys, args=[*head, answer[4], "random", -1, *marks])


def look(redis, bits):
    config = {k.decode(): v.decode() for k, v in redis.hgetall(f"{POOL}list:{ID}:config").items() if k != b"seed"}
    data = (redis.get(f"{POOL}list:{ID}:data") or b"").ljust(INDICES * bits // 8, b"\0")
    return data, config["at"], config["line"], config.get("cut", ""), int(config["version"])


def both(redis, call, seed, bits):
    """Joins two states in Redis and in the model. What came of it: C, U, M or E."""
    chance, now = Chance(seed), int(time.time())
    family = Family(chance, now)
    present = Lineage(now - 1, now - 1, True, 999)
    ours, theirs = family.member(bits), family.member(bits)
    if theirs.version == 0 or theirs.at not in theirs.line or ours.version > 0 and ours.at not in ours.line:
        return None
    alike(ours, theirs)
    final = None if chance.random() < 0.5 else chance.between(1, (1 << bits) - 1)
    put(redis, ours, bits, present)
    what, version, *_ = call(theirs, bits, final, present, 1000)
    if ours.covers(theirs.head):
        assert what == b"C", seed
        return "C"
    assert redis.ttl(f"{POOL}list:{ID}:data") == -1, seed
    joined = join(ours, theirs, final, expired(now))
    assert (what == b"E") == joined.too_late, (seed, what)
    joined.copy_to(ours)
    ours.touch(present, LINE)
    wanted = (packed(ours.values, bits), text_of(present), line_of(ours, False), cut_of(ours), ours.version + JUMP)
    assert look(redis, bits) == wanted, seed
    assert version == ours.version + JUMP
    for lineage, indices in joined.marks.items():
        kept = lineage.drawn + WINDOWS[lineage.long] + KEPT > now
        if kept and not joined.too_late and indices and lineage in ours.line:
            found = redis.get(f"{POOL}list:{ID}:marks:{text_of(lineage)}") or b""
            assert found.ljust(INDICES // 8, b"\0") == packed_marks(indices), (seed, lineage)
    if not joined.too_late:
        assert call(theirs, bits, final, present, 1001)[0] == b"C", seed  # once is enough
    return what.decode()


@pytest.mark.parametrize("piece", [0, 1, 3])
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_the_script_joins_as_the_model(fixture, bits, piece):
    redis = fixture.redis(persistence="none").client
    call = Scripts(redis, piece)
    seen = {}
    for seed in range(400):
        what = both(redis, call, seed, bits)
        seen[what] = seen.get(what, 0) + 1
    assert all(seen.get(what, 0) > 10 for what in "CUME"), seen


@pytest.mark.parametrize("name, right, wrong", [
    ("part/join", "            whole = side\n        elseif", "            whole = not side\n        elseif"),
    ("part/join", "steps[#steps + 1] = {lineage, side ~= whole, side}", "steps[#steps + 1] = {lineage, side ~= whole, not side}"),
    ("mend", "#steps > 0 and select_indices(steps, marked)", "false"),
    ("part/join", "mixed = mixed or side ~= whole", "mixed = true"),
    ("part/join", "redis.call('BITOP', 'XOR', MASK, MASK, DIFF)", "")])
def test_a_script_that_joins_otherwise_is_found(fixture, name, right, wrong):
    redis = fixture.redis(persistence="none").client
    assert right in (LUA / f"{name}.lua").read_text(encoding="utf-8")
    call = Scripts(redis, altered=lambda of, text: text.replace(right, wrong, 1))
    with pytest.raises(AssertionError):
        for seed in range(1000):
            both(redis, call, seed, 2)


# ---- in pieces, while others go on


class Others:
    """Set statuses between the pieces, in Redis by the script `update` and in the model."""

    def __init__(self, redis, chance, ours, bits, final, present):
        self.update = redis.register_script(script("update"))
        self.chance, self.ours, self.bits, self.final, self.present, self.sets = chance, ours, bits, final, present, 0

    def __call__(self):
        chance, ours = self.chance, self.ours
        for _ in range(chance.below(3)):
            index, value = chance.below(INDICES), chance.below(1 << self.bits)
            refused = self.final is not None and ours.values[index] == self.final != value
            fresh = index not in ours.marks.setdefault(self.present, set())
            answer = self.update(keys=[POOL + "config"], args=["channel", ID, -1 if self.final is None else self.final,
                                                               struct.pack("<IB", index, value), text_of(self.present), 1000, 1])
            assert (answer[2] == b"F") == refused
            self.sets += not refused
            if not refused and (ours.values[index] != value or fresh):
                ours.values[index] = value
                ours.marks[self.present].add(index)
                ours.touch(self.present, LINE)


def joined_beside_others(redis, seed, bits, altered=lambda name, text: text):
    """Joins two states in pieces, and in the model as if all of it came at the end. How many statuses were set meanwhile."""
    chance, now = Chance(seed), int(time.time())
    family = Family(chance, now)
    present = Lineage(now - 1, now - 1, True, 999)
    ours, theirs = family.member(bits), family.member(bits)
    if theirs.version == 0 or theirs.at not in theirs.line or ours.version > 0 and ours.at not in ours.line or len(ours.line) == LINE:
        return 0
    alike(ours, theirs)
    final = None if chance.random() < 0.5 else chance.between(1, (1 << bits) - 1)
    if ours.covers(theirs.head):
        return 0
    put(redis, ours, bits, present)
    late = join(ours, theirs, final, expired(now)).too_late
    others = Others(redis, chance, ours, bits, final, present)
    what, version, *_ = Scripts(redis, 1, altered, others)(theirs, bits, final, present, 1000)
    joined = join(ours, theirs, final, expired(now), late=late)
    assert (what == b"E") == late, (seed, what)
    joined.copy_to(ours)
    ours.touch(present, LINE)
    assert look(redis, bits) == (packed(ours.values, bits), text_of(present), line_of(ours, False), cut_of(ours), version), seed
    assert redis.ttl(f"{POOL}list:{ID}:data") == -1 and not redis.keys("*:join:*"), seed
    return others.sets


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_what_is_set_during_a_join_in_pieces_is_the_later_word(fixture, bits):
    redis = fixture.redis(persistence="none").client
    assert sum(joined_beside_others(redis, seed, bits) for seed in range(200)) > 200


@pytest.mark.parametrize("name, right, wrong", [
    ("join_end", "if moved then", "if false then"),
    ("join_end", "mix(is, was, true,", "mix(was, is, true,"),
    ("join_end", "redis.call('PERSIST', key)", ""),
    ("join_piece", "(from + #bytes) / r.bits - 1", "(from + #bytes) / r.bits - 2"),
    ("join_piece", "GETRANGE', data_key(id), from,", "GETRANGE', data_key(id), from + 1,")])
def test_pieces_that_are_joined_otherwise_are_found(fixture, name, right, wrong):
    redis = fixture.redis(persistence="none").client
    assert right in script(name)
    with pytest.raises((AssertionError, redis_library.ResponseError)):
        for seed in range(400):
            joined_beside_others(redis, seed, 4, lambda of, text: text.replace(right, wrong, 1) if of == name else text)
