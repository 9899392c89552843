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


def test_conversations_are_alike_only_where_all_their_turns_are(tmp_path):
    """Sixty conversations that end in the same question are sixty records; two that are the same are one."""
    from tunewright.core import files
    from tunewright.core.events import Events
    from tunewright.core.recipe import DataOptions, Recipe
    from tunewright.core.run import Run

    def row(number):
        said = [("system", "Be brief."), ("user", f"Room {number}\u00a0is taken."), ("assistant", f"By {number * 7}.")]
        said += [("user", "By whom?"), ("assistant", str(number * 7))]
        return {"messages": [{"role": role, "content": content} for role, content in said]}

    files.write_lines(tmp_path / "chats.jsonl", [row(number) for number in [*range(100, 160), 100]])
    recipe = Recipe(
        name="chats",
        task=TaskOptions(name="conversation"),
        data=DataOptions(source=str(tmp_path / "chats.jsonl"), validation_documents=6),
    )
    job = Run.create(tmp_path / "runs", recipe)
    with Events(job.path) as events:
        prepare.prepare(job, events)
    parts = {name: prepare.records(job, name) for name in prepare.SPLITS}
    # The two that are the same are kept together: in train one is taken out, in test both stay.
    assert sum(len(part) for part in parts.values()) in (60, 61)
    assert len(parts["test"]) >= 10
    assert 5 <= len(parts["validation"]) <= 7
    everything = [record for part in parts.values() for record in part]
    assert {record.text for record in everything} == {"By whom?"}
    rooms = {name: {record.provenance["before"][1]["content"] for record in part} for name, part in parts.items()}
    assert not rooms["train"] & (rooms["test"] | rooms["validation"])
    assert "Room 100 is taken." in set().union(*rooms.values())  # earlier turns are cleaned like the last
    # An exam that comes later: the same last question after other turns is another document.
    with Events(job.path) as events:
        known, new = parts["train"][0], parts["train"][1]
        other = [{**turn, "content": f"Quite another {turn['content']}"} for turn in new.provenance["before"]]
        exam = [known.replace(id="a"), new.replace(id="b", provenance={"before": other})]
        assert [record.id for record in prepare._not_trained_on(job, "later", exam, events)] == ["b"]
