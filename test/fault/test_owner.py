"""Who may take from a list: the process that made it, or its successor by the file that it left in memory. Whatever becomes of that file,
of Redis' data or of the process in the middle of a take, no reference is given out twice."""
import os
import pathlib
import random
import shutil
import threading
import time

import pytest

from proxy import Proxy
from restores import copy_of, files_of, keys_of, put_files_back, put_keys_back

POOL = {"size": 2000, "update-interval": "1s", "prefetch": {"threshold": 20, "capacity": 40}}
MEMORY = pathlib.Path("/dev/shm")


@pytest.fixture
def runtime(fixture):
    """A directory on a file system in memory."""
    path = MEMORY / fixture.directory.name
    path.mkdir(mode=0o700)
    yield path
    shutil.rmtree(path)


def started(service, runtime):
    service.extra_environment["RUNTIME_DIRECTORY"] = str(runtime)
    return service.start()


def reserve(service, amount=60):
    given = []
    with service.client() as c:
        for n in range(0, amount, 20):
            given += c.reserve(20)
    return given


def lists(references):
    return {uri for uri, _ in references}


def assert_once(*given):
    every = [r for some in given for r in some]
    assert len(every) == len(set(every)), f"{len(every) - len(set(every))} of {len(every)} references came twice"


@pytest.mark.parametrize("how", ["stopped", "killed"])
@pytest.mark.parametrize("mode", ["external", "embedded"])
def test_a_successor_goes_on_with_the_list(fixture, runtime, how, mode):
    service = started(fixture.service(fixture.redis() if mode == "external" else None, {"tests": dict(POOL)}), runtime)
    given = [reserve(service)]
    for _ in range(3):
        getattr(service, "stop" if how == "stopped" else "kill")()
        started(service, runtime)
        given.append(reserve(service))
    assert_once(*given)
    assert len(set().union(*map(lists, given))) == 1, "there was room in the first list"


@pytest.mark.parametrize("where", ["disk", "none"])
def test_without_a_place_in_memory_each_start_begins_a_list(fixture, where):
    service = fixture.service(fixture.redis(), {"tests": dict(POOL)})
    place = fixture.directory / "runtime"
    if where == "disk":
        place.mkdir()
        assert os.statvfs(place).f_fsid != os.statvfs(MEMORY).f_fsid
    given = []
    for _ in range(3):
        started(service, place if where == "disk" else "")
        given.append(reserve(service))
        service.stop()
    assert_once(*given)
    assert len(set().union(*map(lists, given))) == 3, "a file that may have been copied is not believed"


def test_a_copy_of_the_runtime_directory(fixture, runtime):
    """The file of a process that has had an heir already gives nothing to another."""
    redis = fixture.redis()
    service = started(fixture.service(redis, {"tests": dict(POOL)}), runtime)
    given = [reserve(service)]
    service.kill()
    copy = copy_of(runtime, fixture.directory / "copy")
    started(service, runtime)
    given.append(reserve(service))
    for _ in range(2):
        service.kill()
        copy_of(copy, runtime)
        started(service, runtime)
        given.append(reserve(service))
    assert_once(*given)


def test_a_file_is_used_once(fixture, runtime):
    """Keys of the first process' time are put back after its heir has ended: the heir has taken from the list too."""
    redis = fixture.redis()
    service = started(fixture.service(redis, {"tests": dict(POOL)}), runtime)
    given = [reserve(service)]
    keys = keys_of(redis.client)
    for _ in range(2):
        service.kill()
        started(service, runtime)
        given.append(reserve(service))
        service.kill()
        put_keys_back(redis.client, keys)
        started(service, runtime)
        given.append(reserve(service))
    assert_once(*given)


def test_two_processes_and_one_runtime_directory(fixture, runtime):
    """The second starts without it, says so, and neither takes from the other's lists."""
    redis = fixture.redis()
    first = started(fixture.service(redis, {"tests": dict(POOL)}), runtime)
    second = started(fixture.service(redis, {"tests": dict(POOL)}), runtime)
    given = [reserve(s) for s in (first, second, first, second)]
    assert_once(*given)
    assert not lists(given[0]) & lists(given[1])
    for end in ("kill", "stop"):
        getattr(second, end)()
        started(second, runtime)
        given.append(reserve(second))
        assert lists(given[-1]).isdisjoint(lists(given[0]))
    first.kill()
    started(first, runtime)
    given.append(reserve(first))
    assert_once(*given)
    assert lists(given[-1]) <= lists(given[0]), "the first one's file is still its own"


@pytest.mark.parametrize("data", ["kept", "older", "older-keys"])
def test_killed_in_the_middle_of_a_take(fixture, runtime, data):
    """kill -9 before Redis' answer, at it, between it and the file, between that and the answers to clients; with Redis' data as they are,
    or put back to those of a moment before, as files or as keys."""
    redis = fixture.redis()
    path = fixture.directory / "proxy.sock"
    proxy = Proxy(path, redis.socket)
    service = fixture.service(type("Store", (), {"socket": str(path)})(), {"tests": dict(POOL)})
    order, given, lock = random.Random(5), [], threading.Lock()
    try:
        for n in range(12):
            started(service, runtime)
            backup = files_of(redis, fixture.directory / "backup")
            keys = keys_of(redis.client)
            killed = threading.Event()
            kill_at(proxy, service, order, killed)
            threads = [threading.Thread(target=take_until, args=(service, killed, given, lock)) for _ in range(3)]
            for t in threads:
                t.start()
            killed.wait(20)
            for t in threads:
                t.join(20)
            proxy.truncate = None
            assert killed.is_set()
            service.kill()
            if data == "older":
                redis.kill()
                put_files_back(redis, backup)
                redis.start()
            elif data == "older-keys":
                put_keys_back(redis.client, keys)
            assert_once(given)
        started(service, runtime)
        given += reserve(service, 200)
        assert_once(given)
        assert len(given) > 500
    finally:
        service.end(9)
        proxy.stop()


def kill_at(proxy, service, order, killed):
    """Arms a kill at one of the next replies: with none of it delivered, or a moment after it was."""
    replies, delay = order.randrange(5, 60), order.choice([None, 0, 0.0002, 0.001, 0.003])

    def kill():
        os.kill(service.pid, 9)
        killed.set()

    def on_reply(piece):
        nonlocal replies
        replies -= 1
        if replies != 0:
            return None
        if delay is None:
            kill()
            return 0
        threading.Timer(delay, kill).start()
        return None
    proxy.truncate = on_reply


def take_until(service, killed, given, lock):
    with service.client() as c:
        while not killed.is_set():
            try:
                r = c.try_reserve(10)
            except OSError:
                return
            if r.status == 200:
                with lock:
                    given += [(e["uri"], e["index"]) for e in r.json()["references"]]
            else:
                time.sleep(0.01)
