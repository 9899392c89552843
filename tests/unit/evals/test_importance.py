"""What mattered in a search: found where it is there, and not where it is not."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tunewright.core.recipe import Range
from tunewright.evals import importance

pytest.importorskip("sklearn")
AXES = {
    "learning_rate": Range(low=1e-4, high=1e-2, log=True),
    "lora_r": (4, 8, 16),
    "lora_dropout": Range(low=0, high=0.1),
}


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(importance, "BOOTSTRAPS", 20)
    monkeypatch.setattr(importance, "DEALS", 63)
    monkeypatch.setattr(importance, "TREES", 6)


def trials(n: int, value, seed: int = 0) -> list[tuple[dict, float]]:
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        options = {
            "learning_rate": 10 ** rng.uniform(-4, -2),
            "lora_r": int(rng.choice([4, 8, 16])),
            "lora_dropout": rng.uniform(0, 0.1),
        }
        found.append((options, float(value(options, rng))))
    return found


def test_the_option_that_matters_is_found_and_the_others_are_not_called_so():
    found = trials(24, lambda options, rng: math.log10(options["learning_rate"]) + 0.02 * rng.normal())
    rows = importance.measure(found, AXES, level=0.95, seed=0)
    assert rows[0]["option"] == "learning_rate"
    assert [row["matters"] for row in rows] == [True, False, False]
    assert set(rows[0]["beats"]) == {"lora_r", "lora_dropout"}
    assert rows[0]["low"] <= rows[0]["share"] <= rows[0]["high"]
    assert rows[0]["share"] > rows[0]["chance"] > rows[1]["share"]


def test_a_choice_that_matters_is_found():
    found = trials(24, lambda options, rng: {4: 1.0, 8: 0.0, 16: 0.5}[options["lora_r"]] + 0.02 * rng.normal())
    rows = importance.measure(found, AXES, level=0.95, seed=0)
    assert (rows[0]["option"], rows[0]["matters"]) == ("lora_r", True)


def test_in_noise_shares_are_large_and_nothing_matters():
    rows = importance.measure(trials(14, lambda options, rng: rng.normal()), AXES, level=0.95, seed=0)
    assert max(row["share"] for row in rows) > 0.25
    assert not any(row["matters"] for row in rows)
    assert not any(row["beats"] for row in rows)


def test_too_few_trials_and_options_that_never_differed_get_no_share():
    assert importance.FEWEST == 10  # as the page of a search says
    same = [({**options, "lora_r": 8}, value) for options, value in trials(12, lambda options, rng: rng.normal())]
    rows = {row["option"]: row for row in importance.measure(same, AXES, level=0.95, seed=0)}
    assert rows["lora_r"] == {"option": "lora_r", "n": 12, "share": None}
    assert rows["learning_rate"]["share"] is not None
    assert all(row["share"] is None for row in importance.measure(same[:9], AXES, level=0.95, seed=0))
    flat = [(options, 1.0) for options, _ in same]
    assert all(row["share"] is None for row in importance.measure(flat, AXES, level=0.95, seed=0))


def test_an_option_of_some_trials_is_judged_among_those():
    found = trials(30, lambda options, rng: {4: 1.0, 8: 0.0, 16: 0.5}[options["lora_r"]] + 0.02 * rng.normal())
    mixed = [(options if i % 3 else {key: options[key] for key in options if key != "lora_r"}, value) for i, (options, value) in enumerate(found)]  # fmt: skip
    rows = {row["option"]: row for row in importance.measure(mixed, AXES, level=0.95, seed=0)}
    assert (rows["lora_r"]["n"], rows["learning_rate"]["n"]) == (20, 30)
    assert rows["lora_r"]["matters"]
    assert "learning_rate" not in rows["lora_r"]["beats"]  # judged on other trials: not to be compared
