"""Export of a pool into a file, and import: the data afterwards, and that no reference is given out twice."""
import hashlib
import json
import os
import shutil
import stat
import struct
import subprocess
import threading


from client import until
from processes import BUILD, ROOT, free_port
from tokens import fetch_token

CTL = BUILD / "bin" / "statuslistctl"
POOL = {"size": 1000, "bits": 2, "update-interval": "0s", "prefetch": {"threshold": 50, "capacity": 200}}
MAGIC = b"statuslist-backup 2\n"


def ctl(redis, *words, code=0, env=None, options=()):
    address = [] if redis is None else ["--redis", redis if isinstance(redis, str) else f"unix:{redis.socket}"]
    done = subprocess.run([str(CTL), *map(str, words), *address, *options], text=True, capture_output=True, timeout=120,
                          env={**os.environ, **(env or {})})
    assert done.returncode == code, (words, done)
    return done


def ctl_json(redis, *words, **how):
    return json.loads(ctl(redis, *words, "--json", **how).stdout)


def records(data):
    """The format as docs/backup.md has it: (kind, head, body, offset) of each record."""
    assert data.startswith(MAGIC)
    at, chain, found = len(MAGIC), hashlib.sha256(MAGIC).digest(), []
    while at < len(data):
        kind, head, body = struct.unpack_from("<cII", data, at)
        end = at + 9 + head + body
        chain = hashlib.sha256(chain + data[at:end]).digest()
        assert data[end : end + 32] == chain
        found.append((kind, json.loads(data[at + 9 : at + 9 + head]), data[at + 9 + head : end], at))
        at = end + 32
    return found, chain.hex()


def rewritten(found, magic=MAGIC):
    """A file of these records, its checksums right."""
    out, chain = magic, hashlib.sha256(magic).digest()
    for kind, head, body, *_ in found:
        text = json.dumps(head).encode()
        record = struct.pack("<cII", kind, len(text), len(body)) + text + body
        chain = hashlib.sha256(chain + record).digest()
        out += record + chain
    return out


def emptied(redis):
    redis.kill()
    shutil.rmtree(redis.directory / "appendonlydir")
    return redis.start()


def keys(redis):
    return sorted(redis.client.keys("*"))


def test_disaster_recovery(fixture):
    """The backup is older than the last reservations and updates, and Redis is lost."""
    redis, backup = fixture.redis(), fixture.directory / "tests.backup"
    service = fixture.service(redis, {"tests": dict(POOL)}).start()
    statuses = {}
    with service.client() as c:
        given = c.reserve(150) + c.reserve(150)
        for n, (uri, index) in enumerate(given[:20]):
            statuses[uri, index] = n % 3 + 1
            c.update(uri, index, n % 3 + 1)
        report = ctl_json(redis, "export", "tests", backup)
        assert report["changesMeanwhile"] == 0 and report["lists"] == redis.client.scard("statuslist:{tests}:lists")
        given += c.reserve(200) + c.reserve(200)  # of the same lists, and perhaps of new ones
        c.update(*given[50], 3)  # lost with Redis: the backup does not have it
    service.stop()
    emptied(redis)
    assert keys(redis) == []
    done = ctl_json(redis, "import", backup)
    assert done["imported"] == {"made": report["lists"], "raised": 0, "kept": 0, "again": 0, "retired": 0, "changedSince": 0}
    assert done["checksum"] == report["checksum"] == records(backup.read_bytes())[1]
    for life in range(2):
        service.start()
        with service.client() as c:
            for (uri, index), value in statuses.items():
                assert c.status(uri, index) == value
            for uri in {u for u, _ in given[:300]}:
                assert redis.list_config("tests", uri)["state"] == "sealed"
                token = fetch_token(c, uri)
                assert token.nonzero() == {i: v for (u, i), v in statuses.items() if u == uri}
                assert uri in c.lists()
            for _ in range(6):
                given += c.reserve(200)
            assert len(set(given)) == len(given)
            uri, index = given[life]
            c.update(uri, index, 3 - life)
            statuses[uri, index] = 3 - life
            until(lambda: fetch_token(c, uri).nonzero()[index] == 3 - life, 10, "the update in the token")
        service.stop()


