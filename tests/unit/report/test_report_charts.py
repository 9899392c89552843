"""Charts: scales that hold their values, marks where they belong, nothing from nothing."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.report import charts
from tunewright.report.charts import Lane, Series
from tunewright.report.figures import Estimate


@settings(max_examples=80, deadline=None)
@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_round_ticks_hold_the_range(low: float, width: float) -> None:
    high = low + width
    if high <= low:
        return
    ticks = charts.nice_ticks(low, high)
    assert ticks == sorted(set(ticks))
    assert 2 <= len(ticks) <= 9
    assert ticks[0] <= low + 1e-6 * width
    assert ticks[-1] >= high - 1e-6 * width


@settings(max_examples=80, deadline=None)
@given(st.floats(1e-6, 1e3), st.floats(1.1, 1e6))
def test_logarithmic_ticks_hold_the_range(low: float, factor: float) -> None:
    ticks = charts.log_ticks(low, low * factor)
    assert ticks == sorted(ticks)
    assert 2 <= len(ticks) <= 14
    assert ticks[0] <= low * 1.001
    assert ticks[-1] >= low * factor * 0.999


def test_a_track_places_by_share_and_clips() -> None:
    drawn = str(charts.track([Lane("tuned", Estimate(0.75, 0.4, 1.2)), Lane("base", None)], 0.5, 1.0))
    assert '<svg x="50%" y="9.0" overflow="visible">' in drawn
    assert 'x1="0%" x2="100%"' in drawn
    assert f'height="{2 * charts.LANE}"' in drawn
    assert drawn.count("s-tuned") == 1
    assert "s-base" not in drawn


def test_systems_differ_by_shape() -> None:
    shapes = {
        re.sub(r"^.*?aria-hidden=\"true\">", "", str(charts.marker(s)))
        for s in ("tuned", "base", "few-shot", "rules", "classical", "x")
    }
    assert len(shapes) == 6
    assert 'class="marker s-other"' in str(charts.marker('"><script>'))


def test_a_stack_never_passes_its_end() -> None:
    drawn = str(charts.stack([("correct", 0.7), ("omitted", 0.0), ("substituted", 0.5)]))
    assert re.findall(r'class="o-(\w+)" x="([\d.]+)%" width="([\d.]+)%"', drawn) == [
        ("correct", "0", "70"),
        ("substituted", "70", "30"),
    ]


def test_lines_choose_their_scale() -> None:
    falling = Series("Loss", tuple((float(x), 10.0 / x) for x in range(1, 100)), "c-train")
    drawn = str(charts.lines("Loss", [falling], x_label="step", mark=(50, "kept")))
    assert "logarithmic scale" in drawn
    assert 'aria-label="Loss: Loss from 10.0 to 0.101"' in drawn
    assert "kept" in drawn
    flat = Series("Loss", ((1.0, 2.0), (2.0, 2.0)), "c-train")
    assert "logarithmic" not in str(charts.lines("Loss", [flat], x_label="step"))
    for x, y in re.findall(r"([\d.-]+),([\d.-]+)", re.findall(r'points="([^"]+)"', drawn)[0]):
        assert 0 <= float(x) <= 1000
        assert 0 <= float(y) <= 1000


def test_nothing_is_drawn_from_nothing() -> None:
    assert charts.lines("Loss", [], x_label="step") == ""
    assert charts.lines("Loss", [Series("a", ((1.0, 1.0),), "c-train")], x_label="step") == ""


def test_thinning_keeps_the_mean() -> None:
    points = [(float(i), float(i % 10)) for i in range(1000)]
    thin, width = charts.thinned(points, 100)
    assert (len(thin), width) == (100, 10)
    assert all(y == 4.5 for _, y in thin)
    assert charts.thinned(points[:50], 100) == (tuple(points[:50]), 1)


def test_a_scale_starts_where_the_worst_can_be_seen() -> None:
    assert charts.scale_from([Estimate(0.97, 0.96, 0.98)]) == (0.95, 1.0)
    assert charts.scale_from([Estimate(0.97, 0.96, 0.98), Estimate(0.05)]) == (0.0, 1.0)
    assert charts.scale_from([]) == (0.0, 1.0)
