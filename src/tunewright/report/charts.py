"""Charts as inline SVG that needs no script and no picture file.

Text stays in the HTML around a chart, positions inside it are percentages: so a chart is as wide as its place, its
letters never shrink on a phone, and every colour is a CSS variable that follows dark mode and print. Systems differ by
the shape of their marker as well as by colour.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from tunewright.report.figures import Estimate, significant

LANE = 18
"""Pixels of height for one marker in a track."""

SHAPES = {
    "tuned": '<circle r="5.2"/>',
    "base": '<circle r="4.2" class="hollow"/>',
    "few-shot": '<path d="M0-6 6 0 0 6-6 0z"/>',
    "rules": '<path d="M-4.6-4.6h9.2v9.2h-9.2z"/>',
    "classical": '<path d="M0 5.6 5.4-4H-5.4z"/>',
}
OTHER_SHAPE = '<path d="M0-5.6 5.4 4H-5.4z"/>'


def system_class(system: str) -> str:
    """The CSS class that colours a system; every system we don't know by name shares one."""
    return f"s-{system}" if system in SHAPES else "s-other"


@dataclass(frozen=True, slots=True)
class Lane:
    """One marker with its interval in a track."""

    system: str
    estimate: Estimate | None


def marker(system: str) -> Markup:
    """The system's marker alone, for a legend."""
    shape = SHAPES.get(system, OTHER_SHAPE)
    frame = 'width="16" height="16" viewBox="-8 -8 16 16" aria-hidden="true"'
    return Markup(f'<svg class="marker {system_class(system)}" {frame}>{shape}</svg>')


def track(lanes: Sequence[Lane], low: float = 0.0, high: float = 1.0, ticks: Sequence[float] = ()) -> Markup:
    """Estimates on one scale from `low` to `high`, one lane each. Values outside are clipped to the edge.

    The number stands as text beside the track, so the picture itself is hidden from screen readers.
    """
    height = LANE * max(1, len(lanes))
    parts = [f'<svg class="track" width="100%" height="{height}" aria-hidden="true">']
    parts += [
        f'<line class="grid" x1="{_percent(t, low, high)}" x2="{_percent(t, low, high)}" y1="0" y2="100%"/>'
        for t in ticks or scale_ticks(low, high)
    ]
    for index, lane in enumerate(lanes):
        if lane.estimate is None:
            continue
        y = LANE * index + LANE / 2
        estimate = lane.estimate
        parts.append(f'<g class="{system_class(lane.system)}">')
        if estimate.low is not None and estimate.high is not None:
            x1, x2 = _percent(estimate.low, low, high), _percent(estimate.high, low, high)
            parts.append(f'<line class="interval" x1="{x1}" x2="{x2}" y1="{y}" y2="{y}"/>')
        shape = SHAPES.get(lane.system, OTHER_SHAPE)
        parts.append(f'<svg x="{_percent(estimate.value, low, high)}" y="{y}" overflow="visible">{shape}</svg></g>')
    parts.append("</svg>")
    return Markup("".join(parts))


def stack(parts: Sequence[tuple[str, float]]) -> Markup:
    """One bar of shares that add up to at most 1: `[("correct", 0.97), ("omitted", 0.01), …]`."""
    drawn = [
        '<svg class="stack" width="100%" height="12" aria-hidden="true"><rect class="empty" width="100%" height="12"/>'
    ]
    start = 0.0
    for name, value in parts:
        if value <= 0:
            continue
        x, width = _percent(start, 0, 1), _percent(min(value, 1 - start), 0, 1)
        drawn.append(f'<rect class="o-{escape(name)}" x="{x}" width="{width}" height="12"/>')
        start += value
        if start < 1:
            drawn.append(
                f'<line class="cut" x1="{_percent(start, 0, 1)}" x2="{_percent(start, 0, 1)}" y1="0" y2="12"/>'
            )
    drawn.append("</svg>")
    return Markup("".join(drawn))


@dataclass(frozen=True, slots=True)
class Series:
    """A line of (x, y) points. kind: "line" or "dots" (a line with a dot at every point). style: CSS class.

    spans: (x, low, high) of intervals, drawn as upright lines.
    """

    name: str
    points: tuple[tuple[float, float], ...]
    style: str
    kind: str = "line"
    spans: tuple[tuple[float, float, float], ...] = ()


