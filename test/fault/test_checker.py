"""The checker itself: it accepts right histories, and names each mistake that a wrong one has."""
import pytest

from checker import check

A, B = "http://s/a", "http://s/b"


class Book:
    """A history written by hand; each call takes one unit of time unless the test says otherwise."""

    def __init__(self):
        self.lines, self.t = [{"event": "start", "t": 0, "instance": 0, "life": 1}], 10

    def add(self, op, outcome="ok", t0=None, t1=None, **fields):
        self.t += 2
        t0 = self.t if t0 is None else t0
        line = {"op": op, "instance": 0, "life": 1, "client": 0, "t0": t0, "t1": t0 + 1 if t1 is None else t1,
                "outcome": outcome, "code": "", **fields}
        self.lines.append(line)
        return line

    def reserve(self, *refs, **fields):
        return self.add("reserve", refs=[list(r) for r in refs], **fields)

    def write(self, *sets, **fields):
        return self.add("update" if len(sets) == 1 else "batch", sets=[list(s) for s in sets], **fields)

    def status(self, uri, index, value, **fields):
        return self.add("status", ref=[uri, index], value=value, version=1, **fields)

    def fetch(self, uri, iat=1, statuses=None, **fields):
        return self.add("fetch", uri=uri, iat=iat, exp=99, statuses={str(i): v for i, v in (statuses or {}).items()}, **fields)

    def loss(self, since):
        self.t += 2
        self.lines.append({"event": "loss", "since": since, "t": self.t})

    def kinds(self):
        return check(self.lines).kinds()


@pytest.fixture
def book():
    return Book()


def test_a_quiet_history(book):
    book.reserve((A, 1), (A, 2), (B, 1))
    book.write((A, 1, 1))
    book.write((A, 1, 2), (B, 1, 1))
    book.fetch(A, statuses={1: 1})  # a token may be older than what was acknowledged
    book.fetch(A, statuses={1: 2})
    book.status(A, 1, 2, final=True)
    book.status(B, 1, 1, final=True)
    book.fetch(A, statuses={1: 2}, final=True)
    report = check(book.lines)
    assert not report.violations and report.references == 3 and report.acknowledged == 3 and report.lost == 0


def test_given_twice(book):
    book.reserve((A, 1), (A, 2))
    book.lines.append({"event": "start", "t": 20, "instance": 1, "life": 1})
    book.loss(0)
    book.reserve((A, 2), instance=1)
    assert book.kinds() == {"twice"}


@pytest.mark.parametrize("value,kinds", [(0, set()), (1, set()), (2, {"phantom"})])
def test_an_unknown_outcome_is_one_of_two(book, value, kinds):
    book.write((A, 1, 1), outcome="unknown")
    book.status(A, 1, value, final=True)
    assert book.kinds() == kinds


def test_an_unknown_write_that_comes_late(book):
    book.write((A, 1, 1), outcome="unknown")
    book.write((A, 1, 2))
    book.status(A, 1, 1, final=True)
    assert book.kinds() == {"lost"}


def test_an_unknown_write_that_was_seen_stays(book):
    book.write((A, 1, 1), outcome="unknown")
    book.status(A, 1, 1)
    book.status(A, 1, 0, final=True)
    assert book.kinds() == {"unread"}


def test_a_refused_write_has_not_happened(book):
    book.write((A, 1, 1), outcome="no")
    book.status(A, 1, 1, final=True)
    assert book.kinds() == {"phantom"}


def test_a_value_from_the_future(book):
    book.status(A, 1, 1)
    book.write((A, 1, 1))
    book.status(A, 1, 1, final=True)
    assert book.kinds() == {"phantom"}


@pytest.mark.parametrize("since,kinds,lost", [(None, {"lost"}, 1), (1000, {"lost"}, 1), (0, set(), 1)])
def test_a_lost_write_is_excused_by_a_loss_only(book, since, kinds, lost):
    write = book.write((A, 1, 1))
    if since is not None:
        book.loss(since and write["t1"] + 1)
    book.status(A, 1, 0, final=True)
    report = check(book.lines)
    assert report.kinds() == kinds and report.lost == lost


def test_a_write_after_the_loss_is_not_excused(book):
    book.loss(0)
    book.write((A, 1, 1))
    book.status(A, 1, 0, final=True)
    assert book.kinds() == {"lost"}


