"""Charts as SVG, without a library."""
import html
import math

COLOURS = ("#1f6f8b", "#d98324", "#6a4c93", "#2a9d5c", "#b5345a", "#777777")
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 460, 260, 64, 36, 24


def short(v):
    for limit, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(v) >= limit:
            return f"{v / limit:.3g}{suffix}"
    return f"{v:.3g}"


def frame(body, legend):
    keys = "".join(f"<rect x='{LEFT + i * 130}' y='4' width='10' height='10' fill='{COLOURS[i % 6]}'/>"
                   f"<text x='{LEFT + 14 + i * 130}' y='13'>{html.escape(name)}</text>" for i, name in enumerate(legend))
    return (f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{HEIGHT}' font-family='system-ui,sans-serif' "
            f"font-size='11'>{keys}{body}</svg>")


def axis(top, unit, y):
    out = []
    for i in range(5):
        v = top * i / 4
        out.append(f"<line x1='{LEFT}' x2='{WIDTH - 8}' y1='{y(v):.1f}' y2='{y(v):.1f}' stroke='#e5e5e5'/>"
                   f"<text x='{LEFT - 6}' y='{y(v) + 4:.1f}' text-anchor='end'>{short(v)}</text>")
    out.append(f"<text x='4' y='{TOP - 8}' fill='#666'>{html.escape(unit)}</text>")
    return "".join(out)


def bars(rounds, unit):
    """{side: [value of each round]}: a group of bars per round."""
    top = max(max(v) for v in rounds.values()) * 1.05 or 1
    count, sides = max(len(v) for v in rounds.values()), list(rounds)

    def y(v):
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - v / top)
    step = (WIDTH - LEFT - 8) / count
    wide = step * 0.8 / len(sides)
    out = [axis(top, unit, y)]
    for i in range(count):
        for k, side in enumerate(sides):
            v = rounds[side][i]
            out.append(f"<rect x='{LEFT + i * step + step * .1 + k * wide:.1f}' y='{y(v):.1f}' width='{wide:.1f}' "
                       f"height='{HEIGHT - BOTTOM - y(v):.1f}' fill='{COLOURS[k % 6]}'><title>{side} {v:.4g}</title></rect>")
        out.append(f"<text x='{LEFT + (i + .5) * step:.1f}' y='{HEIGHT - BOTTOM + 14}' text-anchor='middle'>{i + 1}</text>")
    return frame("".join(out), sides)


def lines(curve):
    """{'title', 'x', 'y', 'series': {name: [[x, y], ...]}}: x logarithmic; y from 0, or logarithmic where it spans more than
    a factor of 50."""
    points = [p for s in curve["series"].values() for p in s if p[1] > 0]
    if not points:
        return "<p>nothing measured</p>"
    xs = [math.log10(max(p[0], 0.1)) for p in points]
    low, high, top = min(xs), max(xs), max(p[1] for p in points)
    bottom = min(p[1] for p in points)
    steep = top / bottom > 50

    def x(v):
        return LEFT + 10 + (WIDTH - LEFT - 30) * ((math.log10(max(v, 0.1)) - low) / ((high - low) or 1))

    def y(v):
        share = math.log(v / bottom) / math.log(top / bottom) if steep else v / (top * 1.05)
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - share)
    out = []
    if steep:
        for i in range(5):
            v = bottom * (top / bottom) ** (i / 4)
            out.append(f"<line x1='{LEFT}' x2='{WIDTH - 8}' y1='{y(v):.1f}' y2='{y(v):.1f}' stroke='#e5e5e5'/>"
                       f"<text x='{LEFT - 6}' y='{y(v) + 4:.1f}' text-anchor='end'>{short(v)}</text>")
        out.append(f"<text x='4' y='{TOP - 8}' fill='#666'>{html.escape(curve['y'])}, logarithmic</text>")
    else:
        out.append(axis(top * 1.05, curve["y"], y))
    for k, series in enumerate(curve["series"].values()):
        shown = [p for p in series if p[1] > 0]
        path = " ".join(f"{x(p[0]):.1f},{y(p[1]):.1f}" for p in shown)
        out.append(f"<polyline points='{path}' fill='none' stroke='{COLOURS[k % 6]}' stroke-width='2'/>")
        out += [f"<circle cx='{x(p[0]):.1f}' cy='{y(p[1]):.1f}' r='3' fill='{COLOURS[k % 6]}'><title>{short(p[0])}: {p[1]:.4g}"
                "</title></circle>" for p in shown]
    for v in sorted({p[0] for p in points}):
        out.append(f"<text x='{x(v):.1f}' y='{HEIGHT - BOTTOM + 14}' text-anchor='middle'>{short(v)}</text>")
    middle = (LEFT + WIDTH) / 2
    out.append(f"<text x='{middle}' y='{HEIGHT - 6}' text-anchor='middle' fill='#666'>{html.escape(curve['x'])}</text>")
    return frame("".join(out), list(curve["series"]))
