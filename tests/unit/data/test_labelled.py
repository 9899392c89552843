"""Labelled texts: rows with a label, participants who must not stand on two sides, synthetic rows that must not test."""

from __future__ import annotations

import json

import pytest

from tunewright.core.errors import DataError
from tunewright.core.recipe import DataOptions
from tunewright.core.records import Record
from tunewright.data import leakage
from tunewright.data.read import read
from tunewright.data.sources import load
from tunewright.data.split import VALIDATION_NAMES, crossing, folds, refuse_synthetic, split


def csv(path, rows, header="text,label,participant"):
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def records(*rows):
    """Records of (participant, split); every text is another one."""
    words = ("apple", "boat", "cellar", "drum", "eagle", "fig", "goat", "harp", "ink", "jar", "kite", "lamp")
    return [
        Record(f"r{i}", f"{words[i % 12]} number {i} said by {who}", "ab"[i % 2], group=who, split=side)
        for i, (who, side) in enumerate(rows)
    ]


# rows


@pytest.mark.parametrize(
    ("given", "label"),
    [("AD", "AD"), (" AD ", "AD"), (1, "1"), (0, "0"), (True, "true"), (False, "false"), (0.5, "0.5")],
)
def test_a_label_is_a_text(tmp_path, given, label):
    (record,) = read(jsonl(tmp_path / "d.jsonl", [{"text": "um the boy", "label": given}]))
    assert record.target == label


@pytest.mark.parametrize(
    ("given", "reason"), [(None, "no label"), (" ", "no label"), (["a"], "label is a list, not a name")]
)
def test_a_row_without_a_label_is_set_aside(tmp_path, given, reason):
    good = {"text": "um the boy", "label": "AD"}
    reading = read(jsonl(tmp_path / "d.jsonl", [good, {"text": "b", "label": given}]), layout="labelled")
    assert len(list(reading)) == 1
    assert [one.reason for one in reading.rejected] == [reason]


def test_a_target_says_more_than_a_label(tmp_path):
    reading = read(jsonl(tmp_path / "d.jsonl", [{"text": "a", "label": "x", "target": "t"}]))
    assert reading.layout == "record"
    assert [record.target for record in reading] == ["t"]


@pytest.mark.parametrize("column", ["participant", "participant_id", "speaker", "speaker_id", "subject"])
def test_columns_that_say_who_spoke_are_groups(tmp_path, column):
    reading = read(csv(tmp_path / "d.csv", ["a,x,P1", "b,y,P2"], f"text,label,{column}"))
    assert reading.group_column == column
    assert [record.group for record in reading] == ["P1", "P2"]


def test_the_surest_column_goes_first_and_another_can_be_named(tmp_path):
    file = csv(tmp_path / "d.csv", ["a,x,S1,S1:A,P1", "b,y,S1,S1:B,P2"], "text,label,series,speaker_id,participant")
    assert [record.group for record in read(file)] == ["P1", "P2"]
    named = read(file, columns={"participant": "speaker_id"})
    assert [record.group for record in named] == ["S1:A", "S1:B"]
    other = read(file, columns={"label": "series", "group": "participant"})
    assert [(record.target, record.group) for record in other] == [("S1", "P1"), ("S1", "P2")]


def test_three_files_keep_their_splits(tmp_path):
    for name, who in (("train", "P1"), ("validation", "P2"), ("test", "P3")):
        csv(tmp_path / f"{name}.csv", [f"um {name} one,AD,{who}", f"oh {name} two,HC,{who}"])
    found = load(str(tmp_path))
    parts = split(found.records, DataOptions(crossing_groups="refuse"))
    assert [len(side) for side in (parts.train, parts.validation, parts.test)] == [2, 2, 2]
    assert {record.group for record in parts.test} == {"P3"}
    assert found.schemas == {}


# participants on two sides


LEAK = (("P1", "train"), ("P1", "train"), ("P2", "train"), ("P1", "test"), ("P3", "test"), ("P2", "validation"))


def test_by_default_they_leave_train_and_are_counted():
    parts = split(records(*LEAK, ("P4", "train")))
    assert crossing({"train": parts.train, "validation": parts.validation, "test": parts.test}) == {}
    assert len(parts.moved) == 3
    assert "3 records taken out of train" in parts.notes[0]


@pytest.mark.parametrize("divide", [split, lambda found, options: folds(found, 2, options)])
def test_they_are_refused_with_who_how_many_and_where(divide):
    with pytest.raises(DataError) as caught:
        divide(records(*LEAK), DataOptions(crossing_groups="refuse"))
    assert "2 groups (participants, speakers) stand on two sides" in caught.value.message
    assert "'P1' (1 in test, 2 in train); 'P2' (1 in train, 1 in validation)" in caught.value.message
    assert "P3" not in caught.value.message
    assert "data.crossing_groups=drop" in caught.value.hint


def test_many_are_counted_and_some_are_named():
    leaks = [(f"P{i}", side) for i in range(9) for side in ("train", "dev")]
    with pytest.raises(DataError, match=r"9 groups .*and 4 more"):
        split(records(*leaks), DataOptions(crossing_groups="refuse"))


