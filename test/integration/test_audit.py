"""The audit record: every acknowledged call exactly once, over rotation, reopening and kill -9; and what a full disk does."""
import hashlib
import json
import os
import re
import signal
import stat
import subprocess
import threading
import time

import pytest

from client import Connection, parallel, until
from processes import instrumented

PATIENCE = 60 if instrumented() else 20
POOL = {"size": 20000, "bits": 2, "final-status": 3, "prefetch": {"threshold": 100, "capacity": 400}}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def lines(*paths):
    found = []
    for path in paths:
        text = path.read_text()
        assert text == "" or text.endswith("\n")
        found += [json.loads(line) for line in text.splitlines()]
    return found


def indices(line):
    return [i for part in line["indices"] for i in (range(part[0], part[1] + 1) if isinstance(part, list) else [part])]


def references(found, action="reserve", outcome="acknowledged"):
    return [(r["list"], i, r.get("value")) for r in found if (r["action"], r["outcome"]) == (action, outcome) for i in indices(r)]


def ids(references):
    return [(uri[-36:], index, None) for uri, index in references]


def record(fixture, **audit):
    path = fixture.directory / "audit" / "record"
    path.parent.mkdir(exist_ok=True)
    service = fixture.service(fixture.redis(), {"tests": POOL}, audit={"file": str(path), "flush-interval": "50ms", **audit})
    return service, path


def files(path):
    """Oldest first."""
    full = sorted(path.parent.glob(path.name + ".*"), key=lambda p: -int(p.suffix[1:]))
    return [*full, path]


def test_what_a_line_says(fixture):
    service, path = record(fixture)
    service.start()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    with service.client() as c:
        r = c.connection.request("POST", "/pools/tests/new-references?amount=2", {"X-Api-Key": c.key, "X-Request-Id": "of-the-caller"})
        refs = [(e["uri"], e["index"]) for e in r.json()["references"]]
        c.update(*refs[0], 1)
        c.update(*refs[1], 3)
        assert c.try_update(*refs[1], 1).status == 403
        c.batch([(refs[0][0], i, 2) for i in (10, 11, 12, 7)])
        # Without effect: they leave no record.
        assert c.try_update(refs[0][0], 10**7, 1).status == 400
        assert c.status(*refs[0]) == 1
        assert c.try_reserve(10**6).status == 400
    until(lambda: len(lines(path)) >= 5, PATIENCE, "five lines")
    found = lines(path)
    assert [r["action"] for r in found] == ["reserve", "update", "update", "update", "batch-update"]
    assert [r["outcome"] for r in found] == ["acknowledged"] * 3 + ["refused", "acknowledged"]
    for r in found:
        assert TIME.fullmatch(r["time"]) and r["pool"] == "tests" and r["client"] == "127.0.0.1"
        assert r["credential"] == hashlib.sha256(b"key-of-tests").hexdigest()[:16]
        assert r["list"] == refs[0][0][-36:]
    assert found[0]["request"] == "of-the-caller" and len({r["request"] for r in found}) == 5 and len(found[1]["request"]) == 16
    assert indices(found[0]) == [i for _, i in refs] and "value" not in found[0]
    assert (found[1]["indices"], found[1]["value"]) == ([refs[0][1]], 1)
    assert found[3]["code"] == "FORBIDDEN" and found[3]["value"] == 1
    assert (found[4]["indices"], found[4]["value"]) == ([[10, 12], 7], 2)
    assert "key-of-tests" not in path.read_text()
    # The same request with an Idempotency-Key is recorded each time that it is answered.
    with Connection(service.issuer) as c:
        keyed = [c.request("POST", "/pools/tests/new-references?amount=3", {"X-Api-Key": "key-of-tests", "Idempotency-Key": '"k"'}).json()
                 for _ in range(2)]
    until(lambda: len(lines(path)) >= 7, PATIENCE, "two more")
    assert keyed[0] == keyed[1] and [indices(r) for r in lines(path)[5:]] == [[e["index"] for e in keyed[0]["references"]]] * 2


def busy(service, worker, rounds):
    """References that this client got, and what was acknowledged as set."""
    mine, changed = [], []
    with service.client() as c:
        for n in range(rounds):
            new = c.reserve(1 + (n + worker) % 5 * 30)
            mine += new
            for r in new[:3]:
                c.update(*r, 1 + n % 2)
                changed.append((r[0][-36:], r[1], 1 + n % 2))
            if new[3:9]:
                c.batch([(*r, 2) for r in new[3:9]])
            changed += [(r[0][-36:], r[1], 2) for r in new[3:9]]
    return mine, changed


def test_under_load_with_rotation_everything_is_there_once(fixture):
    service, path = record(fixture, **{"max-size": "4KiB", "keep": 1000})
    service.start()
    results = parallel(4, lambda n: busy(service, n, 15))
    service.stop()
    found = lines(*files(path))
    assert len(files(path)) > 5
    assert sorted(references(found)) == sorted(ids(r for mine, _ in results for r in mine))
    changed = [t for _, mine in results for t in mine]
    assert sorted(references(found, "update") + references(found, "batch-update")) == sorted(changed)
    assert {r["outcome"] for r in found} == {"acknowledged"}


