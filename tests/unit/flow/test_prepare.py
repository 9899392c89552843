"""Shots, tasks by name, counts; the data stage itself is told in test_job."""

from __future__ import annotations

import pytest

from tunewright.core.errors import UsageError
from tunewright.core.recipe import TaskOptions
from tunewright.core.records import Record
from tunewright.flow import prepare


def records(count: int, **common) -> list[Record]:
    return [
        Record(
            f"{common['doc_type']}-{n}", "word " * (n + 1), {"a": str(n)}, language="hi" if n % 3 else "en", **common
        )
        for n in range(count)
    ]


def test_shots_are_of_the_type_short_in_turns_of_language_and_always_the_same():
    train = records(30, doc_type="invoice") + records(30, doc_type="form")
    shots = prepare.Shots(train, 4)
    chosen = shots.of(Record("x", "t", doc_type="form"))
    assert {record.doc_type for record in chosen} == {"form"}
    assert [record.language for record in chosen] == ["en", "hi", "en", "hi"]
    assert max(len(record.text) for record in chosen) <= len("word " * 16)
    backwards = prepare.Shots(train[::-1], 4)
    assert backwards.of(Record("y", "t", doc_type="form")) == chosen
    assert len({record.id for record in chosen}) == 4


def test_shots_are_as_many_as_there_are_and_need_targets():
    train = [Record("a", "text", {"k": "v"}), Record("b", "text", None)]
    assert [record.id for record in prepare.Shots(train, 5).of(Record("x", "t"))] == ["a"]
    assert prepare.Shots(train, 0).of(Record("x", "t")) == ()
    assert prepare.Shots(train, 2).of(Record("x", "t", doc_type="other")) == ()


def test_a_task_is_the_class_called_like_its_file():
    task = prepare.make_task(TaskOptions.model_validate({}), {"x": {"type": "object", "properties": {"a": {}}}})
    example = task.example(Record("1", "text", {"a": "b"}, doc_type="x"))
    assert example.completion == '{"a": "b"}'
    with pytest.raises(UsageError, match="no task named 'extracton'") as caught:
        prepare.make_task(TaskOptions.model_construct(name="extracton"), {})
    assert caught.value.hint == "did you mean 'extraction'?"


def test_tallies_leave_nothing_out_but_none():
    assert prepare.tally(["hi", "en", "hi", None]) == {"hi": 2, "en": 1}
