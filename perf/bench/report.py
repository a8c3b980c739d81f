"""The table on the terminal; the JSON, the HTML report, and the tables as Markdown for docs/performance.md."""
import dataclasses
import html
import json
import math
import time

from bench import chart, rounds
from bench.machine import RESULTS

HEAD = ("work", "ours", "baseline", "ratio (spread)", "seed", "bar", "")
# The load test's rows: figures of closed and of open loops mean different things, so they never share a column.
LOAD_HEAD = ("work", "closed loop: ours", "closed loop: bare h2o", "open loop: ours", "open loop: bare h2o", "ratio (spread)",
             "seed (k6)", "bar", "")


def number(value, unit=""):
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    text = f"{value:,.0f}" if abs(value) >= 1000 or float(value).is_integer() else f"{value:.3g}"
    return f"{text} {unit}".strip()


def cells(row):
    spread = "" if row.ratio is None else f"{row.ratio:.2f} ({row.low:.2f}-{row.high:.2f})"
    base = "" if row.base is None else f"{number(row.base, row.unit)} {row.baseline}"
    ours, rest = number(row.ours, row.unit), (spread, number(row.seed, row.unit) if row.seed else "", row.bar,
                                              "reached" if row.reached else "MISSED")
    if not row.loop:
        return (row.work, ours, base, *rest)
    figures = (ours, number(row.base, row.unit))
    return (row.work, *(figures if row.loop == "closed" else ("", "")), *(figures if row.loop == "open" else ("", "")), *rest)


def tables(rows):
    """(head, rows) of each table that has rows."""
    for head, some in ((HEAD, [r for r in rows if not r.loop]), (LOAD_HEAD, [r for r in rows if r.loop])):
        if some:
            yield head, some


def print_tables(rows):
    for head, some in tables(rows):
        print_table(head, some)


def print_table(head, rows):
    lines = [head, *(cells(r) for r in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    print()
    for i, line in enumerate(lines):
        print("  ".join(c.ljust(w) for c, w in zip(line, widths)).rstrip())
        if i == 0:
            print("  ".join("-" * w for w in widths))
    for r in rows:
        if r.note:
            print(f"  {r.work}: {r.note}")


def plain(value):
    """JSON has no NaN."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #ddd}
td.n{text-align:right;font-variant-numeric:tabular-nums}.missed{color:#b00020;font-weight:600}.reached{color:#1b6e3c}
figure{display:inline-block;margin:1rem 1rem 1rem 0}figcaption{font-weight:600}small{color:#666}"""


def page(rows, extra, machine, mode, took, when):
    e = html.escape
    out = [f"<!doctype html><meta charset='utf-8'><title>statuslistd: performance</title><style>{STYLE}</style>",
           "<h1>statuslistd: performance</h1>",
           f"<p>{e(when)}, {e(mode)}, {took:.0f} s. " + "; ".join(f"{e(k)}: {e(str(v))}" for k, v in machine.items()) + "</p>"]
    out.append("<p>Medians of alternating rounds; the spread is the least and greatest ratio of a round.</p>")
    for head, some in tables(rows):
        out.append("<table><tr>" + "".join(f"<th>{e(h)}</th>" for h in head) + "</tr>")
        for r in some:
            c = cells(r)
            out.append(f"<tr><td>{e(c[0])}{f'<br><small>{e(r.note)}</small>' if r.note else ''}</td>"
                       + "".join(f"<td class='n'>{e(x)}</td>" for x in c[1:-2])
                       + f"<td>{e(c[-2])}</td><td class='{'reached' if r.reached else 'missed'}'>{e(c[-1])}</td></tr>")
        out.append("</table>")
    out.append("<h2>Ours beside the baseline, round by round</h2>")
    for r in rows:
        if len(r.rounds) > 1:
            out.append(f"<figure><figcaption>{e(r.work)}</figcaption>{chart.bars(r.rounds, r.unit)}</figure>")
    if extra["curves"]:
        out.append("<h2>How cost grows</h2>")
        for c in extra["curves"]:
            out.append(f"<figure><figcaption>{e(c['title'])}</figcaption>{chart.lines(c)}</figure>")
    if extra["micro"]:
        out.append("<h2>Micro-benchmarks</h2><table>" + "".join(
            f"<tr><td>{e(m['name'])}</td><td class='n'>{number(m['figure'], m['unit'])}</td><td>{e(m['detail'])}</td></tr>"
            for m in extra["micro"]) + "</table>")
    boards = sorted(p.name for p in RESULTS.glob("k6-*.html")) if mode == "full" else []
    if boards:
        out.append("<h2>k6</h2><ul>" + "".join(f"<li><a href='{e(b)}'>{e(b)}</a></li>" for b in boards) + "</ul>")
    flames = sorted(p.name for p in RESULTS.glob("flame-*.svg"))
    if flames:
        out.append("<h2>Flame graphs</h2><ul>" + "".join(f"<li><a href='{e(b)}'>{e(b)}</a></li>" for b in flames) + "</ul>")
    return "\n".join(out) + "\n"


def markdown_row(values):
    return "| " + " | ".join(str(v).replace("|", "/") for v in values) + " |"


def markdown(rows, extra):
    """The tables alone."""
    out = []
    for head, some in tables(rows):
        out += ["", markdown_row(head), markdown_row("---" for _ in head), *(markdown_row(cells(r)) for r in some)]
    for c in extra["curves"]:
        names = list(c["series"])
        points = {}
        for name in names:
            for x, y in c["series"][name]:
                points.setdefault(x, {})[name] = y
        out += ["", f"**{c['title']}** ({c['y']})", "", markdown_row([c["x"], *names]), markdown_row("---" for _ in range(len(names) + 1))]
        out += [markdown_row([f"{x:,}", *(number(points[x].get(n)) for n in names)]) for x in sorted(points)]
    if extra["micro"]:
        out += ["", markdown_row(("micro-benchmark", "figure", "detail")), markdown_row("---" for _ in range(3))]
        out += [markdown_row((m["name"].strip(), number(m["figure"], m["unit"]), m["detail"])) for m in extra["micro"]]
    return "\n".join(out) + "\n"


def write(rows, extra, machine, mode, scenarios, took):
    when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    data = {"when": when, "mode": mode, "seconds": took, "machine": machine, "rows": [dataclasses.asdict(r) for r in rows],
            "measurements": rounds.LOG, **extra}
    name = "-".join([mode, *scenarios])
    (RESULTS / f"{name}.json").write_text(json.dumps(plain(data), indent=1) + "\n")
    (RESULTS / f"{name}.md").write_text(markdown(rows, extra))
    path = RESULTS / f"{name}.html"
    path.write_text(page(rows, extra, machine, mode, took, when))
    return path