def test_a_last_token_that_lacks_a_write(book):
    book.write((A, 1, 1))
    book.status(A, 1, 1, final=True)
    book.fetch(A, final=True)
    assert book.kinds() == {"lost"}


@pytest.mark.parametrize("second", [{"iat": 1}, {"iat": 5, "statuses": {}}])
def test_a_list_goes_back(book, second):
    book.write((A, 1, 1))
    book.fetch(A, **{"iat": 5, "statuses": {1: 1}})
    book.fetch(A, **{"statuses": {1: 1}, **second})
    book.status(A, 1, 1, final=True)
    assert book.kinds() == {"back"}


def test_fetches_at_the_same_time_have_no_order(book):
    book.write((A, 1, 1))
    book.fetch(A, iat=5, statuses={1: 1}, t0=100, t1=120)
    book.fetch(A, iat=4, t0=110, t1=130)
    book.status(A, 1, 1, t0=200, final=True)
    assert book.kinds() == set()


def test_another_life_or_instance_may_be_behind(book):
    book.write((A, 1, 1))
    book.fetch(A, iat=5, statuses={1: 1})
    book.fetch(A, iat=4, instance=1)
    book.fetch(A, iat=4, life=2)
    book.status(A, 1, 1, final=True)
    assert book.kinds() == set()


def test_what_a_living_instance_has_shown_is_mended(book):
    book.write((A, 1, 1))
    book.fetch(A, statuses={1: 1})
    book.loss(0)
    book.status(A, 1, 0, final=True)
    assert book.kinds() == {"unmended"}
    book.lines.append({"event": "kill", "t": 50, "instance": 0, "life": 1})
    assert book.kinds() == set()


def test_what_an_earlier_history_has_left(book):
    book.lines.append({"event": "before", "t": 1, "lists": {A: {"1": 3}}})
    book.fetch(A, statuses={1: 3})
    assert book.kinds() == set()
    book.fetch(A, statuses={1: 2}, instance=1)
    assert book.kinds() == {"phantom"}


def test_values_have_no_order(book):
    book.write((A, 1, 9))
    book.write((A, 1, 4))
    book.fetch(A, statuses={1: 9})
    book.status(A, 1, 4, final=True)
    book.fetch(A, statuses={1: 4}, final=True)
    assert book.kinds() == set()
    book.fetch(A, statuses={1: 9})
    assert book.kinds() == {"back"}


def test_a_value_that_was_taken_back(book):
    """0, 5, 0: the last 0 is a write as any other, and what comes back over it is not what was acknowledged."""
    book.write((A, 1, 5))
    book.fetch(A, statuses={1: 5})
    book.write((A, 1, 0))
    book.fetch(A)
    book.status(A, 1, 0, final=True)
    assert book.kinds() == set()
    lines = list(book.lines)
    book.fetch(A, statuses={1: 5})
    book.fetch(A)
    assert book.kinds() == set(), "the 0 of a token may be that of before"
    book.lines = [*lines[:-1], {**lines[-1], "value": 5}]
    assert book.kinds() == {"lost"}


def test_a_lost_branch_comes_back_over_a_value_that_was_so(book):
    """5 is put back with older data, and acknowledged anew; an instance that had shown 7 brings the 7 back."""
    book.write((A, 1, 5))
    loss = book.t + 2
    book.write((A, 1, 7))
    book.fetch(A, statuses={1: 7})
    book.loss(loss)
    book.write((A, 1, 5))
    book.status(A, 1, 7, final=True)
    assert book.kinds() == {"lost"}
    book.lines[-1]["value"] = 5
    assert book.kinds() == set()


def test_half_a_batch(book):
    book.write((A, 1, 1), (A, 2, 1), (B, 1, 1), outcome="unknown")
    for uri, index, value in ((A, 1, 1), (A, 2, 1), (B, 1, 0)):
        book.status(uri, index, value, final=True)
    assert book.kinds() == {"half"}
    book.lines = [x for x in book.lines if not x.get("final")]
    for uri, index in ((A, 1), (A, 2), (B, 1)):
        book.status(uri, index, 1, final=True)
    assert book.kinds() == set()
    book.fetch(A, statuses={1: 1})
    assert book.kinds() == {"half"}


def test_a_history_that_ends_early_or_is_no_history(book):
    book.write((A, 1, 1))
    assert book.kinds() == {"unfinished"}
    book.write((A, 1, 2), t0=book.t)
    book.status(A, 1, 2, final=True)
    assert book.kinds() == {"record"}
