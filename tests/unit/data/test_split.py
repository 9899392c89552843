"""Splits: whole groups, the data's own test left alone, the same whatever the order of rows."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.core.errors import DataError
from tunewright.core.recipe import DataOptions
from tunewright.core.records import Record
from tunewright.data.split import crossing, split


def options(**values):
    return DataOptions.model_validate({"validation_documents": 0, **values})


def records(count, *, groups=None, splits=None, language=None):
    return [
        Record(
            id=f"r{i}",
            text=f"text number {i}",
            group=f"g{i % groups}" if groups else None,
            split=splits[i % len(splits)] if splits else None,
            language=language(i) if language else None,
        )
        for i in range(count)
    ]


def ids(part):
    return [record.id for record in part]


def test_own_split_is_kept_and_named():
    result = split(records(30, splits=["train", "dev", "train"]), options())
    assert (len(result.train), len(result.test), len(result.validation)) == (20, 10, 0)
    assert {r.split for r in result.train} == {"train"}
    assert {r.split for r in result.test} == {"test"}
    assert result.notes[0] == "split by the data's own column: 20 train, 10 test"


def test_own_validation_is_used_and_others_are_told():
    result = split(records(40, splits=["train", "test", "valid", "extra"]), options(validation_documents=3))
    assert [len(part) for part in (result.train, result.test, result.validation, result.unused)] == [10] * 4
    assert "not used, being in other splits: 'extra' (10)" in result.notes


def test_group_on_two_sides_leaves_train_never_test():
    rows = records(12, groups=4, splits=["train"])
    rows[0] = rows[0].replace(split="test")  # group g0 is in train too
    assert list(crossing({"train": rows[1:], "test": rows[:1]})) == ["group:g0"]
    result = split(rows, options())
    assert ids(result.test) == ["r0"]
    assert ids(result.moved) == ["r4", "r8"]
    assert crossing({"train": result.train, "test": result.test}) == {}
    assert any("2 records taken out of train: their 1 groups" in note for note in result.notes)


def test_shares_are_by_whole_groups_and_near_what_was_asked():
    rows = records(1000, groups=100)
    result = split(rows, options(test_share=0.2, validation_documents=80), seed=3)
    assert crossing({"train": result.train, "validation": result.validation, "test": result.test}) == {}
    assert len(result.test) == 200
    assert len(result.validation) == 80
    assert len(result.train) == 720
    assert ids(result.test) == [id for id in ids(rows) if id in set(ids(result.test))]


def test_equal_texts_without_groups_stay_together():
    rows = [Record(id=f"r{i}", text=f"Same, words {i // 5}!" if i % 2 else f"same WORDS {i // 5}") for i in range(100)]
    result = split(rows, options())
    assert crossing({"train": result.train, "test": result.test}) == {}
    assert len(result.test) == 20


def test_each_language_and_type_gives_its_part():
    rows = records(400, language=lambda i: "hi" if i % 4 == 0 else "en")
    result = split(rows, options(test_share=0.25, validation_documents=40))
    assert Counter(r.language for r in result.test) == {"en": 75, "hi": 25}
    assert Counter(r.language for r in result.validation) == {"en": 30, "hi": 10}


def test_validation_takes_at_most_a_fifth_and_says_so():
    result = split(records(100, splits=["train"] * 9 + ["test"]), options(validation_documents=300))
    assert len(result.validation) == 18
    assert "validation is 18 records, a fifth of train, instead of 300" in result.notes


def test_large_groups_are_told_and_one_group_is_an_error():
    result = split(records(100, groups=2), options(test_share=0.1, validation_documents=10))
    assert len(result.test) == 50
    assert "50 test, not 10, for the groups are large" in result.notes[0]
    assert any(note.startswith("no validation") for note in result.notes)
    with pytest.raises(DataError, match="all 10 records are of one group") as caught:
        split(records(10, groups=1), options())
    assert "data.columns" in caught.value.hint


def test_nothing_to_split_and_nothing_to_train_on_are_errors():
    with pytest.raises(DataError, match="no records"):
        split([], options())
    with pytest.raises(DataError, match="no record is left for training") as caught:
        split(records(4, splits=["test"]), options())
    assert "{'test': 4}" in caught.value.hint


def test_no_share_means_no_test():
    result = split(records(10), options(test_share=0))
    assert (len(result.train), len(result.test)) == (10, 0)


def test_another_seed_is_another_split():
    rows = records(100)
    assert set(ids(split(rows, options(), 1).test)) != set(ids(split(rows, options(), 2).test))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 12), st.sampled_from(["en", "hi"])), min_size=30, max_size=60),
    st.randoms(use_true_random=False),
    st.integers(0, 3),
)
def test_the_order_of_rows_does_not_matter(made, shuffler, seed):
    rows = [Record(id=f"r{i}", text=f"t {i}", group=f"g{g}", language=lang) for i, (g, lang) in enumerate(made)]
    if len({r.group for r in rows}) < 2:
        return
    asked = options(validation_documents=6)
    first = split(rows, asked, seed)
    shuffled = list(rows)
    shuffler.shuffle(shuffled)
    second = split(shuffled, asked, seed)
    for name in ("train", "validation", "test"):
        assert set(ids(getattr(first, name))) == set(ids(getattr(second, name)))
    assert crossing({"train": first.train, "validation": first.validation, "test": first.test}) == {}
    assert len(first.train) + len(first.validation) + len(first.test) == len(rows)


def test_crossing_can_fail_to_find():
    rows = records(50, groups=10)
    random.Random(0).shuffle(rows)
    apart = {"train": [r for r in rows if r.group < "g5"], "test": [r for r in rows if r.group >= "g5"]}
    assert crossing(apart) == {}
