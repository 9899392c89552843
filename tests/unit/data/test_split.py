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
from tunewright.data.split import crossing, folds, split


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


# ---------------------------------------------------------------- folds

grouped = st.lists(
    st.tuples(
        st.integers(0, 14), st.sampled_from(["en", "hi", None]), st.sampled_from([None, "train", "dev", "valid"])
    ),
    min_size=1,
    max_size=60,
)


def dealt(rows):
    return [
        Record(f"r{i}", f"text number {i}", group=f"g{group}", language=language, split=side)
        for i, (group, language, side) in enumerate(rows)
    ]


@given(grouped, st.integers(2, 6), st.integers(0, 3))
@settings(max_examples=120, deadline=None)
def test_folds_part_the_records_by_whole_groups_and_evenly(rows, count, seed):
    found = dealt(rows)
    sizes = Counter(record.group for record in found)
    if len(sizes) < count:
        with pytest.raises(DataError, match=f"{count} folds need {count} groups"):
            folds(found, count, options(), seed)
        return
    parts = folds(found, count, options(validation_documents=5), seed)
    assert sorted(id for part in parts for id in ids(part.test)) == sorted(ids(found))
    for number, part in enumerate(parts, 1):
        assert part.test
        assert sorted(ids(part.train) + ids(part.validation) + ids(part.test)) == sorted(ids(found))
        assert crossing({"train": part.train, "validation": part.validation, "test": part.test}) == {}
        assert {record.provenance["slice"]["fold"] for record in part.test} == {str(number)}
        assert {record.split for record in part.test} == {"test"}
    lengths = [len(part.test) for part in parts]
    assert max(lengths) - min(lengths) <= max(sizes.values())
    backwards = folds(found[::-1], count, options(validation_documents=5), seed)
    assert [set(ids(part.test)) for part in backwards] == [set(ids(part.test)) for part in parts]


def test_folds_of_single_records_are_even_in_every_language_and_type():
    rows = [
        record.replace(doc_type="bill" if i % 5 else "form")
        for i, record in enumerate(records(211, language=lambda i: "hi" if i % 3 == 0 else "en"))
    ]
    parts = folds(rows, 5, options(), seed=4)
    assert sorted(len(part.test) for part in parts) == [42, 42, 42, 42, 43]
    for language in ("en", "hi"):
        for kind in ("bill", "form"):
            held = [sum((r.language, r.doc_type) == (language, kind) for r in part.test) for part in parts]
            assert max(held) - min(held) <= 1, (language, kind, held)
    assert parts[0].notes[0] == "5 folds by whole groups (211), seed 4: 42 to 43 records each"


def test_another_seed_is_other_folds_and_equal_texts_stay_together():
    rows = [Record(id=f"r{i}", text=f"Same, words {i // 2}!" if i % 2 else f"same WORDS {i // 2}") for i in range(60)]
    one, other = ([frozenset(ids(part.test)) for part in folds(rows, 3, options(), seed)] for seed in (1, 2))
    assert set(one) != set(other)
    assert all({f"r{i}" for i in range(60) if i // 2 in {int(id[1:]) // 2 for id in part}} == part for part in one)


def test_folds_leave_other_splits_out_and_say_what_is_not_even():
    rows = records(40, groups=8, splits=["train", "test", "valid", "extra"])
    parts = folds(rows, 2, options())
    assert sum(len(part.test) for part in parts) == 30
    assert "not used, being in other splits: 'extra' (10)" in parts[0].notes
    large = [*records(4, groups=4), *[Record(f"x{i}", f"other {i}", group="big") for i in range(60)]]
    assert parts[0].notes[0].endswith("15 records each")
    assert folds(large, 3, options())[0].notes[0].endswith("not alike, for the groups are large")


def test_a_group_on_two_sides_of_a_fold_is_seen():
    part = folds(records(30, groups=6), 3, options())[0]
    assert crossing({"train": part.train, "test": part.test}) == {}
    leaked = [*part.train, part.test[0].replace(id="copy")]
    assert list(crossing({"train": leaked, "test": part.test})) == [f"group:{part.test[0].group}"]
