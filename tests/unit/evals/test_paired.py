from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tunewright.core.errors import UsageError
from tunewright.evals.paired import (
    Trial,
    compare,
    detectable_share,
    difference_of_shares,
    gates,
    holm,
    mcnemar,
    mcnemar_power,
    usual_pairs,
)

OPTIONS = {"level": 0.95, "resamples": 500, "seed": 0}


@given(st.integers(0, 40), st.integers(0, 40))
@settings(max_examples=60, deadline=None)
def test_mcnemar_is_the_exact_binomial_test(only_a: int, only_b: int):
    expected = stats.binomtest(only_a, only_a + only_b, 0.5).pvalue if only_a + only_b else 1.0
    assert mcnemar(only_a, only_b) == pytest.approx(expected, abs=1e-12)


def test_mcnemar_by_hand():
    assert mcnemar(0, 4) == 0.125  # the best that four documents can show
    assert mcnemar(0, 6) == 2 / 64
    assert mcnemar(1000, 900) < 0.03
    assert mcnemar(0, 0) == 1


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_interval_of_a_difference_keeps_its_width():
    low, high = difference_of_shares(0, 0, 100, 0.95)
    assert low == pytest.approx(-high)
    assert 0.01 < high < 0.05
    # Bonett & Price by hand, b=5, c=15, n=100: (16 - 6)/102 ± 1.96 √((22/102 - (10/102)²)/102)
    p, d = 22 / 102, 10 / 102
    half = 1.959964 * np.sqrt((p - d * d) / 102)
    assert difference_of_shares(5, 15, 100, 0.95) == pytest.approx((d - half, d + half), abs=1e-6)


def test_interval_of_a_difference_covers_the_truth():
    rng = np.random.default_rng(0)
    counts = rng.multinomial(60, [0.02, 0.12, 0.86], size=2000)
    hits = [low <= 0.1 <= high for low, high in (difference_of_shares(a, b, 60, 0.95) for a, b, _ in counts)]
    assert np.mean(hits) >= 0.935


def test_the_detectable_effect_is_detected_four_times_in_five():
    n, differing = 400, 0.2
    effect = detectable_share(differing * n / 2 - 1, differing * n / 2 - 1, n - 2, 0.95)
    rng = np.random.default_rng(0)
    counts = rng.multinomial(n, [(differing - effect) / 2, (differing + effect) / 2, 1 - differing], size=2000)
    power = np.mean([mcnemar(a, b) < 0.05 for a, b, _ in counts])
    assert 0.74 < power < 0.86  # the exact test is a little careful
    assert detectable_share(10, 10, 2000, 0.95) < detectable_share(10, 10, 100, 0.95) <= 1


