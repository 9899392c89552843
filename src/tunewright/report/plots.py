"""Bars, boxes and radars, drawn as `charts` draws: SVG without scripts, its letters outside of it as text."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from markupsafe import Markup, escape

from tunewright.report import charts
from tunewright.report.charts import system_class
from tunewright.report.figures import Estimate, share

HEIGHT = 22
"""Pixels of height of one bar or box."""


def bar(system: str, estimate: Estimate | None) -> Markup:
    """A bar from 0 to a share, with its interval as a whisker. Its number stands beside it as text."""
    parts = _frame((0.25, 0.5, 0.75, 1.0), lambda value: value)
    if estimate is not None:
        middle = HEIGHT / 2
        parts.append(f'<g class="{system_class(system)}">')
        parts.append(f'<rect class="bar" y="{middle - 6}" height="12" width="{_at(estimate.value)}"/>')
        if estimate.low is not None and estimate.high is not None:
            parts += _whisker(_at(estimate.low), _at(estimate.high), middle)
        parts.append("</g>")
    return Markup("".join([*parts, "</svg>"]))


class Scale:
    """A scale for boxes: linear from 0 to 1, or logarithmic around all values. ticks: (per cent, label) of each."""

    def __init__(self, values: Sequence[float], label: Callable[[float], str], *, log: bool):
        positive = [value for value in values if value > 0]
        if log and positive:
            ticks = charts.log_ticks(min(positive), max(positive))
            low, high = math.log(ticks[0]), math.log(ticks[-1])
            # Values of 0 stand at the left end.
            self.place = lambda value: (math.log(max(value, ticks[0])) - low) / ((high - low) or 1.0)
        else:
            ticks = [0.0, 0.25, 0.5, 0.75, 1.0]
            self.place = lambda value: value
        self.places = [self.place(tick) for tick in ticks]
        self.ticks = [(charts.plain(100 * self.place(tick)), label(tick)) for tick in ticks]


def box(system: str, spread: Mapping[str, float], scale: Scale, *, longest: bool = False) -> Markup:
    """Tukey's box of a distribution: 5 %, 25 %, median, 75 %, 95 %; longest: a dot at the greatest value."""
    middle = HEIGHT / 2
    at = {kind: scale.place(value) for kind, value in spread.items()}
    parts = [*_frame(scale.places, lambda value: value), f'<g class="{system_class(system)}">']
    parts += _whisker(_at(at["p5"]), _at(at["p95"]), middle)
    width = _at(max(0.0, at["p75"] - at["p25"]))
    parts.append(f'<rect class="box" x="{_at(at["p25"])}" width="{width}" y="{middle - 7}" height="14"/>')
    median = _at(at["median"])
    parts.append(f'<line class="median" x1="{median}" x2="{median}" y1="{middle - 7}" y2="{middle + 7}"/>')
    if longest:
        parts.append(f'<circle class="far" cx="{_at(at["max"])}" cy="{middle}" r="2.6"/>')
    return Markup("".join([*parts, "</g></svg>"]))


def radar(
    name: str,
    system: str,
    values: Sequence[tuple[str, float | None]],
    *,
    note: str = "",
    reference: Sequence[float | None] = (),
) -> Markup:
    """A polygon over shares, (axis, value) clockwise from the top; reference: another one's values, dashed.

    Empty markup where there are fewer than three axes or a value is missing.
    """
    if len(values) < 3 or any(value is None for _, value in values):
        return Markup("")
    count = len(values)
    turns = [2 * math.pi * number / count for number in range(count)]

    def path(lengths: Sequence[float], style: str) -> str:
        points = (
            f"{charts.plain(100 * r * math.sin(turn))} {charts.plain(-100 * r * math.cos(turn))}"
            for r, turn in zip(lengths, turns, strict=True)
        )
        return f'<path class="{style}" d="M{"L".join(points)}Z"/>'

    spoken = ", ".join(f"{axis.lower()} {share(value)}" for axis, value in values)
    drawn = [f'<svg class="radar" viewBox="-104 -104 208 208" role="img" aria-label="{escape(f"{name}: {spoken}")}">']
    drawn += [path([ring] * count, "ring") for ring in (0.25, 0.5, 0.75, 1.0)]
    spokes = [(charts.plain(100 * math.sin(t)), charts.plain(-100 * math.cos(t))) for t in turns]
    drawn += [f'<line class="grid" x1="0" y1="0" x2="{x}" y2="{y}"/>' for x, y in spokes]
    if len(reference) == count and all(value is not None for value in reference):
        drawn.append(path([float(value or 0) for value in reference], "reference"))
    own = path([float(value or 0) for _, value in values], "area")
    drawn.append(f'<g class="{system_class(system)}">{own}</g></svg>')
    labels = [
        f'<span style="left:{charts.plain(50 + 29 * math.sin(t))}%;top:{charts.plain(50 - 47 * math.cos(t))}%;'
        f'transform:translate({charts.plain(-50 + 50 * math.sin(t))}%,-50%)">{escape(axis)}</span>'
        for (axis, _), t in zip(values, turns, strict=True)
    ]
    heading = f"{charts.marker(system)} {escape(name)}{f' <span class=quiet>{escape(note)}</span>' if note else ''}"
    return Markup(
        f'<figure class="chart"><figcaption>{heading}</figcaption>'
        f'<div class="round">{"".join(drawn)}{"".join(labels)}</div></figure>'
    )


def _frame(ticks: Sequence[float], place: Callable[[float], float]) -> list[str]:
    lines = [f'<line class="grid" x1="{_at(place(t))}" x2="{_at(place(t))}" y1="0" y2="100%"/>' for t in ticks]
    return [f'<svg class="track" width="100%" height="{HEIGHT}" aria-hidden="true">', *lines]


def _whisker(low: str, high: str, middle: float) -> list[str]:
    ends = (f'<line class="whisker" x1="{x}" x2="{x}" y1="{middle - 4}" y2="{middle + 4}"/>' for x in (low, high))
    return [f'<line class="whisker" x1="{low}" x2="{high}" y1="{middle}" y2="{middle}"/>', *ends]


def _at(value: float) -> str:
    return f"{charts.plain(100 * min(1.0, max(0.0, value)))}%"
