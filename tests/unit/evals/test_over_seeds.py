"""Two ways of training, several seeds each: what seeds and documents do to the interval."""

from __future__ import annotations

import numpy as np
import pytest

from tunewright.core.errors import UsageError
from tunewright.core.records import Example, Prediction, Record
from tunewright.evals import paired
from tunewright.text.serialise import dumps

OPTIONS = {"level": 0.95, "resamples": 400, "seed": 0}


def examples(n: int, *, group: int = 1) -> list[Example]:
    made = []
    for i in range(n):
        target = {"a": f"word {i}"}
        record = Record(str(i), "text", target, group=f"g{i // group}" if group > 1 else None)
        made.append(Example(record, (), dumps(target), {"type": "object"}))
    return made


def answers(asked: list[Example], right: list[bool]) -> list[Prediction]:
    said = []
    for example, is_right in zip(asked, right, strict=True):
        value = example.record.target if is_right else {"a": "other"}
        said.append(Prediction(example.id, dumps(value), value))
    return said


def compared(a: list[list[bool]], b: list[list[bool]], **more) -> dict:
    asked = examples(len(a[0]), **more)
    sides = [[answers(asked, one) for one in side] for side in (a, b)]
    return paired.over_seeds(asked, *sides, metrics=("exact_match",), **OPTIONS)[0]


def measured(values: list[float], weights: list[float]) -> dict[str, tuple[float, float]]:
    return {str(i): (value * weight, weight) for i, (value, weight) in enumerate(zip(values, weights, strict=True))}


def test_ratios_are_those_of_all_that_was_measured_and_documents_of_one_side_are_left_out():
    rng = np.random.default_rng(3)
    asked = examples(60, group=3)
    weights = list(rng.integers(20, 400, 60).astype(float))
    base = rng.normal(3.0, 0.4, 60)
    own = [measured(list(base + rng.normal(0, 0.1, 60)), weights) for _ in range(3)]
    best = [measured(list(base - 0.5 + rng.normal(0, 0.1, 60)), weights) for _ in range(3)]
    best[1].pop("7")
    own[2] = {name: own[2][name] for name in list(own[2])[:40]}
    row = paired.ratios_over_seeds("bits", asked, own, best, bound=np.inf, **OPTIONS)
    both = [one.keys() & other.keys() for one, other in zip(own, best, strict=True)]
    assert [len(names) for names in both] == [60, 59, 40]
    for side, key in ((own, "a_value"), (best, "b_value")):
        parts = [side[i][name] for i, names in enumerate(both) for name in names]
        assert row[key] == pytest.approx(sum(part[0] for part in parts) / sum(part[1] for part in parts))
    assert row["difference"] == pytest.approx(row["b_value"] - row["a_value"])
    assert row["low"] < row["difference"] < row["high"] < 0
    assert row["p"] < 0.001
    alike = paired.ratios_over_seeds("bits", asked, own[:2], [own[1], own[0]], bound=np.inf, **OPTIONS)
    assert alike["low"] < 0 < alike["high"]
    with pytest.raises(UsageError):
        paired.ratios_over_seeds("bits", asked, [{}], [best[0]], **OPTIONS)


def drawn(rng: np.random.Generator, n: int, rates: list[float], hard: np.ndarray) -> list[list[bool]]:
    return [list((rng.random(n) < rate) | (hard < 0.1)) for rate in rates]


def test_a_clear_difference_is_shown_and_its_numbers_are_those_of_all_answers():
    rng = np.random.default_rng(0)
    hard = rng.random(200)
    row = compared(drawn(rng, 200, [0.4, 0.4, 0.4], hard), drawn(rng, 200, [0.8, 0.8, 0.8], hard))
    assert (row["n"], row["seeds"], len(row["by_seed"])) == (200, 3, 3)
    assert row["difference"] == pytest.approx(np.mean(row["by_seed"]))
    assert row["b_value"] - row["a_value"] == pytest.approx(row["difference"])
    assert row["verdict"] == "better"
    assert row["low"] < row["difference"] < row["high"]


def test_seeds_that_disagree_widen_the_interval_until_nothing_is_shown():
    rng = np.random.default_rng(1)
    hard = rng.random(300)
    own = drawn(rng, 300, [0.5, 0.5, 0.5], hard)
    steady = compared(own, drawn(rng, 300, [0.65, 0.65, 0.65], hard))
    shaky = compared(own, drawn(rng, 300, [0.9, 0.65, 0.4], hard))
    assert steady["verdict"] == "better"
    assert shaky["verdict"] == "no difference shown"
    assert shaky["high"] - shaky["low"] > 2 * (steady["high"] - steady["low"])


def test_one_document_answered_by_three_trainings_is_not_three():
    """The same answers of every seed say no more than those of one."""
    rng = np.random.default_rng(2)
    own, best = list(rng.random(100) < 0.5), list(rng.random(100) < 0.6)
    one, three = compared([own], [best]), compared([own] * 3, [best] * 3)
    assert three["difference"] == pytest.approx(one["difference"])
    assert three["high"] - three["low"] == pytest.approx(one["high"] - one["low"], rel=0.02)


def test_groups_count_and_not_their_documents():
    rng = np.random.default_rng(3)
    own = [list(np.repeat(rng.random(20) < 0.5, 10)) for _ in range(2)]
    best = [list(np.repeat(rng.random(20) < 0.6, 10)) for _ in range(2)]
    alone, grouped = compared(own, best), compared(own, best, group=10)
    assert grouped["high"] - grouped["low"] > 1.3 * (alone["high"] - alone["low"])


def test_where_nothing_differs_the_interval_keeps_its_width():
    row = compared([[True] * 30] * 2, [[True] * 30] * 2)
    assert row["difference"] == 0
    assert row["low"] < -0.02 < 0.02 < row["high"] < 0.3
    assert row["verdict"] == "no difference shown"


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    """Seeds and documents both vary; the truth is the mean over all of either. An interval of documents alone, for
    comparison, misses it far too often."""
    rng, hits, narrow, tries = np.random.default_rng(4), 0, 0, 60
    for _ in range(tries):
        hard = rng.random(80)
        own = drawn(rng, 80, list(0.5 + rng.normal(0, 0.1, 3)), hard)
        best = drawn(rng, 80, list(0.6 + rng.normal(0, 0.1, 3)), hard)
        row = compared(own, best)
        truth = 0.9 * 0.1
        hits += row["low"] <= truth <= row["high"]
        spread = np.std([np.mean(np.array(best, float) - np.array(own, float), axis=0)], ddof=1) / np.sqrt(80)
        narrow += abs(row["difference"] - truth) <= 1.96 * spread
    assert hits / tries >= 0.9
    assert narrow < hits


def test_trainings_with_other_seeds_are_not_compared():
    with pytest.raises(UsageError, match="same seeds"):
        compared([[True]], [[True], [False]])


def test_holm_goes_over_the_metrics():
    rng = np.random.default_rng(5)
    asked = examples(60)
    own, best = (answers(asked, list(rng.random(60) < rate)) for rate in (0.5, 0.7))
    rows = paired.over_seeds(asked, [own], [best], **OPTIONS)
    assert [row["metric"] for row in rows] == ["exact_match", "field_accuracy", "field_f1"]
    assert [row["p_holm"] for row in rows] == paired.holm([row["p"] for row in rows])
