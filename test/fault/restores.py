"""Backups of Redis' data, and how operators put them back: the files, a snapshot, or the keys by a tool while Redis runs."""
import shutil
import time


def keys_of(client):
    """All keys of one moment as DUMP gives them, with the time until which each lives: [(key, milliseconds of the wall clock or 0,
    bytes)]. A key that is made meanwhile is not among them: then this begins again."""
    while True:
        keys = sorted(client.scan_iter(count=1000))
        with client.pipeline(transaction=True) as p:
            p.dbsize()
            for key in keys:
                p.dump(key)
                p.pexpiretime(key)
            size, *answers = p.execute()
        now = time.time_ns() // 1_000_000
        out = [(key, max(until, 0), data) for key, data, until in zip(keys, answers[::2], answers[1::2])
               if data is not None and not 0 < until <= now]
        if len(out) == size:
            return out


def put_keys_back(client, keys):
    """FLUSHALL and RESTORE of every key, in one transaction: what a tool of operators does, without a moment that shows half."""
    with client.pipeline(transaction=True) as p:
        p.flushall()
        for key, until, data in keys:
            p.restore(key, until, data, absttl=until > 0, replace=True)
        p.execute()


def copy_of(directory, to):
    """A copy of a directory; an earlier one there is replaced."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(directory, to, ignore=shutil.ignore_patterns("*.sock", "log"))
    return to


def files_of(redis, to):
    """What Redis has on its disk now, while it works."""
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir(parents=True)
    for name in ("appendonlydir", "dump.rdb"):
        source = redis.directory / name
        if source.is_dir():
            shutil.copytree(source, to / name)
        elif source.exists():
            shutil.copy(source, to / name)
    return to


def put_files_back(redis, backup):
    """While Redis is down: its files become those of the backup; with none, it starts empty."""
    for name in ("appendonlydir", "dump.rdb"):
        path = redis.directory / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        source = backup / name if backup is not None else None
        if source is not None and source.is_dir():
            shutil.copytree(source, path)
        elif source is not None and source.exists():
            shutil.copy(source, path)


def snapshot_of(redis, to):
    """A file of SAVE, as a nightly job takes it."""
    redis.client.save()
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(redis.directory / "dump.rdb", to)
    return to


def put_snapshot_back(redis, snapshot):
    """While Redis is down: it starts with that snapshot, and makes an append-only file out of it where it is to have one."""
    put_files_back(redis, None)
    shutil.copy(snapshot, redis.directory / "dump.rdb")
    if redis.persistence == "none":
        redis.start()
        return
    # Redis reads a snapshot only without appendonly; then it is switched on, which writes the file anew.
    persistence, redis.persistence = redis.persistence, "none"
    try:
        redis.start()
    finally:
        redis.persistence = persistence
    redis.client.config_set("appendonly", "yes")
    if persistence == "always":
        redis.client.config_set("appendfsync", "always")
    while redis.client.info("persistence")["aof_rewrite_in_progress"] or redis.client.info("persistence")["aof_rewrite_scheduled"]:
        time.sleep(0.02)