def test_what_is_there_is_not_overwritten(fixture):
    redis, backup, later = fixture.redis(), fixture.directory / "a", fixture.directory / "b"
    service = fixture.service(redis, {"tests": dict(POOL)}).start()
    with service.client() as c:
        uri, index = c.reserve(10)[0]
        c.update(uri, index, 1)
        lists = ctl_json(redis, "export", "tests", backup)["lists"]
        c.update(uri, index, 2)
        ctl(redis, "export", "tests", later)
    service.stop()
    before = {k: redis.client.dump(k) for k in keys(redis)}
    refused = ctl(redis, "import", backup, code=6)
    assert f"{lists} of the {lists} lists are in Redis already; nothing was changed" in refused.stderr
    assert ctl_json(redis, "import", backup, "--merge")["imported"]["kept"] == lists
    config = {k: v for k, v in before.items() if not k.endswith(b":config")}
    assert config == {k: redis.client.dump(k) for k in config}

    # Again into an empty Redis: asked for twice, and after it was cut short in the middle.
    emptied(redis)
    assert ctl_json(redis, "import", backup)["imported"]["made"] == lists
    once = {k: redis.client.dump(k) for k in keys(redis) if not k.endswith(b":base")}
    assert ctl_json(redis, "import", backup)["imported"] == {"made": 0, "raised": 0, "kept": 0, "again": lists, "retired": 0,
                                                              "changedSince": 0}
    assert once == {k: redis.client.dump(k) for k in once}
    id = uri.rsplit("/", 1)[1]
    redis.client.srem("statuslist:{tests}:lists", id)
    redis.client.delete(*redis.client.keys(f"*{id}*"))
    partly = ctl_json(redis, "import", backup)["imported"]
    assert (partly["made"], partly["again"]) == (1, lists - 1)

    # The later backup over the earlier one: refused, then raised.
    assert "--merge" in ctl(redis, "import", later, code=6).stderr
    assert ctl_json(redis, "import", later, "--merge")["imported"]["raised"] == 1
    service.start()
    with service.client() as c:
        assert c.status(uri, index) == 2 and fetch_token(c, uri).nonzero() == {index: 2}
        c.update(uri, index, 3)
    assert ctl_json(redis, "import", later, "--merge")["imported"]["kept"] == lists - 1  # one is of this backup
    assert ctl_json(redis, "import", backup, "--merge")["imported"]["kept"] == 1
    with service.client() as c:
        assert c.status(uri, index) == 3


def snapshot_of(redis, path):
    redis.stop()
    shutil.copytree(redis.directory / "appendonlydir", path)
    redis.start()
    return path


def put_back(redis, snapshot):
    emptied(redis).stop()
    shutil.rmtree(redis.directory / "appendonlydir")
    shutil.copytree(snapshot, redis.directory / "appendonlydir")
    redis.start()


def test_an_older_redis_is_raised(fixture):
    """The data of Redis are restored from a snapshot that is older than the backup of the pool."""
    redis, backup = fixture.redis(), fixture.directory / "tests.backup"
    service = fixture.service(redis, {"tests": dict(POOL)}).start()
    with service.client() as c:
        given = c.reserve(20)
        c.update(*given[0], 1)
        service.stop()
        snapshot = snapshot_of(redis, fixture.directory / "snapshot")
    service.start()
    with service.client() as c:
        given += c.reserve(20)
        c.update(*given[0], 2)
        c.update(*given[25], 3)
        ctl(redis, "export", "tests", backup)
    service.stop()
    put_back(redis, snapshot)
    ctl(redis, "import", backup, "--merge")
    service.start()
    with service.client() as c:
        assert c.status(*given[0]) == 2 and c.status(*given[25]) == 3
        given += c.reserve(200) + c.reserve(200)
        assert len(set(given)) == len(given)


