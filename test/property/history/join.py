"""The join: two histories of one list are put together, and neither replaces the other.

Per index the later lineage wins; within one lineage the higher version, which contains the lower; final statuses win over all. The
lowest lineage in which the two lines differ is where the histories part: of it and of all that lies below, the side that has more of
it has all bytes. Above, a side knows which indices were acknowledged in a lineage by the marks of that lineage.
"""
from lineage import State


class Joined(State):
    __slots__ = ("too_late",)  # what would have been needed is no longer known: the bytes are ours, final statuses apart


def differing(ours, theirs):
    """The lineages of which the two sides do not contain the same, lowest first."""
    return sorted(lineage for lineage in {*ours.line, *theirs.line} if ours.line.get(lineage, 0) != theirs.line.get(lineage, 0))


def join(ours, theirs, final, expired=lambda lineage: False, know_cut=True, finals_win=True, late=None):
    """`ours` (in Redis) and `theirs` (remembered) in one state; the caller touches it. `final`: the final status, or None. `expired` says
    that the marks of a lineage may be incomplete by now. The order of the sides decides nothing but whose bytes stay when it is too
    late. `late`, where it is given, says whether it is: a join in pieces has found that out when it began. (`know_cut` and `finals_win` are for plants.)"""
    result = ours.copy_to(Joined())
    cut = max(ours.cut, theirs.cut)
    differ = [lineage for lineage in differing(ours, theirs) if lineage > cut or not know_cut]
    result.too_late = any(expired(lineage) for lineage in needed(ours, theirs, differ))
    if know_cut:
        result.too_late |= theirs.at <= cut or ours.up_to(cut) != theirs.up_to(cut)
    if late is not None:
        result.too_late = late
    if differ and not result.too_late:
        overlay(result, ours, theirs, differ)
    if final is not None and finals_win:
        keep_finals(result, theirs, final)
        keep_finals(result, ours, final)
    for lineage, version in theirs.line.items():
        result.line[lineage] = max(result.line.get(lineage, 0), version)
    if know_cut:
        result.cut, result.below = cut, ours.up_to(cut)
        result.line = {lineage: version for lineage, version in result.line.items() if lineage > cut}
    result.version = max(ours.version, theirs.version)
    return result


def has_more(ours, theirs, lineage):
    """The side that contains more of a lineage that differs."""
    return theirs if theirs.line.get(lineage, 0) > ours.line.get(lineage, 0) else ours


def needed(ours, theirs, differ):
    """The lineages whose marks decide. As long as one side has more of everything its bytes are right as a whole; so marks count from
    the first lineage on of which the other side has more."""
    for at, lineage in enumerate(differ):
        if has_more(ours, theirs, lineage) is not has_more(ours, theirs, differ[0]):
            return differ[at:]
    return []


def overlay(result, ours, theirs, differ):
    base = has_more(ours, theirs, differ[0])
    result.values, result.writes = base.values[:], base.writes[:]
    # Of what both sides contain, neither has to be asked: whatever stands at such an index is that or later, on either side.
    for lineage in differ[1:]:
        side = has_more(ours, theirs, lineage)
        for index in side.marks.get(lineage, ()):
            result.values[index], result.writes[index] = side.values[index], side.writes[index]
    for lineage, indices in theirs.marks.items():
        result.marks.setdefault(lineage, set()).update(indices)


def keep_finals(result, side, final):
    for index, value in enumerate(side.values):
        if value == final and result.values[index] != final:
            result.values[index], result.writes[index] = final, side.writes[index]