def lines(
    title: str, series: Sequence[Series], *, x_label: str, log: bool | None = None, height: int = 220,
    zero: bool = False, mark: tuple[float, str] | None = None,
) -> Markup:  # fmt: skip
    """A line chart. log: logarithmic y axis; None: where values span a factor of 20. zero: the y axis begins at 0.

    mark: (x, label) of one vertical line. Empty markup where no series has two points.
    """
    series = [one for one in series if one.points]
    values = [y for one in series for _, y in one.points]
    values += [y for one in series for _, low, high in one.spans for y in (low, high)]
    if not series or max(len(one.points) for one in series) < 2:
        return Markup("")
    if log is None:
        log = min(values) > 0 and max(values) / min(values) > 20
    ticks = log_ticks(min(values), max(values)) if log else nice_ticks(0.0 if zero else min(values), max(values))
    bottom, top = min(ticks[0], min(values)), max(ticks[-1], max(values))
    place = math.log if log else float
    low, high = place(bottom), place(top) if top > bottom else place(bottom) + 1.0
    x_end = max(x for one in series for x, _ in one.points)
    x_ticks = [tick for tick in nice_ticks(0.0, x_end, 5) if tick <= x_end]

    def at(x: float, y: float) -> tuple[float, float]:
        return x / x_end if x_end else 0.0, 1 - (place(y) - low) / (high - low)

    drawn = [
        f'<svg class="plot" width="100%" height="{height}" role="img" aria-label="{escape(_spoken(title, series))}">'
    ]
    for tick in ticks:
        height_of = plain(100 * at(0, tick)[1])
        drawn.append(f'<line class="grid" x1="0" x2="100%" y1="{height_of}%" y2="{height_of}%"/>')
    if mark is not None:
        where = plain(100 * at(mark[0], top)[0])
        drawn.append(f'<line class="best" x1="{where}%" x2="{where}%" y1="0" y2="100%"/>')
    drawn.append(
        '<svg width="100%" height="100%" viewBox="0 0 1000 1000" preserveAspectRatio="none" overflow="visible">'
    )
    for one in series:
        for x, least, most in one.spans:
            (place_x, top_y), (_, end_y) = at(x, most), at(x, least)
            ends = f'y1="{plain(1000 * top_y)}" y2="{plain(1000 * end_y)}"'
            drawn.append(
                f'<line class="{one.style} span" x1="{plain(1000 * place_x)}" x2="{plain(1000 * place_x)}" {ends}/>'
            )
        path = " ".join(f"{plain(1000 * x)},{plain(1000 * y)}" for x, y in (at(*point) for point in one.points))
        drawn.append(f'<polyline class="{one.style}" points="{path}"/>')
    drawn.append("</svg>")
    for one in series:
        if one.kind == "dots":
            for point in one.points:
                x, y = at(*point)
                drawn.append(f'<circle class="{one.style}" cx="{plain(100 * x)}%" cy="{plain(100 * y)}%" r="3"/>')
    drawn.append("</svg>")
    y_labels = "".join(
        f'<span style="top:{plain(100 * at(0, tick)[1])}%">{escape(compact(tick))}</span>' for tick in ticks
    )
    x_labels = "".join(f'<span style="left:{plain(100 * at(t, top)[0])}%">{escape(compact(t))}</span>' for t in x_ticks)
    note = '<span class="quiet">, logarithmic scale</span>' if log else ""
    legend = ""
    if len(series) > 1 or mark is not None:
        keys = [f'<li><i class="key {one.style} {one.kind}"></i>{escape(one.name)}</li>' for one in series]
        keys += [f'<li><i class="key best"></i>{escape(mark[1])}</li>'] if mark is not None else []
        legend = f'<ul class="legend">{"".join(keys)}</ul>'
    return Markup(
        f'<figure class="chart"><figcaption>{escape(title)}{note}</figcaption>{legend}'
        f'<div class="frame"><div class="y-axis" style="height:{height}px">{y_labels}</div>{"".join(drawn)}'
        f'<div class="x-axis">{x_labels}</div><div class="x-name">{escape(x_label)}</div></div></figure>'
    )


def scale_from(estimates: Sequence[Estimate | None]) -> tuple[float, float]:
    """The scale for shares: 0 to 1, or from a round number near the lowest where all of them stand high."""
    lows = [e.low if e.low is not None else e.value for e in estimates if e is not None]
    lowest = min(lows, default=0.0)
    for start in (0.95, 0.9, 0.8, 0.5):
        if lowest >= start + (1 - start) * 0.1:
            return start, 1.0
    return 0.0, 1.0


def scale_ticks(low: float, high: float) -> list[float]:
    return (
        [low + (high - low) * i / 4 for i in range(5)]
        if low in (0.0, 0.8)
        else [low + (high - low) * i / 5 for i in range(6)]
    )


def nice_ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Round numbers from at or below `low` to at or above `high`, about `count` steps apart."""
    if high <= low:
        high = low + (abs(low) or 1.0)
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """1-2-5 numbers from at or below `low` to at or above `high`; only powers of ten where those would crowd."""
    exponents = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
    for multiples in ((1, 2, 5), (1, 3), (1,)):
        ticks = [m * 10.0**e for e in exponents for m in multiples]
        below = max((t for t in ticks if t <= low * 1.0001), default=ticks[0])
        above = min((t for t in ticks if t >= high * 0.9999), default=ticks[-1])
        chosen = [t for t in ticks if below <= t <= above]
        if len(chosen) <= 7:
            break
    return [float(f"{tick:.3g}") for tick in chosen]


def thinned(points: Sequence[tuple[float, float]], limit: int = 300) -> tuple[tuple[tuple[float, float], ...], int]:
    """At most `limit` points, each the mean of as many neighbours; and how many that is."""
    width = max(1, math.ceil(len(points) / limit))
    groups = [points[start : start + width] for start in range(0, len(points), width)]
    return tuple((g[-1][0], sum(y for _, y in g) / len(g)) for g in groups), width


def compact(value: float) -> str:
    """Axis numbers: 12000 → "12k"."""
    if abs(value) >= 1e6:
        return f"{value / 1e6:g}M"
    return f"{value / 1e3:g}k" if abs(value) >= 1e3 else f"{value:g}"


def _spoken(title: str, series: Sequence[Series]) -> str:
    said = (f"{one.name} from {significant(one.points[0][1])} to {significant(one.points[-1][1])}" for one in series)
    return f"{title}: {'; '.join(said)}"


def _percent(value: float, low: float, high: float) -> str:
    inside = min(1.0, max(0.0, (value - low) / (high - low)))
    return f"{plain(100 * inside)}%"


def plain(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") or "0"
