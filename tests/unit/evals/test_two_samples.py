from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import planted
from tunewright.core.errors import DataError
from tunewright.evals import matching, two_samples
from tunewright.evals.classifiers import Texts

SETTINGS = {"most": 300, "permutations": 199}


def test_pairs_have_one_label_and_every_text_once():
    real, made = planted.people(8, 10, seed=1), planted.helpful(60, seed=2)
    left, right = matching.pairs(real, made, 1000, seed=0)
    assert [real[i].target for i in left] == [made[i].target for i in right]
    assert len(set(left)) == len(left) == 60
    assert len(set(right)) == 60
    left, right = matching.pairs(real, made, 20, seed=0)
    assert len(left) == 20
    with pytest.raises(DataError, match="no label"):
        matching.pairs(real, [record.replace(target="other") for record in made], 10, seed=0)


def test_as_many_of_each_label():
    real, made = planted.people(8, 10, seed=1), planted.helpful(30, seed=2)
    few = [record for record in made if record.target == "fluent"][:5] + [r for r in made if r.target != "fluent"]
    chosen = matching.as_many(real, few, seed=0)
    assert Counter(record.target for record in chosen) == Counter(record.target for record in few)
    assert len({record.id for record in chosen}) == len(chosen)


def test_texts_of_the_same_lengths():
    real = planted.people(8, 40, seed=1)
    made = planted.helpful(300, seed=2)
    long = [record for record in made if len(record.text.split()) > 14]
    left, right = matching.same_lengths(real, long, seed=0)
    ours, theirs = (matching.lengths([side[i] for i in places]) for side, places in ((real, left), (long, right)))
    assert abs(ours.mean() - theirs.mean()) < 1
    assert ours.mean() > matching.lengths(real).mean() + 1


@pytest.mark.parametrize("name", ["words", "disfluency"])
def test_what_is_not_alike_is_told_apart(name):
    texts, real = Texts(), planted.people(24, 20, seed=1, side="test")
    other = planted.useless(600, seed=2) if name == "words" else [
        record.replace(text="um um " + record.text.replace("common1 ", "um common1 ")) for record in planted.helpful(600, seed=2)
    ]  # fmt: skip
    told = two_samples.classifier(name, texts, real, other, seed=0, **SETTINGS)
    assert told["accuracy"] > 0.6
    assert told["p"] == pytest.approx(1 / 200)
    found = two_samples.discrepancy(name, texts, real, other, seed=0, **SETTINGS)
    assert found["p"] <= 0.02
    assert found["mmd2"] > 1.5 * found["expected"]


def test_what_is_drawn_from_the_same_people_is_rarely_told_apart():
    p_values = {name: [] for name in ("classifier", "words", "disfluency")}
    for trial in range(24):
        texts = Texts()
        real = planted.people(16, 8, seed=100 + trial, side="test")
        made = planted.helpful(160, seed=500 + trial)
        settings = {"most": 128, "permutations": 99, "seed": trial}
        p_values["classifier"].append(two_samples.classifier("words", texts, real, made, **settings)["p"])
        for name in ("words", "disfluency"):
            p_values[name].append(two_samples.discrepancy(name, texts, real, made, **settings)["p"])
    for found in p_values.values():
        assert np.sum(np.array(found) <= 0.05) <= 4
        assert np.mean(found) > 0.3


def test_too_few_people_are_refused():
    with pytest.raises(DataError, match="7 people are too few"):
        two_samples.classifier(
            "words", Texts(), planted.people(7, 10, seed=1), planted.helpful(70, seed=1), seed=0, **SETTINGS
        )
