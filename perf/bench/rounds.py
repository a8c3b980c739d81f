"""Rounds and rows: both sides alternate within one run; a figure is the median of the rounds, a ratio the median of the
ratios of each round."""
import dataclasses
import statistics

from bench.load import show
from bench.machine import say


LOG = []  # every measurement, for the JSON report


def alternate(sides, rounds):
    """sides: {name: function}. Every round measures each side once, in an order that changes from round to round. {name: [result of each round]}."""
    names = list(sides)
    results = {name: [] for name in names}
    for i in range(rounds):
        for name in names if i % 2 == 0 else reversed(names):
            result = sides[name]()
            show(name, result)
            results[name].append(result)
    LOG.append(results)
    return results


def median(results, key):
    return statistics.median(r[key] for r in results)


@dataclasses.dataclass
class Row:
    work: str
    unit: str
    ours: float
    bar: str
    reached: bool
    baseline: str = ""
    base: float | None = None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    seed: float | None = None
    note: str = ""
    loop: str = ""  # of the load test's rows: closed or open
    rounds: dict = dataclasses.field(default_factory=dict)


def ratio_row(work, key, unit, results, baseline, bound, turned=False, note="", seed=None):
    """ours / baseline (turned: baseline / ours) of `key` against a bound: (">=", 0.9) or ("<=", 1.15)."""
    pairs = [(b[key] / o[key]) if turned else (o[key] / b[key]) for o, b in zip(results["ours"], results[baseline])]
    r = statistics.median(pairs)
    sign, limit = bound
    reached = r >= limit if sign == ">=" else r <= limit
    if key in ("rate", "statuses") and "p99_ms" in results["ours"][0]:
        p = [median(results[side], k) for side in ("ours", baseline) for k in ("p50_ms", "p99_ms")]
        note = f"{note + '; ' if note else ''}p50/p99 {p[0]:.2f}/{p[1]:.2f} ms, {baseline} {p[2]:.2f}/{p[3]:.2f} ms"
    what = f"{baseline} / ours" if turned else f"ours / {baseline}"
    return Row(work, unit, median(results["ours"], key), f"{what} {sign} {limit:g}", reached, baseline,
               median(results[baseline], key), r, min(pairs), max(pairs), seed, note,
               {side: [x[key] for x in results[side]] for side in ("ours", baseline)})


def figure_row(work, key, unit, results, bound, seed=None, note=""):
    """A figure of ours against a number: (">", 425)."""
    value = median(results["ours"], key)
    sign, limit = bound
    reached = {">": value > limit, "<": value < limit, "==": value == limit, "<=": value <= limit, ">=": value >= limit}[sign]
    return Row(work, unit, value, f"{sign} {limit:g}", reached, seed=seed, note=note,
               rounds={"ours": [r[key] for r in results["ours"]]})


def failed_row(work, error):
    say(f"    FAILED: {error}")
    return Row(work, "", float("nan"), "measured", False, note=str(error)[:300])
