"""python3 test/property/history N [FIRST] [--plant NAME...] [--limit N|none] [--holes]    N schedules, from number FIRST on
python3 test/property/history --shrink SEED [--plant NAME]                          one that fails, made short, and what happens in it
python3 test/property/history N [FIRST] --corpus [--plant NAME...]                   looks for a schedule for each plant whose schedule in
                                                                                  corpus.json finds it no more, makes it short and writes it
python3 test/property/history --table                                              the plants, as docs/testing.md has them"""
import argparse
import json
import pathlib
import sys
import time
from collections import Counter

from rules import PLANTS
from schedule import run, shrink
from world import LIMITS

CORPUS = pathlib.Path(__file__).parent / "corpus.json"
ENOUGH = 5  # violations after which a plant has been found


def explain(seed, plant, more):
    steps, _ = shrink(seed, plant, **more)
    log = []
    violation, world = run(seed, plant, steps, log=log, **more)
    for line in log:
        print(*line)
    print(f"{violation} ({len(steps)} steps, limit {world.limit}): {steps}")


def many(count, first, plant, more):
    """How many of the schedules ended in a violation."""
    began, kinds, seeds = time.monotonic(), Counter(), []
    joins = late = handed_out = drawings = 0
    number = 0
    for number in range(count):
        violation, world = run(first + number, plant, **more)
        joins, late, drawings = joins + world.joins, late + world.late, drawings + world.drawings
        handed_out += len(world.handed_out)
        if violation is not None:
            kinds[violation.kind] += 1
            seeds.append(first + number)
            if plant is None:
                print(f"schedule {first + number}: {violation}", flush=True)
            elif len(seeds) == ENOUGH:
                break
    found = f"{dict(kinds)} in {seeds[:ENOUGH]}" if seeds else ""
    print(f"{plant or 'the rules'}: {number + 1} schedules, {len(seeds)} violations {found} | {joins} joins ({late} too late), "
          f"{drawings} drawings, {handed_out} references, {time.monotonic() - began:.0f} s", flush=True)
    return len(seeds)


def finds(schedule, plant):
    """Whether the schedule fails with the plant, in its own way, and passes without."""
    violation, _ = run(schedule["seed"], plant, schedule["steps"])
    return violation is not None and violation.kind == schedule["kind"] and run(schedule["seed"], None, schedule["steps"])[0] is None


def renew(count, first, plants):
    corpus = json.loads(CORPUS.read_text(encoding="utf-8")) if CORPUS.exists() else {}
    for plant in plants:
        if plant in corpus and finds(corpus[plant], plant):
            continue
        for seed in range(first, first + count):
            if run(seed, plant)[0] is None:
                continue
            steps, kind = shrink(seed, plant)
            schedule = {"seed": seed, "kind": kind, "steps": steps}
            if finds(schedule, plant):
                corpus[plant] = schedule
                print(f"{plant}: schedule {seed}, {len(steps)} steps: {kind}", flush=True)
                break
        else:
            print(f"{plant}: not found", flush=True)
    lines = [f"  {json.dumps(plant)}: {json.dumps(corpus[plant])}" for plant in PLANTS if plant in corpus]
    CORPUS.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=1000)
    parser.add_argument("first", type=int, nargs="?", default=0)
    parser.add_argument("--plant", action="append", choices=[*PLANTS, "all"], default=[])
    parser.add_argument("--limit", choices=[str(limit).lower() for limit in LIMITS])
    parser.add_argument("--holes", action="store_true")
    parser.add_argument("--no-status", action="store_true", help="exit status 0 whatever is found")
    parser.add_argument("--shrink", type=int, metavar="SEED")
    parser.add_argument("--corpus", action="store_true")
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    more = {"holes": arguments.holes}
    if arguments.limit is not None:
        more["limit"] = None if arguments.limit == "none" else int(arguments.limit)
    plants = list(PLANTS) if "all" in arguments.plant else arguments.plant or [None]
    if arguments.table:
        corpus = json.loads(CORPUS.read_text(encoding="utf-8"))
        for plant, (_, what) in PLANTS.items():
            print(f"| `{plant}` | {what} | {len(corpus[plant]['steps'])} steps | {corpus[plant]['kind']} |")
    elif arguments.corpus:
        renew(arguments.count, arguments.first, list(PLANTS) if plants == [None] else plants)
    elif arguments.shrink is not None:
        explain(arguments.shrink, plants[0], more)
    else:
        failed = sum(many(arguments.count, arguments.first, plant, more) for plant in plants)
        sys.exit(failed > 0 and plants == [None] and not arguments.no_status)


if __name__ == "__main__":
    main()