def test_what_changed_on_both_sides_stays_as_redis_has_it(fixture):
    """The data go back behind the backup, and are written again before it is imported. Its history is the older one, and it has no marks:
    nobody can tell which of its statuses are meant. The list stays as it is, open for its owner."""
    redis, backup = fixture.redis(), fixture.directory / "tests.backup"
    service = fixture.service(redis, {"tests": dict(POOL)}).start()
    with service.client() as c:
        both, only_backup, only_redis = references = c.reserve(3)
        c.update(*both, 1)
        service.stop()
        snapshot = snapshot_of(redis, fixture.directory / "snapshot")
    service.start()
    with service.client() as c:
        c.update(*both, 2)
        c.update(*only_backup, 2)
        ctl(redis, "export", "tests", backup)
    service.stop()
    put_back(redis, snapshot)
    service.start()
    with service.client() as c:
        c.update(*both, 3)
        c.update(*only_redis, 3)
        before = c.try_status(*both).json()
    service.stop()
    lists = len({u for u, _ in references})
    imported = ctl_json(redis, "import", backup, "--merge")["imported"]
    assert lists == 1 and imported["kept"] >= 1 and imported["raised"] == 0
    key = f"statuslist:{{tests}}:list:{both[0].rsplit('/', 1)[1]}:config"
    assert redis.client.hget(key, "state") == b"open"
    service.start()
    with service.client() as c:
        assert [c.status(*r) for r in references] == [3, 0, 3]
        after = c.try_status(*both).json()
        assert (after["version"], after["history"]) == (before["version"], before["history"])


def test_the_history_of_a_list_is_kept(fixture):
    """A list comes back as the version of the lineage that it was; a backup of format 1 has no histories."""
    redis, backup = fixture.redis(), fixture.directory / "tests.backup"
    service = fixture.service(redis, {"tests": dict(POOL)}).start()
    with service.client() as c:
        uri, index = c.reserve()[0]
        c.update(uri, index, 1)
    service.stop()
    service.start()
    with service.client() as c:
        c.update(uri, index, 2)
        before = c.try_status(uri, index).json()
    service.stop()
    ctl(redis, "export", "tests", backup)
    found, _ = records(backup.read_bytes())
    head, = (r[1] for r in found if r[0] == b"L" and r[1]["uri"] == uri)
    assert head["at"] == before["history"] and head["line"].split(":")[0] < head["at"] and head["cut"] == ""

    def imported(path):
        emptied(redis)
        assert ctl_json(redis, "import", path)["imported"]["made"] == len(found) - 2
        return {k: v.decode() for k, v in redis.client.hgetall(f"statuslist:{{tests}}:list:{head['id']}:config").items()}

    config = imported(backup)
    assert [config[k] for k in (b"at", b"line", b"version")] == [head["at"], head["line"], str(head["version"])] and b"cut" not in config

    # Redis has changes that the backup does not have: kept. Redis has an earlier state: replaced.
    key = f"statuslist:{{tests}}:list:{head['id']}:config"
    redis.client.hdel(key, "backup")
    redis.client.hset(key, mapping={"at": "f" + head["at"][1:], "line": f"{head['line']} {head['at']}:1"})
    assert ctl_json(redis, "import", backup, "--merge")["imported"]["kept"] == 1
    redis.client.hset(key, mapping={"at": head["at"], "line": head["line"], "version": 1})
    assert ctl_json(redis, "import", backup, "--merge")["imported"]["raised"] == 1

    old = fixture.directory / "old.backup"
    plain = [(kind, {k: v for k, v in fields.items() if k not in ("at", "line", "cut")}, body) for kind, fields, body, _ in found]
    old.write_bytes(rewritten(plain, b"statuslist-backup 1\n"))
    config = imported(old)
    assert b"at" not in config and int(config[b"version"]) > head["version"]
    service.start()
    with service.client() as c:
        assert c.status(uri, index) == 2
        c.update(uri, index, 1)
        after = c.try_status(uri, index).json()
        assert after["history"] > before["history"] and after["version"] > before["version"]
    for wrong in ({"at": "x"}, {"at": ""}, {"line": head["at"] + ":1"}, {"cut": "0"}, {"cut": head["at"]}, {"cut": head["at"] + ":0123456789"}, {"line": "0:1 0:2"}):
        old.write_bytes(rewritten([found[0], *((r[0], {**r[1], **wrong}, r[2]) for r in found[1:-1]), found[-1]]))
        assert "not belong to the pool" in ctl(None, "import", "--check", old, code=64).stderr


