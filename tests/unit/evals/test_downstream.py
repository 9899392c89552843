"""A gain that exists is found, one that does not is denied; who may not be learnt from is refused."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import planted
from tunewright.core.errors import DataError
from tunewright.core.records import Record
from tunewright.evals import alternatives, downstream
from tunewright.evals.classifiers import Texts, labels_of
from tunewright.evals.downstream import REAL, SYNTHETIC, beside, with_ratio

TRAIN = planted.people(16, 6, seed=1)
TEST = planted.people(24, 12, seed=2, side="test")
DRAW = {"level": 0.95, "resamples": 400, "seed": 0}
AGREE = {"margin": 0.05, "level": 0.95, "resamples": 300}


def table(synthetic, *, amounts=(1.0,), ratios=(8.0, 2.0), seeds=3, others=alternatives.NAMES, names=("words",)):
    texts, rows = Texts(), []
    for part in downstream.parts(TRAIN, amounts, seeds, seed=0):
        tried = downstream.arms(part, synthetic, ratios=ratios, others=others, seed=0)
        rows += downstream.answers(part, tried, TEST, names, texts)
    return downstream.compare(
        rows, TEST, sorted(planted.LABELS), chief=with_ratio(ratios[0]), primary=(amounts[-1], names[0]), **DRAW
    )


def row_of(found, a, b, amount=1.0):
    return next(row for row in found["comparisons"] if (row["a"], row["b"], row["amount"]) == (a, b, amount))


def test_a_gain_that_exists_is_found_and_is_more_than_any_cheap_one():
    found = table(planted.helpful(1000, seed=3))
    chief = with_ratio(8)
    main = row_of(found, REAL, chief)
    assert main["verdict"] == "better"
    assert main["low"] > 0
    assert main["primary"]
    assert main["p_holm"] == main["p"]
    assert sum(row["primary"] for row in found["comparisons"]) == 1
    for name in alternatives.NAMES:
        assert row_of(found, beside(name), chief)["verdict"] == "better"
        assert row_of(found, REAL, beside(name))["verdict"] != "better"
        assert row_of(found, beside(name), chief)["p_holm"] >= row_of(found, beside(name), chief)["p"]
    assert row_of(found, REAL, chief)["difference"] > row_of(found, REAL, with_ratio(2))["difference"]
    assert {cell["arm"] for cell in found["cells"]} == {
        REAL, SYNTHETIC, chief, with_ratio(2), *map(beside, alternatives.NAMES),
    }  # fmt: skip
    for cell in found["cells"]:
        assert cell["low"] <= cell["value"] <= cell["high"]


@pytest.mark.parametrize("kind", ["useless", "memorised"])
def test_a_gain_that_does_not_exist_is_denied(kind):
    made = planted.useless(300, seed=3) if kind == "useless" else planted.memorised(TRAIN, 300, seed=3)
    found = table(made, ratios=(2.0,), others=())
    main = row_of(found, REAL, with_ratio(2))
    assert main["verdict"] != "better"
    assert main["high"] < 0.1
    # The gain that good texts do bring lies far outside of what this interval allows.
    gain = row_of(table(planted.helpful(1000, seed=3), others=()), REAL, with_ratio(8))["difference"]
    assert gain > main["high"]


def answered(draw, people, texts, effect=0.0, seeds=3, shared=0.5):
    """Answers of two arms that are as good, or b better by `effect`; people differ, and arms err on the same texts."""
    records = [
        Record(f"{p}-{t}", f"{p} {t}", planted.LABELS[t % 2], group=str(p)) for p in range(people) for t in range(texts)
    ]
    ease = np.repeat(draw.normal(0, 0.1, people), texts)
    hard = draw.random(len(records))
    rows = []
    for number in range(seeds):
        for arm, plus in ((REAL, 0.0), ("b", effect)):
            luck = np.where(draw.random(len(records)) < shared, hard, draw.random(len(records)))
            right = luck < np.clip(0.7 + ease + plus, 0, 1)
            truth = np.arange(len(records)) % texts % 2  # the number of fluent is 1
            called = np.where(right, 1 - truth, truth)
            rows.append(
                {"amount": 1.0, "seed": number, "arm": arm, "classifier": "words", "real": 1, "people": 1, "added": 0,
                 "scarce": False, "called": called.tolist()}
            )  # fmt: skip
    return downstream.compare(
        rows, records, sorted(planted.LABELS), chief="b", primary=(1.0, "words"), level=0.95, resamples=200, seed=0
    )["comparisons"][0]


@pytest.mark.parametrize("seeds", [1, 3])
def test_no_more_gains_are_found_by_chance_than_the_level_allows(seeds):
    draw = np.random.default_rng(0)
    found = [answered(draw, people=12, texts=10, seeds=seeds) for _ in range(250)]
    p_values = np.array([row["p"] for row in found])
    for level in (0.05, 0.2, 0.5):
        # What seeds add is in both variances, so p of several is rather too large.
        assert np.mean(p_values <= level) <= level + 0.04
        assert seeds > 1 or np.mean(p_values <= level) >= level - 0.08
    assert np.mean([row["verdict"] == "no difference shown" for row in found]) >= 0.92
    assert np.mean([row["low"] <= 0 <= row["high"] for row in found]) >= 0.92


def test_the_detectable_difference_is_detected_four_times_of_five():
    draw = np.random.default_rng(1)
    effect = np.mean([answered(draw, people=20, texts=10)["minimum_detectable_effect"] for _ in range(20)])
    found = [answered(draw, people=20, texts=10, effect=effect)["verdict"] == "better" for _ in range(60)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.17)


def test_verdicts_follow_from_intervals():
    for row in table(planted.helpful(1000, seed=3), seeds=2)["comparisons"]:
        if row["low"] <= 0 <= row["high"]:
            assert row["verdict"] == "no difference shown"
        if row["verdict"] != "no difference shown":
            assert (row["verdict"] == "better") == (row["low"] > 0)


# ---------------------------------------------------------------- parts and arms


def test_parts_are_whole_people_with_every_label_drawn_beforehand():
    train = planted.people(10, 6, seed=1)
    found = downstream.parts(train, (0.3, 1.0), 3, seed=5)
    assert [part.name for part in found] == ["0.3-0", "0.3-1", "0.3-2", "1-0", "1-1", "1-2"]
    assert found == downstream.parts(train, (0.3, 1.0), 3, seed=5)
    for part in found[:3]:
        assert part.people == 3
        assert len(part.records) == 18  # all that the three said
        assert set(labels_of(part.records)) == set(planted.LABELS)
    assert len({frozenset(r.group for r in part.records) for part in found[:3]}) > 1
    assert list(found[-1].records) == train


def test_people_of_one_label_each_are_drawn_until_both_are_there():
    train = [
        record.replace(target=planted.LABELS[int(record.group[-1]) % 2]) for record in planted.people(10, 6, seed=1)
    ]
    for part in downstream.parts(train, (0.2,), 8, seed=5):
        assert set(labels_of(part.records)) == set(planted.LABELS)
    with pytest.raises(DataError, match="every label"):
        downstream.parts(train, (0.1,), 1, seed=5)


def test_added_texts_keep_the_shares_of_labels_and_have_the_same_number():
    part = downstream.parts(TRAIN, (0.5,), 1, seed=0)[0]
    uneven = downstream.Part(0.5, 0, tuple(r for i, r in enumerate(part.records) if r.target == "fluent" or i % 4 == 1))
    own = Counter(labels_of(uneven.records).tolist())
    tried = downstream.arms(
        uneven,
        planted.helpful(1000, seed=1),
        ratios=(2.0, 1.0),
        others=alternatives.NAMES,
        seed=0,
        of_all=alternatives.Alternative("ngrams", TRAIN),
    )
    for arm in tried:
        counts = Counter(record.target for record in arm.added)
        if arm.name not in (REAL, with_ratio(1)):
            assert counts == {label: 2 * count for label, count in own.items()}, arm.name
        assert not arm.scarce
    assert next(arm for arm in tried if arm.name == beside(downstream.OF_ALL)).added


def test_scarce_texts_are_told_and_a_ratio_that_adds_nothing_is_left_out():
    part = downstream.parts(TRAIN, (1.0,), 1, seed=0)[0]
    tried = downstream.arms(part, planted.helpful(24, seed=1), ratios=(1.0, 0.25, 4.0), others=(), seed=0)
    assert [arm.name for arm in tried] == [REAL, SYNTHETIC, with_ratio(1)]
    assert [len(arm.added) for arm in tried] == [0, 24, 24]
    assert tried[-1].scarce
    assert tried[-1].given == 0.25
    with pytest.raises(DataError, match="no synthetic text of 'disfluent'"):
        downstream.arms(part, [r for r in planted.helpful(24, seed=1) if r.target == "fluent"],
                        ratios=(1.0,), others=(), seed=0)  # fmt: skip


def test_all_draws_of_an_amount_add_the_same_ratio_and_are_named_by_it():
    uneven = planted.people(12, [4, 4, 4, 4, 4, 4, 20, 20, 20, 20, 20, 20], seed=1)
    made, texts, rows = planted.helpful(100, seed=3), Texts(), []
    among = downstream.parts(uneven, (0.25,), 4, seed=0)
    alone = [downstream.reach([part], made) for part in among]
    assert min(alone) < 2 <= max(alone)  # some draws have texts enough for a second ratio, some have not
    for part in among:
        tried = downstream.arms(part, made, ratios=(1.0, 4.0, 2.0), others=("oversampling",), seed=0, most=min(alone))
        assert [arm.name for arm in tried] == [REAL, SYNTHETIC, with_ratio(1), with_ratio(4), beside("oversampling")]
        assert [len(arm.added) for arm in tried] == pytest.approx(
            [len(part.records) * ratio for ratio in (0, 1, 1, min(alone), 1)], abs=1
        )
        rows += downstream.answers(part, tried, TEST, ("words",), texts)
    found = downstream.compare(rows, TEST, sorted(planted.LABELS), chief=with_ratio(1), primary=(0.25, "words"), **DRAW)
    named = with_ratio(float(f"{min(alone):.2g}"))
    assert {cell["arm"]: cell["scarce"] for cell in found["cells"]} == {
        REAL: False, SYNTHETIC: False, with_ratio(1): False, named: True, beside("oversampling"): False,
    }  # fmt: skip
    assert all(len(cell["by_seed"]) == 4 for cell in found["cells"])
    assert {(row["a"], row["b"]) for row in found["comparisons"] if row["chief"]} == {
        (REAL, with_ratio(1)), (beside("oversampling"), with_ratio(1)),
    }  # fmt: skip
    assert (REAL, named) in {(row["a"], row["b"]) for row in found["comparisons"]}


def test_with_everybody_of_train_the_interval_is_of_other_people_who_are_asked():
    everybody, texts, rows = planted.people(640, 6, seed=9, side="test"), Texts(), []
    for part in downstream.parts(TRAIN, (1.0,), 3, seed=0):
        tried = downstream.arms(part, planted.helpful(400, seed=3), ratios=(2.0,), others=(), seed=0)
        rows += downstream.answers(part, [arm for arm in tried if arm.name != SYNTHETIC], everybody, ("words",), texts)

    def compared(first, last, level):
        own = [row | {"called": row["called"][first:last]} for row in rows]
        settings = {"chief": with_ratio(2), "primary": None, "level": level, "resamples": 200, "seed": 0}
        return downstream.compare(own, everybody[first:last], sorted(planted.LABELS), **settings)["comparisons"][0]

    truth = compared(0, len(everybody), 0.95)["difference"]  # of this train set and these texts, for people at large
    for level, least, most in ((0.95, 0.87, 1.0), (0.5, 0.3, 0.7)):
        asked = [compared(at, at + 96, level) for at in range(0, len(everybody), 96)]  # sixteen people each
        assert least <= np.mean([row["low"] <= truth <= row["high"] for row in asked]) <= most, level


def test_an_arm_that_ran_out_takes_no_other_arms_name():
    def row(ratio, given):
        return {"amount": 1.0, "arm": with_ratio(ratio), "given": given, "scarce": given < ratio}

    found = downstream._by_what_was_given([row(1, 0.83), row(0.83, 0.83), row(4, 2.034), row(4, 2.036)])
    assert found == {(1.0, with_ratio(4)): with_ratio(2.0), (1.0, with_ratio(1)): with_ratio(1)}


# ---------------------------------------------------------------- agreement


def test_agreement_of_texts_like_peoples_is_close_and_of_others_below():
    train, held = planted.people(40, 20, seed=1), planted.people(40, 20, seed=2, side="validation")
    ear = downstream.Listener("words", Texts(), train, 0)
    good, bad = (ear.agreement(held, made(2000, seed=3), **AGREE) for made in (planted.helpful, planted.useless))
    assert good["verdict"] == "close"
    assert good["low"] <= good["difference"] <= good["high"]
    assert set(good["labels"]) == set(planted.LABELS)
    assert bad["verdict"] == "below"
    assert bad["synthetic"] == pytest.approx(0.5, abs=0.1)


def test_agreement_is_of_the_same_lengths():
    train, held = planted.people(30, 20, seed=1), planted.people(30, 20, seed=2, side="validation")
    # Long texts are easier; here nearly all synthetic ones are long, and as good as people's of that length.
    made = planted.helpful(1500, seed=3)
    long = [record for record in made if len(record.text.split()) > 15] + made[:40]
    found = downstream.Listener("words", Texts(), train, 0).agreement(held, long, **AGREE)
    assert found["everything"]["synthetic"] > found["everything"]["real"] + 0.01
    assert abs(found["difference"]) < 0.04


def test_three_people_say_nothing_of_others():
    train, held = planted.people(20, 10, seed=1), planted.people(3, 20, seed=2, side="validation")
    ear = downstream.Listener("words", Texts(), train, 0)
    with pytest.raises(DataError, match="3 held-out people are too few"):
        ear.agreement(held, planted.helpful(300, seed=3), **AGREE)


def test_of_no_texts_nothing_is_said():
    ear, held = downstream.Listener("words", Texts(), TRAIN, 0), planted.people(4, 6, seed=2, side="validation")
    with pytest.raises(DataError, match="no synthetic text to ask about"):
        ear.agreement(held, [], **AGREE)
    with pytest.raises(DataError, match="no real text to ask about"):
        ear.agreement([], planted.helpful(20, seed=3), **AGREE)


def test_few_texts_settle_nothing():
    train, held = planted.people(20, 10, seed=1), planted.people(4, 6, seed=2, side="validation")
    ear = downstream.Listener("words", Texts(), train, 0)
    found = ear.agreement(held, planted.helpful(20, seed=3), **AGREE)
    assert found["verdict"] == "not settled"


# ---------------------------------------------------------------- refusals


def test_leaks_are_refused():
    train, held = planted.people(4, 4, seed=1), planted.people(4, 4, seed=2, side="validation")
    made = planted.helpful(4, seed=3)
    downstream.refuse_leaks(train, held, TEST, made)
    with pytest.raises(DataError, match="synthetic records stand in test"):
        downstream.refuse_leaks(train, held, [*TEST, made[0]], made)
    with pytest.raises(DataError, match="synthetic records stand in validation"):
        downstream.refuse_leaks(train, [*held, made[0].replace(id="real-1")], TEST, made)
    with pytest.raises(DataError, match="two sides"):
        downstream.refuse_leaks([*train, TEST[0].replace(id="x")], held, TEST, made)
    with pytest.raises(DataError, match="do not say"):
        downstream.refuse_leaks(train, held, TEST, [*made, train[0]])
    spoken = made[0].replace(provenance=made[0].provenance | {"of": TEST[0].id})
    with pytest.raises(DataError, match="synthetic texts were made from 1 texts"):
        downstream.refuse_leaks(train, held, TEST, [spoken])


def test_nothing_is_learnt_from_who_is_tested():
    part = downstream.Part(1.0, 0, (*TRAIN, TEST[0]))
    with pytest.raises(DataError, match="held out"):
        downstream.answers(part, [downstream.Arm(REAL, True)], TEST, ("words",), Texts())
    other = TEST[0].replace(id="said-elsewhere")
    with pytest.raises(DataError, match="a filter would learn from 1 texts"):
        downstream.refuse_tested([*TRAIN, other], TEST, "a filter would learn")
    with pytest.raises(DataError, match="held out"):
        downstream.Listener("words", Texts(), [*TRAIN, TEST[0]], 0).agreement(TEST, planted.helpful(4, seed=3), **AGREE)
