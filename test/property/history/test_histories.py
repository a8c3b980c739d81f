"""The rules of ownership and histories: random schedules in which they hold, and for every rule a schedule in which something breaks
without it. `corpus.json` has those, made short; after a change of the model `python3 test/property/history --corpus` makes them anew."""
import json
import pathlib

import pytest

from chance import Chance
from join import join
from lineage import ROOT, STATUSES, Lineage, List, State
from rules import PLANTS
from schedule import run

CORPUS = json.loads((pathlib.Path(__file__).parent / "corpus.json").read_text(encoding="utf-8"))
SCHEDULES, PARTS = 10_000, 20


@pytest.mark.parametrize("part", range(PARTS))
def test_all_that_is_promised_holds_in_random_schedules(part):
    size = SCHEDULES // PARTS
    for seed in range(part * size, (part + 1) * size):
        violation, _ = run(seed)
        assert violation is None, f"schedule {seed}: {violation}; python3 test/property/history --shrink {seed}"


@pytest.mark.parametrize("plant", PLANTS)
def test_what_breaks_without_a_rule_holds_with_it(plant):
    schedule = CORPUS[plant]
    violation, _ = run(schedule["seed"], plant, schedule["steps"])
    assert violation is not None and violation.kind == schedule["kind"]
    violation, _ = run(schedule["seed"], None, schedule["steps"])
    assert violation is None


def test_the_corpus_is_of_the_plants_that_there_are():
    assert set(CORPUS) == set(PLANTS)


# ---- the join by itself


def branches(seed):
    """Three states of a list that have a beginning in common, and then a different end each."""
    chance, lineages = Chance(seed), [Lineage(order, order, True, order) for order in range(1, 6)]

    def go_on(state, lineage, steps):
        for _ in range(steps):
            index = chance.below(STATUSES)
            state.values[index] = chance.below(2)
            state.marks.setdefault(lineage, set()).add(index)
            state.version += 1
            state.at, state.line[lineage] = lineage, state.version

    root = State()
    root.line, root.version = {ROOT: 3}, 3
    go_on(root, lineages[0], chance.below(3))
    ends = []
    for own in lineages[1:4]:
        state = root.state()
        go_on(state, lineages[0], chance.below(2) if own == lineages[1] else 0)  # one of them writes on in what all have
        go_on(state, own, chance.below(3))
        ends.append(state)
    return ends


def content(state):
    return state.values, state.line, state.cut, {lineage: marks for lineage, marks in state.marks.items() if marks}


@pytest.mark.parametrize("final", [None, 1])
def test_a_join_has_no_order_and_a_second_one_changes_nothing(final):
    for seed in range(2000):
        a, b, c = branches(seed)
        assert content(join(a, b, final)) == content(join(b, a, final)), seed
        assert content(join(join(a, b, final), c, final)) == content(join(a, join(b, c, final), final)), seed
        assert content(join(join(a, b, final), b, final)) == content(join(a, b, final)), seed
        assert content(join(a, a, final)) == content(a), seed


def test_what_both_contain_is_not_joined_again():
    """Theirs joined what ours has, then a write came after the marks' window, at an index that both know of."""
    parting, both, expired = (Lineage(order, order, True, order) for order in (1, 2, 3))
    ours, theirs = State(), State()
    ours.line, ours.marks = {parting: 3, both: 4}, {both: {0}}
    ours.at, ours.version, ours.values = both, 4, [1, 0]
    theirs.line, theirs.marks = {parting: 5, both: 4, expired: 6}, {both: {0}}
    theirs.at, theirs.version, theirs.values = expired, 6, [0, 1]
    joined = join(ours, theirs, None, lambda lineage: lineage == expired)
    assert not joined.too_late and joined.values == [0, 1]
    assert join(theirs, ours, None, lambda lineage: lineage == expired).values == [0, 1]


def test_what_is_ahead_in_everything_is_never_too_late():
    older, newer = State(), State()
    lineage = Lineage(1, 1, True, 1)
    older.line = {ROOT: 3}
    newer.line, newer.at, newer.version, newer.values = {ROOT: 3, lineage: 4}, lineage, 4, [1, 1]
    joined = join(older, newer, None, lambda _: True)
    assert not joined.too_late and joined.values == [1, 1]


@pytest.mark.parametrize("limit", [3, 4, 16])
def test_a_list_of_age_is_joined_as_any_other(limit):
    """Its line is full. The side that went on has lost its lowest lineage since they parted, and the other side still has it."""
    lineages = [Lineage(order, order, True, order) for order in range(1, 42)]
    ours = List(None)
    for lineage in lineages[:40]:
        ours.touch(lineage, limit)
    theirs = ours.copy()
    theirs.values[0], theirs.marks = 1, {lineages[39]: {0}}
    theirs.touch(lineages[39], limit)
    ours.values[1], ours.marks = 1, {lineages[40]: {1}}
    ours.touch(lineages[40], limit)
    assert ours.cut > theirs.cut
    for one, other in ((ours, theirs), (theirs, ours)):
        joined = join(one, other.state(), None)
        assert not joined.too_late and joined.values == [1, 1]
    theirs.below[lineages[0]] += 1  # it was joined with something of that time
    assert join(ours, theirs.state(), None).too_late


def test_what_fell_out_of_a_line_cannot_be_joined():
    for seed in range(200):
        a, b, _ = branches(seed)
        if b.at == ROOT or b.line == a.line:
            continue
        a.cut = b.at
        a.line = {lineage: version for lineage, version in a.line.items() if lineage > a.cut}
        joined = join(a, b, None)
        assert joined.too_late and joined.values == a.values and joined.cut == a.cut, seed
