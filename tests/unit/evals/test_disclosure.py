from __future__ import annotations

import numpy as np
import pytest

import planted
from tunewright.core.errors import DataError
from tunewright.evals import disclosure
from tunewright.evals.classifiers import Texts

SETTINGS = {"most": 200, "permutations": 199, "level": 0.95}


def test_what_was_memorised_is_found():
    train, held = planted.people(12, 20, seed=1), planted.people(12, 20, seed=2, side="test")
    drawn = planted.memorised(train, 200, seed=3)
    found = disclosure.disclosed(Texts(), drawn, train, held, seed=0, **SETTINGS)
    assert found["share"] > 0.9
    assert found["low"] > 0.5
    assert found["p"] <= 0.01
    copies = disclosure.copied(drawn, train, held, level=0.95, resamples=200, seed=0)
    assert copies["held"]["share"] == 0
    exact = [record.replace(provenance={"synthetic": True}) for record in train]
    assert disclosure.copied(exact, train, held, level=0.95, resamples=200, seed=0)["drawn"]["share"] == 1


def test_fresh_texts_give_nobody_away_however_unequal_the_sides_are():
    shares, outside, p_values = [], 0, []
    for trial in range(20):
        # Forty people who say much against eight who say little: no side may win by its number.
        train = planted.people(40, 16, seed=10 + trial)
        held = planted.people(8, 6, seed=60 + trial, side="test")
        found = disclosure.disclosed(Texts(), planted.helpful(150, seed=trial), train, held, seed=trial, **SETTINGS)
        assert found["people"] == 8
        assert found["texts"] == 48
        assert found["of_people"] == [40, 8]
        shares.append(found["share"])
        outside += not found["low"] <= 0.5 <= found["high"]
        p_values.append(found["p"])
    assert abs(np.mean(shares) - 0.5) < 0.03
    assert outside <= 3
    assert np.sum(np.array(p_values) <= 0.05) <= 3


def test_shares_of_exchanged_and_left_out_people_are_those_of_looking_at_everybody():
    draw = np.random.default_rng(0)
    # Few different likenesses: many texts are as near to several people, on one side and on both.
    near = tuple(draw.integers(0, 6, (60, 7)) / 10 for _ in range(2))
    turned = draw.random((40, 7)) < 0.5

    def share(one, other):
        wins = [0.5 if abs(a - b) < 1e-9 else float(a > b) for a, b in zip(one.max(1), other.max(1), strict=True)]
        return np.mean(wins)

    exchanged = [share(np.where(own, near[1], near[0]), np.where(own, near[0], near[1])) for own in turned]
    assert disclosure._exchanged(near, turned).tolist() == exchanged
    assert len(set(exchanged)) > 5
    without = [share(*(np.delete(side, number, axis=1) for side in near)) for number in range(7)]
    assert disclosure._without_each(near).tolist() == without


def test_people_of_one_label_each_find_each_other():
    def alone(records):
        return [one.replace(target=planted.LABELS[int(one.group.rpartition("-")[2]) % 2]) for one in records]

    train = alone(planted.people(30, 4, seed=1))
    held = alone(planted.people(16, [4] * 15 + [9], seed=2, side="test"))
    left, right, pair = disclosure._paired(train, held, seed=0)
    assert len(np.unique(pair)) == 16  # half of them were lost where the next best had the other label
    for side, records in ((left, train), (right, held)):
        assert len({(number, records[place].group) for number, place in zip(pair, side, strict=True)}) == 16
    assert [train[place].target for place in left] == [held[place].target for place in right]
    nobody = [one.replace(target="other") for one in planted.people(4, 4, seed=3, side="test")]
    assert len(np.unique(disclosure._paired(train, [*held, *nobody], seed=0)[2])) == 16


def test_sides_change_places_when_the_truth_does():
    train, held = planted.people(10, 10, seed=1), planted.people(14, 12, seed=2, side="test")
    drawn = planted.memorised(held, 200, seed=3)
    found = disclosure.disclosed(Texts(), drawn, train, held, seed=0, **SETTINGS)
    assert found["high"] < 0.5
    assert found["p"] > 0.9


def test_few_people_and_shared_people_are_refused():
    train = planted.people(10, 10, seed=1)
    with pytest.raises(DataError, match="there are 3"):
        disclosure.disclosed(Texts(), train[:10], train, planted.people(3, 10, seed=2, side="test"), seed=0, **SETTINGS)
    with pytest.raises(DataError, match="stands in train"):
        disclosure.disclosed(Texts(), train[:10], train, train, seed=0, **SETTINGS)


def test_drawn_texts_without_a_word_are_not_looked_at():
    train, held = planted.people(6, 8, seed=1), planted.people(6, 8, seed=2, side="test")
    drawn = planted.memorised(train, 20, seed=3)
    blank = [record.replace(text=" ") for record in drawn]
    assert disclosure.disclosed(Texts(), [*drawn, *blank], train, held, seed=0, **SETTINGS)["n"] == 20
    with pytest.raises(DataError, match="has a word"):
        disclosure.disclosed(Texts(), blank, train, held, seed=0, **SETTINGS)


def test_short_texts_are_no_copies():
    train = planted.people(4, 10, seed=1)
    short = [train[0].replace(text=" ".join(train[0].text.split()[:5]))]
    assert disclosure.copied(short, train, short, level=0.95, resamples=50, seed=0)["drawn"]["n"] == 0
