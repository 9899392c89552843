"""How numbers read."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.report import figures
from tunewright.report.figures import Estimate


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


@settings(max_examples=100, deadline=None)
@given(st.floats(0, 1))
def test_only_all_is_all_and_only_none_is_none(value: float) -> None:
    shown = plain(figures.share(value))
    assert (shown == "100 %") == (value == 1.0)
    assert (shown == "0 %") == (value == 0.0)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.9641, "96.4 %"), (0.9999, "99.9 %"), (0.00001, "0.1 %"), (1, "100 %"), (0.5, "50.0 %"), (None, "–")],
)
def test_shares(value: float | None, shown: str) -> None:
    assert plain(figures.share(value)) == shown


def test_points_have_a_sign_and_a_true_minus() -> None:
    assert figures.points(0.925) == "+92.5"
    assert figures.points(-0.031) == "\u22123.1"
    assert figures.points(0.0) == figures.points(-0.00001) == "0.0"
    assert figures.points(0.035, sign=False) == "3.5"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.00005, "50 µs"),
        (0.031, "31 ms"),
        (5.24, "5.2 s"),
        (59.99, "1 min 00 s"),
        (215, "3 min 35 s"),
        (9060, "2 h 31 min"),
    ],
)
def test_durations(seconds: float, shown: str) -> None:
    assert plain(figures.duration(seconds)) == shown


@pytest.mark.parametrize(
    ("amount", "shown"),
    [(999, "999 B"), (3_100_000, "3.1 MB"), (612_000_000, "612 MB"), (999_900, "1 MB"), (None, "–")],
)
def test_sizes(amount: float | None, shown: str) -> None:
    assert plain(figures.size(amount)) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0.06913, "0.0691"), (47.5, "47.5"), (1234.5, "1,234"), (0, "0"), (0.00000123, "1.23e-6")]
)
def test_significant_digits(value: float, shown: str) -> None:
    assert figures.significant(value) == shown.replace("-", "\u2212")


@pytest.mark.parametrize(
    ("p", "shown"), [(0.0000001, "p < 0.001"), (0.0123, "p = 0.012"), (0.82, "p = 0.82"), (None, "")]
)
def test_p_values(p: float | None, shown: str) -> None:
    assert plain(figures.p_value(p)) == shown


@pytest.mark.parametrize(
    "entry", [None, {}, "0.5", {"value": None}, {"value": "NaN"}, True, [1], {"value": float("nan")}]
)
def test_what_is_no_number_is_no_estimate(entry: object) -> None:
    assert Estimate.read("exact_match", entry) is None


def test_estimates_on_a_scale_of_hundred_become_shares() -> None:
    assert Estimate.read("bleu", {"value": 45.0, "low": 40.0, "high": 50.0}, 10) == Estimate(0.45, 0.4, 0.5, 10)
    assert Estimate.read("bleu", {"value": 0.45, "n": 3}) == Estimate(0.45, None, None, 3)
