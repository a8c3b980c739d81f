"""Data are put back, by copy, by tool or as a snapshot, with the service up or down: no reference is given out twice."""
import pytest
import redis as redis_library

from client import until
from restores import (copy_of, files_of, keys_of, put_files_back, put_keys_back, put_snapshot_back, snapshot_of)
from tokens import fetch_token

POOL = {"size": 2000, "bits": 4, "update-interval": "0s", "prefetch": {"threshold": 5, "capacity": 10}}


def day(service, calls=10, amount=5, update=False):
    """What one day's issuer gets; with an update in the middle where it is asked for."""
    given = []
    with service.client() as c:
        for n in range(calls):
            given += c.reserve(amount)
            if update and n == calls // 2:
                c.update(*given[0], 1)
    return given


def days(service, calls=10):
    service.start()
    given = day(service, calls)
    service.stop()
    return given


def twice(*given):
    """How many references were given out more than once."""
    every = [r for some in given for r in some]
    return len(every) - len(set(every))


def test_the_wrong_backup_first_and_then_the_right_one(fixture):
    """The embedded Redis: its data of Monday are put back by mistake, then those of Tuesday. Wednesday's references stay given."""
    service = fixture.service(None, {"tests": dict(POOL)})
    data = service.storage / "redis"
    given = [days(service)]
    monday = copy_of(data, fixture.directory / "monday")
    given.append(days(service))
    tuesday = copy_of(data, fixture.directory / "tuesday")
    given.append(days(service))
    copy_of(monday, data)
    given.append(days(service, 4))
    copy_of(tuesday, data)
    given.append(days(service))
    assert twice(*given) == 0


def test_the_whole_storage_directory(fixture):
    """A copy of everything that the service keeps on disk, as of a volume or by rsync."""
    service = fixture.service(None, {"tests": dict(POOL)})
    given = [days(service)]
    backup = copy_of(service.storage, fixture.directory / "backup")
    given.append(days(service, 8))
    copy_of(backup, service.storage)
    given.append(days(service, 8))
    assert twice(*given) == 0


@pytest.mark.parametrize("how", ["keys", "files", "snapshot"])
@pytest.mark.parametrize("service_is", ["stopped", "running", "running-and-updating"])
def test_redis_of_its_own(fixture, service_is, how):
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": dict(POOL)}).start()
    given = [day(service, 2)]
    backup = {"keys": lambda: keys_of(redis.client), "files": lambda: files_of(redis, fixture.directory / "backup"),
              "snapshot": lambda: snapshot_of(redis, fixture.directory / "backup.rdb")}[how]()
    given.append(day(service, 8, update=service_is == "running-and-updating"))
    if service_is == "stopped":
        service.stop()
    if how == "keys":
        put_keys_back(redis.client, backup)
    else:
        redis.kill()
        if how == "files":
            put_files_back(redis, backup)
            redis.start()
        else:
            put_snapshot_back(redis, backup)
    if service_is == "stopped":
        service.start()
    else:
        service.wait_ready()
    given.append(day(service, 8))
    with service.client() as c:  # and the list takes updates
        c.update(*given[2][0], 3)
        until(lambda: fetch_token(c, given[2][0][0]).status(given[2][0][1]) == 3, 10, "the update in the token")
        for uri, index in given[0]:
            c.update(uri, index, 2)
    assert twice(*given) == 0


def test_two_databases_change_places(fixture):
    """SWAPDB: another database's older copy takes the place of the one in use, while nothing is closed."""
    redis = fixture.redis()
    service = fixture.service(redis, {"tests": dict(POOL)}).start()
    given = [day(service, 2)]
    keys = keys_of(redis.client)
    other = redis_library.Redis(unix_socket_path=redis.socket, db=1)
    for key, expires, data in keys:
        other.restore(key, expires, data, absttl=expires > 0, replace=True)
    given.append(day(service, 8))
    redis.client.swapdb(0, 1)
    other.close()
    service.wait_ready()
    given.append(day(service, 8))
    assert twice(*given) == 0