@pytest.mark.parametrize("name", VALIDATION_NAMES)
def test_between_train_and_validation_they_are_refused_too_where_test_is_drawn(name):
    with pytest.raises(DataError, match="'P1' \\(1 in train, 1 in validation\\)"):
        split(records(("P1", "train"), ("P1", name), ("P2", "train")), DataOptions(crossing_groups="refuse"))


@pytest.mark.parametrize(
    "rows",
    [
        (("P1", "train"), ("P2", "test"), ("P1", "train"), ("P3", "validation")),
        (("P1", None), ("P2", None), ("P3", None), ("P1", None)),  # nothing says a side: groups are drawn whole
        (("P1", "train"), ("P2", "train"), ("P3", "test"), ("P3", "unused")),  # what is not used stands nowhere
    ],
)
def test_what_is_apart_is_not_refused(rows):
    parts = split(records(*rows), DataOptions(crossing_groups="refuse", test_share=0.3))
    assert crossing({"train": parts.train, "validation": parts.validation, "test": parts.test}) == {}


def test_a_guessed_column_gives_way_to_the_split_unless_crossing_is_refused(tmp_path):
    rows = ["um one,AD,P1,train", "oh two,HC,P1,test", "ah three,HC,P2,train"]
    file = csv(tmp_path / "d.csv", rows, "text,label,speaker_id,split")
    lenient = load(str(file))
    assert {record.group for record in lenient.records} == {None}
    assert any("not taken for groups" in note for note in lenient.notes)
    options = DataOptions(crossing_groups="refuse")
    with pytest.raises(DataError, match="'P1'"):
        split(load(str(file), options).records, options)
    sure = load(str(csv(tmp_path / "e.csv", rows, "text,label,participant,split")))
    assert {record.group for record in sure.records} == {"P1", "P2"}


def test_the_same_words_of_two_participants_in_two_splits_are_counted():
    same = "well the boy is on the stool and he falls"
    train = [Record("a", same, "x", group="P1"), Record("b", "another text altogether", "x", group="P1")]
    test = [Record("c", same.upper(), "y", group="P2")]
    found = leakage.duplicates(train, test, 0.8)
    assert [pair.to_row()["other"] for pair in found.across] == ["c"]
    assert found.to_row()["train_test"]["exact"] == 1
    assert [record.id for record in found.train] == ["b"]


# what nobody said


def test_synthetic_records_are_refused_by_provenance_and_not_by_name():
    real = [Record("synthetic-1", "a", "x", provenance={"file": "synthetic.csv"})]
    refuse_synthetic(real, "test")
    made = [Record(f"r{i}", "b", "x", provenance={"synthetic": True}) for i in range(7)]
    made.append(Record("m", "c", "x", provenance={"made": {"by": "noise", "of": ["r"]}}))
    with pytest.raises(DataError, match=r"8 synthetic records stand in test, .*r0, r1, r2, r3, r4 and 3 more"):
        refuse_synthetic([*real, *made], "test")
    refuse_synthetic([Record("r", "a", "x", provenance={"synthetic": False})], "validation")


@pytest.mark.parametrize(
    ("row", "synthetic"),
    [
        ({"synthetic": True}, True),
        ({"synthetic": "true"}, True),
        ({"synthetic": 1}, True),
        ({"synthetic": "1"}, True),
        ({"source": "synthetic"}, True),
        ({"provenance": {"synthetic": True, "seed": 7}}, True),
        ({"synthetic": False}, False),
        ({"synthetic": "false"}, False),
        ({"synthetic": ""}, False),
        ({"source": "clinic"}, False),
        ({}, False),
    ],
)
def test_a_row_says_that_it_is_synthetic(tmp_path, row, synthetic):
    (record,) = read(jsonl(tmp_path / "d.jsonl", [{"text": "um", "label": "x", **row}]))
    assert bool(record.provenance.get("synthetic")) is synthetic
    again = read(jsonl(tmp_path / "again.jsonl", [record.to_row()]))
    assert [bool(one.provenance.get("synthetic")) for one in again] == [synthetic]


def test_a_table_says_so_too(tmp_path):
    rows = ["um one,x,P1,true", "oh two,y,P2,false"]
    found = list(read(csv(tmp_path / "d.csv", rows, "text,label,participant,synthetic")))
    with pytest.raises(DataError, match="1 synthetic records stand in validation"):
        refuse_synthetic(found, "validation")


def test_validation_and_test_are_drawn_from_what_is_real():
    found = records(*((f"P{i}", None) for i in range(40)))
    found = [record.replace(provenance={"synthetic": True}) if i % 2 else record for i, record in enumerate(found)]
    parts = split(found, DataOptions(test_share=0.2, validation_documents=5))
    assert len(parts.test) == 8
    assert len(parts.validation) == 5
    refuse_synthetic(parts.test, "test")
    refuse_synthetic(parts.validation, "validation")
    with pytest.raises(DataError):
        refuse_synthetic(parts.train, "train")
    everything = [record.replace(provenance={"synthetic": True}) for record in found]
    assert len(split(everything, DataOptions(test_share=0.2)).test) == 8