def test_no_more_files_are_kept_than_configured(fixture):
    service, path = record(fixture, **{"max-size": "4KiB", "keep": 2})
    service.start()
    busy(service, 0, 20)
    service.stop()
    assert [p.name for p in files(path)] == ["record.2", "record.1", "record"]
    assert all(p.stat().st_size <= 4096 for p in files(path))
    lines(*files(path))


def test_whoever_renames_it_sends_sighup(fixture):
    service, path = record(fixture)
    service.start()
    with service.client() as c:
        first = c.reserve(5)
        until(lambda: path.read_text(), PATIENCE, "a line")
        os.rename(path, path.with_name("elsewhere"))
        service.process.send_signal(signal.SIGHUP)
        until(lambda: service.metric("reloads_total", pool=None, result="done") > 0, PATIENCE, "the reload")
        second = c.reserve(5)
        until(lambda: path.exists() and path.read_text(), PATIENCE, "a new file")
    assert references(lines(path.with_name("elsewhere"))) == ids(first)
    assert references(lines(path)) == ids(second)


def test_kill_loses_no_more_than_the_last_moment(fixture):
    """Calls that were acknowledged one flush interval before the kill are recorded, and a truncated line does not spoil the next."""
    service, path = record(fixture)
    service.start()
    mine, changed = busy(service, 1, 10)
    until(lambda: len(references(lines(path))) == len(mine) and service.metric("audit_backlog_bytes", pool=None) == 0, PATIENCE, "lines")
    service.kill()
    assert sorted(references(lines(path))) == sorted(ids(mine))
    with open(path, "a") as f:
        f.write('{"time":"2026')
    service.start()
    with service.client() as c:
        more = c.reserve(3)
    service.stop()
    text = path.read_text().splitlines()
    assert text[-2] == '{"time":"2026' and references([json.loads(text[-1])]) == ids(more)


def test_kill_under_load(fixture):
    """No record stands twice, and only those of the last moments may be lost: generously measured, for a busy machine."""
    moment = 4 if instrumented() else 2
    service, path = record(fixture)
    service.start()
    reserved, stop = [], threading.Event()

    def issue(n):
        try:
            with service.client() as c:
                while not stop.is_set():
                    new = c.reserve(1 + n * 9)
                    reserved.append((time.monotonic(), ids(new)))
        except (OSError, AssertionError):
            assert stop.is_set()

    threads = [threading.Thread(target=issue, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    time.sleep(moment + 1)
    stop.set()
    killed = time.monotonic()
    service.kill()
    for t in threads:
        t.join()
    found = references([json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")])
    assert len(set(found)) == len(found)
    early = [r for when, mine in reserved if when < killed - moment for r in mine]
    assert len(early) > 50 and set(early) <= set(found)


@pytest.fixture
def small_disk(fixture):
    """128 KiB; needs root, as the faults of test/fault do."""
    path = fixture.directory / "small"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(path)], check=True)
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


@pytest.mark.parametrize("on_failure", ["refuse", "continue"])
def test_a_full_disk(fixture, small_disk, on_failure):
    service, path = record(fixture, file=str(small_disk / "record"), **{"on-failure": on_failure})
    path = small_disk / "record"
    service.start()
    with service.client() as c:
        first = c.reserve(5)
        until(lambda: path.read_text(), PATIENCE, "a line")
        filler = small_disk / "filler"
        with open(filler, "wb", buffering=0) as f:
            try:
                while f.write(b"x" * 512):
                    pass
            except OSError:
                pass
        # The last page of the record may have room for a few lines.
        got = []

        def step():
            r = c.try_reserve(100)
            if r.status == 200:
                got.extend((e["uri"], e["index"]) for e in r.json()["references"])
            return r.status == 503 or service.metric("audit_failing", pool=None) == 1

        until(step, PATIENCE, "a failure")
        assert service.metric("audit_failures_total", pool=None) >= 1
        if on_failure == "refuse":
            for r in (c.try_reserve(1), c.try_update(*first[0], 1), c.try_batch([(*first[0], 1)])):
                assert r.status == 503 and r.problem()["code"] == "UNAVAILABLE" and "audit" in r.problem()["detail"]
                assert int(r["retry-after"]) > 0
            ready, reason = service.readiness()
            assert not ready and reason.startswith("audit: ") and "No space" in reason
            assert service.readiness("") == (True, "")
        else:
            c.update(*first[0], 1)
            assert service.readiness() == (True, "")
        assert c.fetch(first[0][0]).status == 200 and c.status(*first[0]) == (0 if on_failure == "refuse" else 1)
        filler.unlink()
        until(lambda: service.metric("audit_failing", pool=None) == 0, PATIENCE, "the disk to be usable again")
        until(lambda: service.readiness()[0], PATIENCE, "readiness")
        last = c.reserve(5)
    service.stop()
    # Whole lines, and all that was acknowledged: what had no room waited.
    assert sorted(references(lines(path))) == sorted(ids(first + got + last))
    assert service.log().count("cannot be written") >= 1


def test_a_record_that_cannot_be_opened_refuses_the_start(fixture):
    service, _ = record(fixture, file="/nowhere/record")
    service.spawn()
    assert service.wait_end(PATIENCE) == 1
    assert "/nowhere/record cannot be opened: No such file or directory" in service.log()