def test_a_living_instance_knows_more(fixture):
    """An instance that stood still while Redis was replaced brings back what it has published since the backup."""
    redis, backup = fixture.redis(), fixture.directory / "tests.backup"
    service = fixture.service(redis, {"tests": dict(POOL)}).start()
    with service.client() as c:
        (uri, first), (other, second) = c.reserve(2)
        assert uri == other
        c.update(uri, first, 1)
        ctl(redis, "export", "tests", backup)
        c.update(uri, second, 2)
        until(lambda: fetch_token(c, uri).nonzero() == {first: 1, second: 2}, 10, "both in the token")
    service.pause()
    emptied(redis)
    ctl(redis, "import", backup)
    service.resume()
    until(lambda: service.metric("lists_mended_total") >= 1, 30, "a mended list")
    service.wait_ready()
    with service.client() as c:
        assert c.status(uri, first) == 1 and c.status(uri, second) == 2
        assert fetch_token(c, uri).nonzero() == {first: 1, second: 2}


def test_damaged_files(fixture):
    redis, backup, bad = fixture.redis(), fixture.directory / "tests.backup", fixture.directory / "bad"
    service = fixture.service(redis, {"tests": dict(POOL)}).start()
    with service.client() as c:
        for uri, index in c.reserve(20):
            c.update(uri, index, 1)
        ctl(redis, "export", "tests", backup)
    service.stop()
    emptied(redis)
    data = backup.read_bytes()
    found, _ = records(data)
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600 and [r[0] for r in found] == [b"P", b"L", b"L", b"E"]

    def refused(content):
        bad.write_bytes(content)
        done = ctl(redis, "import", bad, code=64)
        assert str(bad) in done.stderr and not done.stdout and keys(redis) == []
        return done.stderr

    for at in range(0, len(data), 23):
        refused(data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :])
    for n in [0, 5, len(MAGIC), len(data) - 1, *(r[3] for r in found)]:
        assert "cut off" in refused(data[:n]) or n < len(MAGIC)
    assert "follow the last record" in refused(data + b"\n")
    swapped = [found[0], found[2], found[1], found[3]]
    assert "checksum" in refused(MAGIC + b"".join(data[r[3] : r[3] + 9 + len(r[2]) + 32] for r in swapped))
    # Right checksums do not make it sound.
    assert "missing" in refused(rewritten([found[0], found[1], found[3]]))
    for key, value in (("size", 2000), ("uri", ""), ("id", "../x"), ("version", -1), ("version", 2**60), ("cursor", 1001)):
        assert "not belong to the pool" in refused(rewritten([found[0], (b"L", {**found[1][1], key: value}, b""), *found[2:]]))
    assert "not belong to the pool" in refused(rewritten([found[0], (b"L", found[1][1], bytes(251)), *found[2:]]))
    assert "twice" in refused(rewritten([found[0], found[1], *found[1:]]))
    assert "not in order" in refused(rewritten([found[0], found[2], found[1], found[3]]))
    assert "unknown kind" in refused(rewritten([*found[:3], (b"X", {}, b""), found[3]]))
    assert "JSON" in refused(rewritten([found[0], (b"L", ["x"], b""), *found[2:]]))
    said = refused(rewritten([found[0], (b"L", {**found[1][1], "uri": "https://x/\x1b[2J"}, b""), *found[2:]]))
    assert "not belong to the pool" in said and "\x1b" not in said
    for key, value in (("pool", "a}b"), ("made", "\x1b[2J"), ("size", 0), ("bits", 3), ("backup", "x")):
        assert "describe a pool" in refused(rewritten([(b"P", {**found[0][1], key: value}, b""), *found[1:]]))
    assert ctl_json(None, "import", backup, "--check")["lists"] == 2
    with subprocess.Popen(["cat", str(backup)], stdout=subprocess.PIPE) as pipe:
        done = subprocess.run([str(CTL), "import", "--check", "/dev/stdin"], stdin=pipe.stdout, text=True, capture_output=True)
    assert done.returncode == 0 and "2 lists" in done.stdout
    assert json.loads(ctl(redis, "import", backup, "--json").stdout)["imported"]["made"] == 2