@pytest.mark.parametrize(
    ("difference", "differing", "n"), [(0.2, 0.3, 40), (0.1, 0.1, 60), (0.05, 0.4, 90), (1.0, 1.0, 5)]
)
def test_power_is_that_of_the_exact_test_counted_out(difference, differing, n):
    better = (differing + difference) / (2 * differing)
    power = 0.0
    for both in range(n + 1):
        chance = comb(n, both) * differing**both * (1 - differing) ** (n - both)
        for b in range(both // 2, both + 1):
            if b > both - b and mcnemar(both - b, b) <= 0.05:
                power += chance * comb(both, b) * better**b * (1 - better) ** (both - b)
    assert mcnemar_power(difference, differing, n, 0.95) == pytest.approx(power, abs=1e-9)


@pytest.mark.parametrize(("n", "differ"), [(20, 0), (60, 0), (30, 2), (300, 2), (300, 60)])
def test_a_small_sample_claims_no_more_than_it_can(n, differ):
    effect = detectable_share(differ, 0, n, 0.95)
    assert mcnemar_power(effect, max(effect, (differ + 2) / (n + 2)), n, 0.95) >= 0.8
    assert mcnemar_power(effect - 0.02, max(effect - 0.02, (differ + 2) / (n + 2)), n, 0.95) < 0.8
    assert detectable_share(0, 0, 5, 0.95) == 1.0


def _trial(answer, cells: dict[str, list[int]], *, n: int = 100, on: str = "test", **record) -> Trial:
    """Documents 0..n-1 of two fields; a cell gets those right whose numbers it lists, of the others just one field."""
    examples, predictions = [], {cell: [] for cell in cells}
    for i in range(n):
        gold = {"name": "राम", "total": str(i)}
        about = {key: value(i) for key, value in record.items()}
        for cell, right in cells.items():
            example, prediction = answer(gold, gold if i in right else {**gold, "name": "x"}, id=str(i), **about)
            predictions[cell].append(prediction)
        examples.append(example)
    return Trial(on, examples, predictions)


def _row(rows, metric):
    (row,) = [row for row in rows if row["metric"] == metric]
    return row


def test_a_real_gain(answer):
    trial = _trial(answer, {"base/free": range(40), "tuned/grammar": range(10, 100)})
    rows = compare([trial], **OPTIONS)
    exact = _row(rows, "exact_match")
    assert (exact["a"], exact["b"], exact["on"], exact["n"]) == ("base/free", "tuned/grammar", "test", 100)
    assert (exact["a_value"], exact["b_value"], exact["difference"]) == pytest.approx((0.4, 0.9, 0.5))
    assert exact["test"] == "exact McNemar"
    assert exact["p"] == pytest.approx(stats.binomtest(10, 70, 0.5).pvalue)
    assert exact["p_holm"] >= exact["p"]
    assert 0.3 < exact["low"] < 0.5 < exact["high"] < 0.7
    assert exact["verdict"] == "better"
    field = _row(rows, "field_accuracy")
    assert field["test"] == "paired bootstrap"
    assert field["difference"] == pytest.approx(0.25)
    assert field["verdict"] == "better"
    assert field["low"] < 0.25 < field["high"]


def test_the_other_way_round_is_worse(answer):
    trial = _trial(answer, {"a": range(10, 100), "b": range(40)})
    rows = compare([trial], pairs=[("a", "b")], metrics=["exact_match", "field_f1", "substituted"], **OPTIONS)
    assert [row["verdict"] for row in rows] == ["worse"] * 3
    assert _row(rows, "substituted")["difference"] > 0  # more of it is worse
    there, back = (compare([trial], pairs=[pair], **OPTIONS) for pair in [("a", "b"), ("b", "a")])
    for one, other in zip(there, back, strict=True):
        assert one["p"] == pytest.approx(other["p"])
        assert one["low"] == pytest.approx(-other["high"])


def test_a_difference_within_chance_is_called_none(answer):
    trial = _trial(answer, {"a": range(50), "b": range(4, 57)})
    for row in compare([trial], pairs=[("a", "b")], **OPTIONS):
        assert row["difference"] > 0
        assert row["verdict"] == "no difference shown"


def test_no_difference_at_all_is_still_not_certainty(answer):
    trial = _trial(answer, {"a": range(50), "b": range(50)})
    for row in compare([trial], pairs=[("a", "b")], **OPTIONS):
        assert row["p"] == 1
        assert row["low"] < 0 < row["high"]
        assert row["minimum_detectable_effect"] > 0
        assert row["verdict"] == "no difference shown"


def test_four_documents_show_nothing_however_clear(answer):
    trial = _trial(answer, {"a": [], "b": range(4)}, n=4)
    for row in compare([trial], pairs=[("a", "b")], **OPTIONS):
        assert row["p"] >= 0.125
        assert row["verdict"] == "no difference shown"


def test_groups_take_the_place_of_mcnemar(answer):
    cells = {"a": range(50), "b": range(70)}
    (alone,) = compare([_trial(answer, cells)], pairs=[("a", "b")], metrics=["exact_match"], **OPTIONS)
    grouped = _trial(answer, cells, group=lambda i: f"g{i // 20}")
    (row,) = compare([grouped], pairs=[("a", "b")], metrics=["exact_match"], **OPTIONS)
    assert alone["verdict"] == "better"
    assert row["test"] == "paired bootstrap"
    assert row["p"] >= 0.5  # 20 documents differ, but they are 2 groups
    assert row["verdict"] == "no difference shown"
    assert row["high"] - row["low"] > 2 * (alone["high"] - alone["low"])


def test_only_common_documents_count(answer):
    trial = _trial(answer, {"base/free": range(40), "tuned/grammar": range(10, 100)})
    sampled = Trial("test", trial.examples, {**trial.cells, "base/free": trial.cells["base/free"][:30]})
    row = _row(compare([sampled], **OPTIONS), "exact_match")
    assert row["n"] == 30
    assert row["a_value"] == 1
    assert row["b_value"] == pytest.approx(20 / 30)


def test_correction_is_over_everything_compared_together(answer):
    test = _trial(answer, {"a": range(40), "b": range(10, 60), "c": range(20, 90)})
    exam = _trial(answer, {"a": range(10), "c": range(5, 20)}, n=20, on="exam")
    rows = compare([test, exam], pairs=[("a", "b"), ("a", "c")], metrics=["exact_match"], **OPTIONS)
    assert [(row["b"], row["on"]) for row in rows] == [("b", "test"), ("c", "test"), ("c", "exam")]
    assert [row["p_holm"] for row in rows] == pytest.approx(holm([row["p"] for row in rows]))
    assert not any(row["primary"] for row in rows)


def test_the_comparison_named_beforehand_is_judged_by_its_own_p(answer):
    trial = _trial(answer, {"a": range(40), "b": range(8, 60), "c": range(20, 64)})
    wanted = {"pairs": [("a", "b"), ("a", "c")], "metrics": ["exact_match", "field_accuracy"], **OPTIONS}
    named = ("a", "b", "test", "exact_match")
    rows = compare([trial], primary=named, **wanted)
    first = [row for row in rows if row["primary"]]
    assert [(row["a"], row["b"], row["on"], row["metric"]) for row in first] == [named]
    assert first[0]["p_holm"] == first[0]["p"]
    others = [row for row in rows if not row["primary"]]
    assert [row["p_holm"] for row in others] == pytest.approx(holm([row["p"] for row in others]))
    corrected = next(row for row in compare([trial], **wanted) if row["metric"] == "exact_match" and row["b"] == "b")
    assert corrected["p_holm"] > first[0]["p_holm"]


def test_one_field_by_itself(answer):
    trial = _trial(answer, {"a": range(40), "b": range(100)})
    rows = compare([trial], pairs=[("a", "b")], metrics=["field:name", "field:total"], **OPTIONS)
    assert _row(rows, "field:name")["difference"] == pytest.approx(0.6)
    assert _row(rows, "field:name")["verdict"] == "better"
    assert _row(rows, "field:total")["verdict"] == "no difference shown"


def test_many_comparisons_can_still_find_a_clear_one(answer):
    trial = _trial(answer, {"a": range(40), "b": range(100)})
    rows = compare([trial], pairs=[("a", "b")] * 60, metrics=["field_accuracy"], **OPTIONS)
    assert {row["verdict"] for row in rows} == {"better"}


def test_the_bootstrap_test_errs_as_often_as_it_says():
    from tunewright.evals.paired import by_bootstrap

    rng, errors = np.random.default_rng(0), 0
    for _ in range(400):
        gaps = rng.normal(size=40)
        draws = rng.integers(0, 40, (500, 40))
        errors += by_bootstrap(gaps.mean(), gaps[draws].mean(axis=1), 40, 40, 0.95)["p"] < 0.05
    assert 0.02 < errors / 400 < 0.09


@pytest.mark.parametrize("groups", [8, 20])
def test_few_groups_err_no_oftener_than_they_say_and_records_would(groups):
    """Two systems of the same quality, each better on some speakers: only a test over speakers tells that."""
    from tunewright.evals.intervals import resampled_sums
    from tunewright.evals.paired import by_bootstrap

    rng, errors, misses, by_record = np.random.default_rng(groups), 0, 0, 0
    for _ in range(400):
        sizes = rng.integers(8, 21, groups)
        lean = rng.normal(0, 0.35, groups)
        only_a, only_b = (rng.binomial(sizes, np.clip(0.25 + sign * lean / 2, 0, 0.5)) for sign in (-1, 1))
        sums = np.stack([only_a, only_b, sizes], axis=1).astype(float)
        drawn = resampled_sums(sums, 400, int(rng.integers(1 << 30)))
        gap = float((only_b.sum() - only_a.sum()) / sizes.sum())
        row = by_bootstrap(gap, (drawn[:, 1] - drawn[:, 0]) / drawn[:, 2], groups, groups, 0.95)
        errors += row["p"] < 0.05
        misses += not row["low"] <= 0 <= row["high"]
        by_record += mcnemar(only_a.sum(), only_b.sum()) < 0.05
    assert errors / 400 < 0.075
    assert misses / 400 < 0.075
    assert by_record / 400 > 0.2


def test_unknown_names_are_refused(answer):
    trial = _trial(answer, {"tuned/free": range(5), "tuned/grammar": range(5)}, n=5)
    with pytest.raises(UsageError, match="no cell 'tuned/gramar'") as caught:
        compare([trial], pairs=[("tuned/free", "tuned/gramar")], **OPTIONS)
    assert "tuned/grammar" in str(caught.value.hint)
    with pytest.raises(UsageError, match="no score 'exact'"):
        compare([trial], pairs=[("tuned/free", "tuned/grammar")], metrics=["exact"], **OPTIONS)


def test_usual_pairs():
    assert usual_pairs(["base/free", "tuned/free", "tuned/grammar", "rules/free"]) == [
        ("base/free", "tuned/grammar"),
        ("tuned/free", "tuned/grammar"),
        ("rules/free", "tuned/grammar"),
        ("base/free", "tuned/free"),
    ]
    assert usual_pairs(["base/free", "rules/free", "tuned/free"]) == [
        ("base/free", "tuned/free"),
        ("rules/free", "tuned/free"),
    ]
    assert usual_pairs(["base/free"]) == []


def test_gates():
    metrics = {"exact_match": {"value": 0.93}, "hallucinated": {"value": 0.0}}
    assert gates(metrics, {"exact_match": 0.93}) == [
        {"metric": "exact_match", "floor": 0.93, "value": 0.93, "met": True}
    ]
    assert gates(metrics, {"exact_match": 0.94})[0]["met"] is False
    with pytest.raises(UsageError, match="exact_mach"):
        gates(metrics, {"exact_mach": 0.9})
    with pytest.raises(UsageError, match="better when lower"):
        gates(metrics, {"hallucinated": 0.1})


def test_the_usual_pairs_are_about_the_chief_cell():
    cells = ["rules/free", "base/free", "few-shot/grammar"]
    assert usual_pairs(cells, "few-shot/grammar") == [
        ("rules/free", "few-shot/grammar"),
        ("base/free", "few-shot/grammar"),
    ]
    assert usual_pairs(cells) == []
