#!/usr/bin/python3
"""rounds.py [--rounds N] [--seed N] [--table] [FAULT...]: each fault (all of them without a name) so many times under load, the
history checked at the end. --table prints the rows of docs/reliability.md instead, and for all faults without a violation writes them
there. --keep DIRECTORY keeps the histories."""
import argparse
import collections
import pathlib
import random
import re
import sys

from fixture import Fixture, until
from faults import FAULTS


def one_round(f, fault, number):
    f.sleep(0.3, 0.7)
    began = f.history.event("fault", name=fault.name, round=number)
    fault.run(f)
    if not any(x.get("event") == "healed" and x["t"] > began for x in f.history.lines):
        f.history.event("healed")
    for i in range(len(f.services)):
        f.wait_ready(i)
    ready = f.history.event("ready")
    until(lambda: any(x["op"] in ("update", "batch") and x["outcome"] == "ok" and x["t0"] > ready
                      for x in f.history.lines[-400:] if "op" in x), 30, "an acknowledged update")
    f.sleep(0.2, 0.5)


def run(fault, rounds, seed, keep=None, **more):
    """The report and the history's lines after `rounds` rounds."""
    options = {**fault.options, **more}
    prepare = options.pop("prepare", None)
    f = Fixture(seed, keep=keep, **options)
    try:
        if prepare is not None:
            prepare(f)
        f.start()
        for n in range(rounds):
            one_round(f, fault, n)
        f.quiet()
        report = f.check()
        if report.violations and keep is None:
            kept = pathlib.Path("/tmp") / f"sl-fault-{fault.name}-{seed}.jsonl"
            f.history.file.flush()
            kept.write_bytes(pathlib.Path(f.history.file.name).read_bytes())
            report.violations.append(f"the history is kept in {kept}; seed {seed}")
        return report, f.history.lines
    except BaseException as e:
        print(f"fault {fault.name}, seed {seed}: {type(e).__name__}", file=sys.stderr)
        raise
    finally:
        f.end()


def windows(lines):
    """(fault, healed, ready) of each round."""
    out = []
    for x in lines:
        if x.get("event") == "fault":
            out.append([x["t"], None, None])
        elif x.get("event") == "healed" and out[-1][1] is None:
            out[-1][1] = x["t"]
        elif x.get("event") == "ready":
            out[-1][2] = x["t"]
    return out


def seen(lines):
    """Answers between the fault and readiness that were no success, {op: Counter of codes}; and the successes, Counter of op."""
    out, fine = collections.defaultdict(collections.Counter), collections.Counter()
    for began, _, ready in windows(lines):
        for x in lines:
            if "op" in x and x["t1"] >= began and x["t0"] <= ready and x["code"] != "left":
                if x["outcome"] == "ok":
                    fine[x["op"]] += 1
                else:
                    out["write" if x["op"] in ("update", "batch") else x["op"]][x["code"]] += 1
    return out, fine


def recovery(lines):
    """Seconds from the end of the cause until the first acknowledged write, and until readiness: the greatest of all rounds."""
    writes = ready_after = 0.0
    for _, heal, ready in windows(lines):
        first = min((x["t1"] for x in lines if x.get("op") in ("update", "batch") and x["outcome"] == "ok" and x["t1"] > heal),
                    default=None)
        if first is not None:
            writes = max(writes, (first - heal) / 1e9)
        ready_after = max(ready_after, (ready - heal) / 1e9)
    return writes, ready_after


def row(fault, rounds, report, lines):
    answers, _ = seen(lines)
    codes = "; ".join(f"{op}: " + ", ".join(f"{code} × {n}" for code, n in counter.most_common(4))
                     for op, counter in sorted(answers.items())) or "nothing: every call succeeds"
    writes, ready = recovery(lines)
    return (f"| {fault.what} | {rounds} | {codes} | {writes:.2f} s, {ready:.2f} s | {report.lost} of {report.acknowledged} | "
            f"{len(report.violations)} |")


PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "reliability.md"


def write_page(rows, rounds, seed):
    """Puts the rows into the table under "What was seen", and says how they came about."""
    head, title, rest = PAGE.read_text().partition("\n## What was seen\n")
    text, ruler, table = rest.partition("\n|---|---|---|---|---|---|\n")
    text, found = re.subn(r"\S+ rounds? of each fault, seed \d+", f"{rounds} round{'s' * (rounds != 1)} of each fault, seed {seed}", text)
    if not (title and ruler and found == 1):
        sys.exit(f"{PAGE}: no table under \"What was seen\", or no sentence \"N rounds of each fault, seed N\"")
    rest = table[table.index("\n\n"):]  # behind the rows
    PAGE.write_text(head + title + text + ruler + "\n".join(rows) + rest)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--rounds", type=int)
    p.add_argument("--seed", type=int, default=random.randrange(1, 10**6))
    p.add_argument("--table", action="store_true")
    p.add_argument("--keep")
    p.add_argument("faults", nargs="*", choices=[*FAULTS, []], metavar="FAULT")
    args = p.parse_args()
    bad, rows = 0, []
    for name in args.faults or FAULTS:
        fault = FAULTS[name]
        rounds = args.rounds or fault.rounds
        keep = f"{args.keep}/{name}.jsonl" if args.keep else None
        report, lines = run(fault, rounds, args.seed, keep)
        bad += len(report.violations) > 0
        rows.append(row(fault, rounds, report, lines) if args.table else f"{name}, seed {args.seed}: {report}")
        print(rows[-1], flush=True)
        for v in report.violations[:8]:
            print(f"  {v}", flush=True)
    if args.table and not args.faults and not bad:
        write_page(rows, args.rounds or max(f.rounds for f in FAULTS.values()), args.seed)
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
