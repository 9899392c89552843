"""Folds of records with labels: people of each label are spread evenly, and every fold can learn every label."""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest

from tunewright.core.errors import DataError
from tunewright.core.recipe import DataOptions
from tunewright.core.records import Record
from tunewright.data.split import SPARED, crossing, folds

SIZES = (1, 9, 3, 30, 2, 5, 14, 1, 1, 8, 4, 2, 6, 1, 3, 7, 2, 2, 11, 5)
"""Texts of twenty people."""


def options(validation=600):
    return DataOptions.model_validate({"validation_documents": validation})


def study(labels, sizes=SIZES):
    """Records of people with one label each."""
    return [
        Record(f"{person}-{number}", f"text {number} of {person}", label, group=f"p{person}")
        for person, (label, size) in enumerate(zip(labels, sizes, strict=False))
        for number in range(size)
    ]


def people(records):
    """Label → people who have a text of it."""
    owners = {(record.target, record.group) for record in records}
    return Counter(label for label, _ in owners)


@pytest.mark.parametrize("count", [2, 5, 10, 20])
@pytest.mark.parametrize("ill", [10, 7])
@pytest.mark.parametrize("seed", range(3))
def test_people_of_one_label_each_are_spread_evenly(count, ill, seed):
    rows = study(["ill" if person < ill else "well" for person in range(20)])
    found = folds(rows, count, options(), seed, by_label=True)
    assert sorted(r.id for part in found for r in part.test) == sorted(r.id for r in rows)
    for label in ("ill", "well"):
        tested = [people(part.test)[label] for part in found]
        assert max(tested) - min(tested) <= 1
    everybody = [len({r.group for r in part.test}) for part in found]
    assert max(everybody) - min(everybody) <= 1
    for part in found:
        assert crossing({"train": part.train, "validation": part.validation, "test": part.test}) == {}
        assert min(people(part.train)[label] for label in ("ill", "well")) >= SPARED
        assert set(people(part.validation)) == {"ill", "well"}
        assert len({r.group for r in part.validation}) <= 6


def test_folds_hang_on_the_seed_and_not_on_the_order_of_rows():
    rows = study(["ill", "well"] * 10)
    sides = [
        [[{r.id for r in getattr(part, side)} for side in ("train", "validation", "test")] for part in found]
        for found in (
            folds(rows, 5, options(), 1, by_label=True),
            folds(rows[::-1], 5, options(), 1, by_label=True),
            folds(rows, 5, options(), 2, by_label=True),
        )
    ]
    assert sides[0] == sides[1]
    assert sides[0] != sides[2]


def test_people_with_texts_of_both_labels_are_spread_by_texts_too():
    rows = [
        Record(f"{person}-{number}", f"{number} of {person}", "a" if number % 4 else "b", group=f"p{person}")
        for person in range(40)
        for number in range(4 + 8 * (person % 5))
    ]
    found = folds(rows, 5, options(), by_label=True)
    assert {len({r.group for r in part.test}) for part in found} == {8}
    for label in "ab":
        sizes = [sum(r.target == label for r in part.test) for part in found]
        assert max(sizes) <= 1.15 * min(sizes)


def test_a_label_that_few_people_have_beside_another_is_kept_apart():
    rows = study(["common"] * 12, [4] * 12)
    rare = {"p3", "p8"}
    rows += [Record(f"rare-{group}", f"rare words of {group}", "rare", group=group) for group in sorted(rare)]
    for seed in range(5):
        for count in (2, 4, 12):
            found = folds(rows, count, options(), seed, by_label=True)
            assert all(people(part.train)["rare"] for part in found)
            assert [people(part.test)["rare"] for part in found if people(part.test)["rare"]] == [1, 1]
            # Nobody of so few is taken from training.
            assert not any(people(part.validation)["rare"] for part in found)


def test_everybody_alone_and_three_labels():
    found = folds(study(["a", "a", "b", "b", "b", "c", "c", "c"]), 8, options(), by_label=True)
    assert [len({r.group for r in part.test}) for part in found] == [1] * 8
    assert all(set(people(part.train)) == {"a", "b", "c"} for part in found)
    assert found[0].notes[1] == "groups by label: 'a' 2, 0 to 1 a fold; 'b' 3, 0 to 1 a fold; 'c' 3, 0 to 1 a fold"


def test_validation_is_none_where_nobody_can_be_spared_or_none_is_asked_for():
    rows = study(["a", "a", "b", "b"])
    parts = folds(rows, 4, options(), by_label=True)
    assert not any(part.validation for part in parts)
    assert "no validation: 600 records asked for, and no label has groups to spare" in parts[1].notes
    assert not any(part.validation for part in folds(study(["a", "b"] * 10), 5, options(0), by_label=True))


def test_a_label_of_one_person_and_synthetic_records_are_refused():
    with pytest.raises(DataError, match=r"'b' is of one group .* groups: 5 of 'a', 1 of 'b'") as caught:
        folds(study(["a"] * 5 + ["b"]), 3, options(), by_label=True)
    assert "two groups" in caught.value.hint
    rows = study(["a", "b"] * 4)
    rows[3] = rows[3].replace(provenance={"synthetic": True})
    with pytest.raises(DataError, match="1 records are synthetic, first 1-2"):
        folds(rows, 2, options(), by_label=True)


def test_folds_of_other_tasks_are_what_they_have_always_been():
    rows = [record.replace(language="en" if number % 3 else "hi") for number, record in enumerate(study("ab" * 10))]
    sides = [[r.id for r in getattr(p, n)] for p in folds(rows, 5, options(30), 7) for n in ("validation", "test")]
    assert hashlib.sha256(repr(sides).encode()).hexdigest()[:16] == "ab881829f78d7e00"
