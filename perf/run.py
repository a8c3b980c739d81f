#!/usr/bin/python3
"""script/perf [quick|full] [scenario...]: the performance runs. See docs/performance.md for the method.

  quick     every bar, in five minutes
  full      (default) more and longer rounds, all scenarios, micro-benchmarks and the curves
  scenario  http update stall stampede visible many seed micro curves: only these
  k6        a scenario that runs only when it is named: the scripts of perf/k6 on your own k6 (K6, or on the PATH)

script/perf compare COMMIT: processor time, instructions and allocations of this tree beside those of COMMIT, in one run.
script/perf held: how long a write is held when another process begins a new lineage of the pool.
script/perf redis COMMIT: processor time of Redis per update, with the scripts of this tree and those of COMMIT, in one run.

Exits with 1 when a bar is missed."""
import json
import signal
import subprocess
import sys
import time
import types

from bench import machine, report, rows_http, rows_k6, rows_life, rows_seed, rows_stall, rows_update
from bench.load import BadAnswers
from bench.machine import RESULTS, say
from bench.rounds import failed_row
from bench.service import Fixture

SCENARIOS = {
    "http": ("fetch, 304, reserve on one core", rows_http.rows),
    "update": ("updates and batches", rows_update.rows),
    "stall": ("what a large batch costs the others", rows_stall.rows),
    "stampede": ("a cold list", rows_life.stampede),
    "visible": ("update to visible", rows_life.visible),
    "many": ("ten thousand lists", rows_life.many),
    "seed": ("the seed service's load test", rows_seed.rows),
    "k6": ("k6 scripts", rows_k6.rows),
}


def plan_of(mode):
    if mode == "quick":
        return types.SimpleNamespace(quick=True, rounds=3, seconds=2, k6_seconds=3, samples=100)
    return types.SimpleNamespace(quick=False, rounds=3, seconds=4, k6_seconds=8, samples=1000)


def run_micro(fixture, quick):
    redis = fixture.redis()
    out = RESULTS / "micro.json"
    subprocess.run([str(machine.BIN / "micro"), "--json", str(out), "--redis", redis.socket,
                            *(["--quick"] if quick else [])], check=True, stdout=sys.stderr)
    return json.loads(out.read_text())


def measure(mode, names):
    plan, rows, begun = plan_of(mode), [], time.monotonic()
    extra = {"micro": [], "curves": []}
    for name, (title, function) in SCENARIOS.items():
        if name not in (names or SCENARIOS.keys() - {"k6"}):
            continue
        say(f"== {title} ({time.monotonic() - begun:.0f} s)")
        with Fixture() as fixture:
            try:
                for row in function(fixture, plan):
                    rows.append(row)  # so that rows measured before an error are kept
            except (BadAnswers, RuntimeError, AssertionError, OSError) as error:
                rows.append(failed_row(title, error))
    if "micro" in names or (not names and mode == "full"):
        say(f"== micro-benchmarks ({time.monotonic() - begun:.0f} s)")
        with Fixture() as fixture:
            extra["micro"] = run_micro(fixture, mode == "quick")
    if "curves" in names or (not names and mode == "full"):
        import curves  # pylint: disable=import-outside-toplevel
        say(f"== how cost grows ({time.monotonic() - begun:.0f} s)")
        extra["curves"] = curves.all_curves(quick=mode == "quick")
    return rows, extra, time.monotonic() - begun


def run_compare(arguments):
    if len(arguments) != 1:
        say("perf: compare takes one commit")
        return 2
    if len(machine.CORES) < 2:
        say("perf: two cores are needed: one for the service, one for the load")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    RESULTS.mkdir(exist_ok=True)
    import compare  # pylint: disable=import-outside-toplevel
    return compare.main(arguments[0])


def main(arguments):
    if "-h" in arguments or "--help" in arguments:
        print(__doc__)
        return 0
    if arguments and arguments[0] == "compare":
        return run_compare(arguments[1:])
    if arguments == ["held"]:
        import held  # pylint: disable=import-outside-toplevel
        return held.main()
    if arguments and arguments[0] == "redis":
        if len(arguments) != 2:
            say("perf: redis takes one commit")
            return 2
        import scripts  # pylint: disable=import-outside-toplevel
        return scripts.main(arguments[1])
    mode = arguments.pop(0) if arguments and arguments[0] in ("quick", "full") else "full"
    known = [*SCENARIOS, "micro", "curves"]
    for name in arguments:
        if name not in known:
            say(f"perf: unknown scenario '{name}': {', '.join(known)}")
            return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    machine.build()
    RESULTS.mkdir(exist_ok=True)
    if len(machine.CORES) < 2:
        say("perf: two cores are needed: one for the service, one for the load")
        return 2
    rows, extra, took = measure(mode, arguments)
    report.print_tables(rows)
    where = report.write(rows, extra, machine.describe(), mode, arguments, took)
    missed = [r for r in rows if not r.reached]
    print(f"\n{len(rows) - len(missed)} bars reached, {len(missed)} missed; {took:.0f} s; report: {where}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