def test_a_list_that_has_ended_is_left_out(fixture):
    redis, backup = fixture.redis(), fixture.directory / "tests.backup"
    service = fixture.service(redis, {"tests": dict(POOL)}).start()
    with service.client() as c:
        uri = c.reserve()[0][0]
    service.stop()
    id, lists = uri.rsplit("/", 1)[1], redis.client.scard("statuslist:{tests}:lists")
    redis.client.hset(f"statuslist:{{tests}}:list:{id}:config", mapping={"state": "retired", "retired": 1})
    report = ctl_json(redis, "export", "tests", backup)
    assert report["retiredLeftOut"] == 1 and report["lists"] == lists - 1
    assert id not in {head.get("id") for _, head, *_ in records(backup.read_bytes())[0]}


def test_an_export_amid_batches(fixture):
    """Each list is of one moment: a batch over a whole list is in the file, or it is not."""
    redis, backup = fixture.redis(), fixture.directory / "tests.backup"
    service = fixture.service(redis, {"tests": {**POOL, "size": 2000}}).start()
    stop, failures = threading.Event(), []
    with service.client() as c:
        uri = c.reserve()[0][0]

    def write():
        try:
            with service.client() as mine:
                value = 0
                while not stop.is_set():
                    value = value % 3 + 1
                    mine.batch([(uri, i, value) for i in range(2000)])
        except Exception as e:  # noqa: B902 - raised again in the test's own thread
            failures.append(e)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        seen = set()
        for _ in range(400):
            report = ctl_json(redis, "export", "tests", backup)
            for kind, head, body, _ in records(backup.read_bytes())[0]:
                if kind == b"L" and head["uri"] == uri:
                    assert len(set(body)) <= 1, "half of a batch"
                    seen.add((head["version"], bytes(body[:1])))
            if len(seen) > 3:
                break
        assert len(seen) > 3 and report["lists"] >= 1
    finally:
        stop.set()
        writer.join()
    assert not failures


def test_the_embedded_redis(fixture):
    """Its socket stands in the storage directory; it lives as long as the service."""
    backup = fixture.directory / "tests.backup"
    old = fixture.service(None, {"tests": dict(POOL)}).start()
    with old.client() as c:
        given = c.reserve(100)
        c.update(*given[3], 2)
        ctl(f"unix:{old.storage}/redis/redis.sock", "export", "tests", backup)
        given += c.reserve(100)
    old.stop()
    new = fixture.service(None, {"tests": dict(POOL)})
    new.config["public-url"] = old.config["public-url"]
    new.start()
    ctl(f"unix:{new.storage}/redis/redis.sock", "import", backup)
    with new.client() as c:
        until(lambda: c.fetch(given[3][0]).status == 200, 10, "the list is served")
        assert fetch_token(c, given[3][0]).nonzero() == {given[3][1]: 2}
        c.update(*given[4], 1)
        for _ in range(10):
            given += c.reserve(200)
        assert len(set(given)) == len(given)
    new.stop()
    new.start()
    with new.client() as c:
        assert c.status(*given[3]) == 2 and c.status(*given[4]) == 1
        given += c.reserve(200) + c.reserve(200)
        assert len(set(given)) == len(given)


