"""Questions get the contexts that stand beside them; a context that is nowhere is told, and nothing is guessed."""

from __future__ import annotations

import json

import pytest

from tunewright.core.errors import DataError
from tunewright.core.records import Record
from tunewright.data.clean import clean
from tunewright.data.read._contexts import table_text, written
from tunewright.data.sources import load


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture
def folder(tmp_path):
    rows = [
        {"id": f"q{i}", "context_id": name, "question": f"What is {i}?", "answer": "1,2", "scale": "million" * (i == 0)}
        for i, name in enumerate(["a", "a", "b", "lost"])
    ]
    write(tmp_path / "data.jsonl", rows)
    contexts = [
        {"id": "a", "table": [["", "2019", ""], ["Sales", "$  1,2", ""]], "paragraphs": ["One.", "Two."]},
        {"id": "b", "text": "A paragraph.\u00a0"},
        {"id": "c"},
    ]
    write(tmp_path / "contexts.jsonl", contexts)
    return tmp_path


def test_contexts_are_joined_and_what_lacks_one_is_set_aside(folder):
    found = load(str(folder))
    assert [record.id for record in found.records] == ["q0", "q1", "q2"]
    first = found.records[0]
    assert first.text == " | 2019\nSales | $ 1,2\nOne.\nTwo.\n\nWhat is 0?"
    assert (first.question, first.context, first.group) == ("What is 0?", " | 2019\nSales | $ 1,2\nOne.\nTwo.", "a")
    assert (first.target, found.records[1].target) == ("1,2 million", "1,2")
    reasons = [(row.line, row.reason) for row in found.rejected]
    assert (4, "its context 'lost' is not in contexts.jsonl") in reasons
    assert (3, "no context {id, text} or {id, table, paragraphs}") in reasons
    assert "contexts.jsonl" in found.sha256
    assert any("2 contexts, joined to 3 rows by context_id; 1 cannot be read" in note for note in found.notes)
    cleaned = clean(found.records).records
    assert cleaned[2].text == "A paragraph. \n\nWhat is 2?".replace(". ", ".")
    assert cleaned[2].context == "A paragraph."


def test_without_a_file_of_contexts_the_questions_cannot_be_used(folder):
    (folder / "contexts.jsonl").unlink()
    with pytest.raises(DataError, match=r"its context 'a' is not here: no contexts\.jsonl beside"):
        load(str(folder))


def test_two_contexts_of_one_id_are_refused(folder):
    write(folder / "contexts.jsonl", [{"id": "a", "text": "x"}, {"id": "a", "text": "y"}])
    with pytest.raises(DataError, match="two contexts have the id 'a'"):
        load(str(folder))


def test_a_row_with_its_own_context_needs_no_other_and_squads_answers_are_read(tmp_path):
    row = {"context_id": "a", "context": "Its own.", "question": " Q? ", "answers": {"text": ["x", "y", "x", " ", "y"]}}
    write(tmp_path / "data.jsonl", [row])
    [record] = load(str(tmp_path)).records
    assert record.provenance["accept"] == ["y"]
    assert (record.text, record.question, record.target) == ("Its own.\n\nQ?", "Q?", "x")


def test_squads_file_is_read_as_it_is(tmp_path):
    ada = {"id": "1", "question": "Who wrote it? ", "answers": [{"text": "Ada", "answer_start": 0}, {"text": "Ada B."}]}
    none = {"id": "2", "question": "When?", "answers": [], "is_impossible": True, "plausible_answers": [{"text": "1"}]}
    articles = [
        {"title": "Ada", "paragraphs": [{"context": "Ada wrote it.", "qas": [ada, none]}, {"context": "x", "qas": []}]},
        {
            "title": "Om",
            "paragraphs": [
                {"context": "Om ran 5 km.", "qas": [{"question": "Far?", "answers": {"text": ["5 km"]}}, 7]}
            ],
        },
    ]
    (tmp_path / "train-v2.0.json").write_text(json.dumps({"version": "v2.0", "data": articles}, indent=1))
    found = load(str(tmp_path / "train-v2.0.json"))
    first, second = found.records
    assert (first.id, first.text, first.question, first.target) == (
        "1",
        "Ada wrote it.\n\nWho wrote it?",
        "Who wrote it?",
        "Ada",
    )
    assert (second.text, second.target) == ("Om ran 5 km.\n\nFar?", "5 km")
    assert [record.group for record in found.records] == ["Ada", "Om"]
    assert sorted(row.reason for row in found.rejected) == ["a question is a number, not an object", "no answer"]


def test_a_paragraph_and_a_table_with_their_questions_are_read(tmp_path):
    """A paragraph of SQuAD by itself, and TAT-QA's own file."""
    write(
        tmp_path / "data.jsonl",
        [{"title": "t", "context": "Om ran.", "qas": [{"id": "a", "question": "Who?", "answers": ["Om"]}]}],
    )
    [record] = load(str(tmp_path)).records
    assert (record.id, record.text, record.target, record.group) == ("a", "Om ran.\n\nWho?", "Om", "t")
    report = {
        "table": {"uid": "t1", "table": [["", "2019"], ["Sales", "5"]]},
        "paragraphs": [{"uid": "p2", "order": 2, "text": "Two."}, {"uid": "p1", "order": 1, "text": "One."}],
        "questions": [
            {"uid": "q1", "order": 1, "question": "Sales?", "answer": 5, "scale": "million", "derivation": ""},
            {"uid": "q2", "order": 2, "question": "Years?", "answer": ["2019"], "scale": ""},
        ],
    }
    (tmp_path / "reports.json").write_text(json.dumps([report]))
    found = load(str(tmp_path / "reports.json"))
    assert [(record.id, record.group, record.target) for record in found.records] == [
        ("q1", "t1", "5 million"),
        ("q2", "t1", ["2019"]),
    ]
    assert found.records[0].context == " | 2019\nSales | 5\nOne.\nTwo."


def test_a_column_of_questions_that_asks_nothing_of_its_row_stays_a_column(tmp_path):
    rows = [
        {"text": "t", "target": "x", "questions": asked, "paragraphs": ["c"]} for asked in (["a"], [{"question": "a"}])
    ]
    write(tmp_path / "data.jsonl", rows)
    assert [(record.text, record.target) for record in load(str(tmp_path)).records] == [("t", "x")] * 2


def test_a_column_of_that_name_is_no_question_elsewhere(tmp_path):
    write(tmp_path / "data.jsonl", [{"context_id": "a", "text": "t", "target": "x"}])
    assert len(load(str(tmp_path)).records) == 1


def test_contexts_as_text():
    assert table_text([["", "", ""], ["a", "", "b", ""], "no row"]) == "a |  | b"
    assert written({"table": [[""]], "paragraphs": []}) is None
    assert written({"context": "x"}) == "x"


def test_a_record_knows_its_question():
    plain = Record("1", "Who?")
    assert (plain.question, plain.context) == ("Who?", "")
    asked = Record("1", "It was Ann.\n\nWho?", provenance={"question": "Who?"})
    assert (asked.question, asked.context) == ("Who?", "It was Ann.")
