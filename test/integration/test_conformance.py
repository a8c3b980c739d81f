"""Rules of RFC 9110 and 9111 and of the specification that no other file proves: docs/conformance.md names them all."""
import email.utils
import time

import pytest

from client import Client, path_of, until
from cwts import CWT, Cwt
from tokens import Token, fetch_token

KEY = {"X-Api-Key": "key-of-tests"}


@pytest.fixture(scope="module")
def service(shared_fixture):
    pools = {"tests": {"size": 800, "bits": 2, "update-interval": "0s", "aggregation-uri": True,
                       "prefetch": {"threshold": 40, "capacity": 80}},
             "old": {"size": 80, "prefetch": {"threshold": 4, "capacity": 8}}}
    return shared_fixture.service(shared_fixture.redis(), pools).start()


@pytest.fixture
def wallet(service):
    with Client(service) as c:
        yield c


@pytest.fixture(scope="module")
def uri(service):
    with Client(service) as c:
        return c.reserve()[0][0]


@pytest.fixture(params=[{}, {"Accept-Encoding": "gzip"}, {"Accept": CWT}], ids=["jwt", "gzip", "cwt"])
def form(request):
    return request.param


def after(seconds):
    return email.utils.formatdate(time.time() + seconds, usegmt=True)


def test_if_match(wallet, uri, form):
    """RFC 9110 sections 13.1.1 and 13.2.2: before all other conditions, compared strongly."""
    tag = wallet.fetch(uri, form)["etag"]
    for method in ("GET", "HEAD"):
        for value in (tag, "*", f'"other", {tag}', f"W/{tag}, {tag}"):
            r = wallet.fetch(uri, {**form, "If-Match": value}, method)
            assert r.status == 200 and r["etag"] == tag, value
            assert wallet.fetch(uri, {**form, "If-Match": value, "If-None-Match": tag}, method).status == 304
        for value in ('"other"', f"W/{tag}", tag[1:-1], ""):
            for more in ({}, {"If-None-Match": tag}, {"If-Modified-Since": after(60)}, {"If-Unmodified-Since": after(60)}):
                r = wallet.fetch(uri, {**form, **more, "If-Match": value}, method)
                assert r.status == 412 and r["cache-control"] == "no-store", (value, more)
                assert r["access-control-allow-origin"] == "*"
    assert wallet.fetch(uri, {**form, "If-Match": '"other"'}).problem()["code"] == "PRECONDITION_FAILED"


def test_the_tag_of_another_form_is_no_strong_match(wallet, uri):
    forms = [{}, {"Accept-Encoding": "gzip"}, {"Accept": CWT}]
    tags = [wallet.fetch(uri, f)["etag"] for f in forms]
    for i, f in enumerate(forms):
        assert [wallet.fetch(uri, {**f, "If-Match": t}).status for t in tags] == [200 if j == i else 412 for j in range(3)]


def test_if_unmodified_since(wallet, uri, form):
    """RFC 9110 section 13.1.4: an invalid date is ignored; the date of the answer itself matches."""
    r = wallet.fetch(uri, form)
    for method in ("GET", "HEAD"):
        for value, status in ((after(60), 200), (r["last-modified"], 200), (after(-86400), 412), ("yesterday", 200), ("", 200)):
            assert wallet.fetch(uri, {**form, "If-Unmodified-Since": value}, method).status == status, value
    passed = {**form, "If-Unmodified-Since": after(-86400), "If-Match": r["etag"]}
    assert wallet.fetch(uri, passed).status == 200, "with If-Match the date is not asked"


def test_conditions_count_only_where_the_answer_would_be_200(wallet, uri):
    """RFC 9110 section 13.2.1."""
    for target, headers, status in ((path_of(uri), {"Accept": "text/html"}, 406), (path_of(uri) + "?time=1", {}, 501),
                                    ("/00000000-0000-4000-8000-000000000000", {}, 404), ("/aggregation/none", {}, 404)):
        for condition in ({"If-Match": '"x"'}, {"If-None-Match": "*"}, {"If-Unmodified-Since": after(-86400)}):
            assert wallet.get(target, {**headers, **condition}).status == status


def test_conditions_of_the_aggregation(wallet):
    tag = wallet.get("/aggregation/tests")["etag"]
    for value, status in ((tag, 200), ("*", 200), ('"x"', 412), (f"W/{tag}", 412)):
        assert wallet.get("/aggregation/tests", {"If-Match": value}).status == status
    # It has no date of modification, so conditions by date say nothing.
    assert wallet.get("/aggregation/tests", {"If-Unmodified-Since": after(-86400), "If-Modified-Since": after(60)}).status == 200


def test_date_and_last_modified(service, wallet, uri, form):
    """RFC 9110 sections 6.6.1 and 8.8.2.1: every answer has a Date, and no token is younger than its answer."""
    for target in (path_of(uri), "/aggregation/tests", "/nowhere", path_of(uri) + "?time=1"):
        r = wallet.get(target, form)
        date = email.utils.parsedate_to_datetime(r["date"]).timestamp()
        assert abs(date - time.time()) < 30 and r["date"].endswith(" GMT")
        if r["last-modified"]:
            assert email.utils.parsedate_to_datetime(r["last-modified"]).timestamp() <= date


def test_a_range_is_answered_with_the_whole(wallet, uri, form):
    """RFC 9110 section 14.2: ranges may be ignored, and a part of a token is no token."""
    whole = wallet.fetch(uri, form)
    part = wallet.fetch(uri, {**form, "Range": "bytes=0-9", "If-Range": whole["etag"]})
    assert part.status == 200 and part.body == whole.body and part["content-range"] is None


def test_a_token_is_served_unchanged_until_the_next_one(wallet, uri, form):
    """RFC 9110 section 8.8.1: equal tags mean equal bytes, whichever worker answers."""
    seen = {}
    for _ in range(30):
        r = wallet.fetch(uri, form)
        wallet.connection.close()
        assert seen.setdefault(r["etag"], r.body) == r.body
    assert len(seen) == 1


def test_a_suspension_ends(service):
    """Section 7.1: suspended is a value of its own and can be taken back; nothing of the token tells that it ever was."""
    with service.client() as c:
        (uri, index), (_, other) = c.reserve(2)

        def shown():
            return Token(c.fetch(uri).body).nonzero(), Cwt(c.fetch(uri, {"Accept": CWT}).body).status(index)

        c.update(uri, other, 3)  # application-specific
        for value in (2, 0, 1):
            c.update(uri, index, value)
            wanted = ({index: value, other: 3} if value else {other: 3}, value)
            until(lambda: shown() == wanted, 10, f"status {value}")


def test_every_issuance_takes_a_fresh_entry(service):
    """Sections 13.2 and 13.3: a reference is new whenever one is asked for, and unused entries look like valid ones."""
    with service.client("old") as c:
        taken = [r for _ in range(40) for r in c.reserve(4)]  # two lists' worth
        assert len(set(taken)) == len(taken) and len({u for u, _ in taken}) >= 2
        assert all(fetch_token(c, u).nonzero() == {} for u in {u for u, _ in taken})


def test_nothing_in_a_uri_tells_of_a_reference(service):
    """Section 12.2: all references of a list share one URI, without query or fragment."""
    with service.client() as c:
        uris = {u for u, _ in c.reserve(40)}
    assert len(uris) <= 2
    assert all("?" not in u and "#" not in u for u in uris)