def test_the_way_to_redis(fixture):
    port, word = free_port(), fixture.directory / "password"
    redis = fixture.redis(extra=["--port", str(port), "--bind", "127.0.0.1"])
    service = fixture.service(redis, {"tests": dict(POOL)}, redis={"database": 3}).start()
    backup = fixture.directory / "tests.backup"
    with service.client() as c:
        c.update(*c.reserve()[0], 1)
    service.stop()
    redis.client.config_set("requirepass", "open sesame")
    word.write_text("open sesame\n")
    assert "NOAUTH" in ctl(f"127.0.0.1:{port}", "export", "tests", backup, code=5).stderr
    options = ["--redis-password-file", str(word), "--redis-database", "3"]
    lists = ctl_json(f"127.0.0.1:{port}", "export", "tests", backup, options=options)["lists"]
    known = {"STATUSLIST_REDIS": f"localhost:{port}", "STATUSLIST_REDIS_PASSWORD": "open sesame"}
    assert ctl_json(None, "import", backup, "--merge", env=known)["imported"]["made"] == lists  # database 0
    assert 'no pool "other"' in ctl(None, "export", "other", backup, env=known, code=6).stderr
    assert "not valid" in ctl(None, "export", "{x}", backup, env=known, code=64).stderr
    assert ctl(f"unix:{fixture.directory}/none", "import", backup, code=5).stderr
    for wrong in ("unix", ":1", "h:0", "h:x", "[::1", "h:70000"):
        assert ctl(wrong, "import", backup, code=5 if wrong == "unix" else 64).stderr
    assert sorted(p.name for p in fixture.directory.iterdir() if p.is_file()) == ["password", "tests.backup"]

    replica = fixture.redis(extra=["--replicaof", "127.0.0.1", str(port), "--masterauth", "open sesame"])
    until(lambda: replica.client.info("replication")["master_link_status"] == "up", 20, "the replica")
    assert ctl_json(replica, "export", "tests", backup, options=["--redis-database", "3"])["lists"] == lists
    assert "replica" in ctl(replica, "import", backup, code=5).stderr
    other = fixture.redis()
    other.client.hset("statuslist:{tests}:config", mapping={"size": 8, "bits": 1, "change": 0, "taken": 0})
    assert "size 8 and bits 1" in ctl(other, "import", backup, code=6).stderr


def test_what_a_user_of_redis_needs(fixture):
    """The rights that docs/redis.md names are enough."""
    redis, backup = fixture.redis(), fixture.directory / "tests.backup"
    service = fixture.service(redis, {"tests": dict(POOL)}).start()
    with service.client() as c:
        c.update(*c.reserve()[0], 1)
    service.stop()
    line = (ROOT / "docs" / "redis.md").read_text().split("user statuslistd on", 1)[1].split("```", 1)[0].replace("\\\n", " ")
    redis.client.execute_command("ACL", "SETUSER", "statuslistd", "on", *line.split())
    options = ["--redis-username", "statuslistd"]
    known = {"STATUSLIST_REDIS_PASSWORD": "secret"}
    ctl(redis, "export", "tests", backup, options=options, env=known)
    id = redis.client.srandmember("statuslist:{tests}:lists").decode()
    redis.client.srem("statuslist:{tests}:lists", id)
    redis.client.delete(*redis.client.keys(f"*{id}*"))
    assert ctl_json(redis, "import", backup, "--merge", options=options, env=known)["imported"]["made"] == 1
