"""Judged in folds: participants with one label each, a generator for every fold, and answers that are told together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

import planted
from tunewright.core.errors import DataError
from tunewright.core.recipe import DataOptions
from tunewright.core.records import Record
from tunewright.data.split import folds
from tunewright.evals import disclosure, disclosure_in_folds, downstream, matching, two_samples, variety
from tunewright.evals.classifiers import Texts, label_of
from tunewright.evals.downstream import REAL, with_ratio

DRAW = {"level": 0.95, "resamples": 300, "seed": 0}
CHIEF = with_ratio(8)

Fold = tuple[list[Record], list[Record], list[Record]]
"""Train, those who are tested, and what a generator of that train wrote; all say which fold it is."""


def dealt(
    count: int, people: int, made: Callable[[Sequence[Record], int], list[Record]], *, cued: float = 0.12
) -> list[Fold]:
    """So many folds of people with one label and six texts each."""
    records = planted.people(people, 6, seed=1, one_label=True, cued=cued)
    options = DataOptions.model_validate({"validation_documents": 0})
    parts = folds(records, count, options, 1, by_label=True)
    return [
        tuple(matching.in_fold(side, number) for side in (part.train, part.test, made(part.train, number)))
        for number, part in enumerate(parts, 1)
    ]


def helpful(train: Sequence[Record], number: int) -> list[Record]:
    return planted.helpful(800, seed=100 + number)


def useless(train: Sequence[Record], number: int) -> list[Record]:
    return planted.useless(800, seed=100 + number)


def memorised(train: Sequence[Record], number: int) -> list[Record]:
    return planted.memorised(train, 800, seed=100 + number)


def worth(found: Sequence[Fold]) -> dict:
    """The comparison named beforehand, of the answers of all folds together."""
    texts, answered = Texts(), []
    for train, test, made in found:
        part = downstream.parts(train, (1.0,), 1, seed=0)[0]
        tried = [arm for arm in downstream.arms(part, made, ratios=(8.0,), others=(), seed=0) if arm.real]
        answered.append((downstream.answers(part, tried, test, ("words",), texts), test))
    rows, test, left_out = downstream.together(answered)
    assert left_out == []
    told = downstream.compare(rows, test, sorted(planted.LABELS), chief=CHIEF, primary=(1.0, "words"), **DRAW)
    assert told["n"] == len(test)
    return next(row for row in told["comparisons"] if row["primary"]) | {"people": told["people"]}


@pytest.mark.parametrize(("count", "people"), [(5, 20), (20, 20), (8, 8)])
def test_a_gain_that_exists_is_found_in_folds(count, people):
    main = worth(dealt(count, people, helpful))
    assert main["people"] == people
    assert main["difference"] > 0.05
    assert main["low"] > 0
    assert main["verdict"] == "better"


@pytest.mark.parametrize("made", [useless, memorised])
@pytest.mark.parametrize("count", [5, 20])
def test_a_gain_that_does_not_exist_is_denied_in_folds(made, count):
    main = worth(dealt(count, 20, made))
    assert main["verdict"] != "better"
    assert main["high"] < 0.12


def test_what_one_fold_did_not_answer_is_left_out_and_named():
    row = {"amount": 1.0, "seed": 0, "classifier": "words", "real": 10, "people": 4, "added": 0, "scarce": False}
    one = [row | {"arm": REAL, "called": [0, 1]}, row | {"arm": "b", "called": [1, 1]}]
    other = [row | {"arm": REAL, "called": [1], "real": 20, "scarce": True}]
    test = planted.people(3, 1, seed=1)
    rows, asked, left_out = downstream.together([(one, test[:2]), (other, test[2:])])
    assert asked == test
    assert left_out == [(1.0, "b")]
    assert [(r["arm"], r["called"], r["real"], r["scarce"]) for r in rows] == [(REAL, [0, 1, 1], 15, True)]


# ---------------------------------------------------------------- what texts are like


CUED = 0.3
"""Labels that are easily heard."""

OTHER = dict(zip(planted.LABELS, reversed(planted.LABELS), strict=True))


def heard(train: Sequence[Record], number: int) -> list[Record]:
    return planted.people(120, 1, seed=100 + number, one_label=True, cued=CUED)


def unheard(train: Sequence[Record], number: int) -> list[Record]:
    """Half of them say what the other label says."""
    return [r.replace(target=OTHER[label_of(r)]) if at % 4 < 2 else r for at, r in enumerate(heard(train, number))]


def agreed(found: Sequence[Fold]) -> dict:
    texts = Texts()
    own = [(downstream.Listener("words", texts, train, 0), held, made) for train, held, made in found]
    return downstream.agreement_in_folds(own, margin=0.05, level=0.95, resamples=300)


def test_agreement_of_folds_that_test_one_person_each():
    good, bad = (agreed(dealt(12, 12, made, cued=CUED)) for made in (heard, unheard))
    assert good["people"] == 12
    assert set(good["labels"]) == set(planted.LABELS)
    assert good["low"] <= 0 <= good["high"]
    assert bad["real"] == good["real"]
    assert bad["synthetic"] == pytest.approx(0.5, abs=0.12)
    assert bad["high"] < 0
    with pytest.raises(DataError, match="2 held-out people are too few"):
        agreed(dealt(12, 12, heard, cued=CUED)[:2])


def test_people_who_differ_widen_the_interval_of_agreement_though_each_is_alone_in_a_fold():
    found = dealt(12, 12, heard, cued=CUED)
    # Half of the people speak as the other label does: what people add to the interval is nearly all of it.
    odd = [
        (train, [r.replace(target=OTHER[label_of(r)]) for r in held] if number % 4 < 2 else held, made)
        for number, (train, held, made) in enumerate(found)
    ]
    spread = {name: own["high"] - own["low"] for name, own in (("alike", agreed(found)), ("odd", agreed(odd)))}
    assert spread["odd"] > 1.5 * spread["alike"]
    assert spread["odd"] > 0.3


def test_nobody_is_compared_with_texts_of_another_fold():
    found = dealt(4, 8, helpful)
    real = [record for _, held, _ in found for record in held]
    made = [record for *_, made in found for record in made[:40]]
    left, right = matching.pairs(real, made, 1000, seed=0)
    assert [(real[i].target, real[i].provenance[matching.FOLD]) for i in left] == [
        (made[i].target, made[i].provenance[matching.FOLD]) for i in right
    ]
    assert len(left) == len(real)
    for label, here, there in matching.cells(real, made):
        assert {(label, real[i].provenance[matching.FOLD]) for i in here} == {
            (made[i].target, made[i].provenance[matching.FOLD]) for i in there
        }


def test_two_sample_tests_of_folds():
    found = dealt(16, 16, helpful)
    real = [record for _, held, _ in found for record in held]
    made = [record for *_, made in found for record in made]
    off = [record.replace(text=record.text + " said quoth") for record in made]
    settings = {"most": 400, "permutations": 199, "seed": 0}
    for test, name in ((two_samples.classifier, "words"), (two_samples.discrepancy, "words")):
        same, other = (test(name, Texts(), real, side, **settings) for side in (made, off))
        assert same["p"] > 0.05
        assert other["p"] < 0.05


def test_who_was_memorised_is_found_though_everybody_is_in_some_train():
    settings = {"most": 400, "permutations": 199, "level": 0.95, "seed": 0}
    shares = {}
    for name, kind in (("memorised", memorised), ("fresh", helpful)):
        own = [(made, train, held) for train, held, made in dealt(12, 12, kind)]
        found = disclosure_in_folds.disclosed(Texts(), own, **settings)
        assert found["people"] == 12
        assert found["of_people"][0] >= 10  # nearly everybody stands beside somebody
        shares[name] = found
    assert shares["memorised"]["low"] > 0.5
    assert shares["memorised"]["p"] <= 0.05
    assert shares["fresh"]["low"] <= 0.5 <= shares["fresh"]["high"]
    with pytest.raises(DataError, match="there are 3"):
        disclosure_in_folds.disclosed(Texts(), own[:3], **settings)


def test_copies_and_coverage_are_of_a_texts_own_fold():
    # Every fold's texts say again what it tests: those are no copies of its train, though of other folds' trains.
    found = [(train, held, matching.in_fold(held, n)) for n, (train, held, _) in enumerate(dealt(6, 12, helpful), 1)]
    copied = disclosure.copied_in_folds([(made, train, held) for train, held, made in found], **DRAW)
    assert copied["drawn"] == copied["held"]
    assert copied["drawn"]["share"] == 0
    covered = variety.coverage_in_folds([(held, train, made) for train, held, made in found], 1, seed=0)
    assert covered["synthetic"] > covered["train"]
    assert covered["synthetic"] == pytest.approx(1)
    assert 0 < covered["words"] < np.mean([len(r.text.split()) for _, held, _ in found for r in held]) * 30
