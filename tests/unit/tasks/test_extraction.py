"""A record becomes a prompt and a canonical completion, and replies are parsed strictly."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.core.contracts import Task
from tunewright.core.errors import DataError
from tunewright.core.recipe import TaskOptions
from tunewright.core.records import Record
from tunewright.tasks.extraction import Extraction
from tunewright.text.serialise import dumps

INVOICE = {"type": "object", "properties": {"number": {"type": "string"}, "total": {"type": ["string", "null"]}}}
FORM = {"type": "object", "properties": {"name": {"type": "string"}}}
BILL = Record(id="1", text="बिल 7, ₹500", target={"total": "500", "number": "7"}, doc_type="invoice")


def test_it_is_a_task() -> None:
    assert isinstance(Extraction(schemas={"invoice": INVOICE}), Task)


def test_the_example_is_instruction_schema_and_document() -> None:
    example = Extraction(schemas={"invoice": INVOICE, "form": FORM}).example(BILL)
    system, user = example.messages
    assert system["role"] == "system"
    assert system["content"].endswith("\nnumber, total")
    assert user == {"role": "user", "content": "बिल 7, ₹500"}
    assert example.completion == '{"number": "7", "total": "500"}'  # schema order, canonical separators
    assert example.schema == INVOICE


def test_some_keys_are_asked_for_and_no_others() -> None:
    some = BILL.replace(target={"total": "500"}, provenance={"keys": [["total"]]})
    example = Extraction(schemas={"invoice": INVOICE}).example(some)
    assert example.messages[0]["content"].endswith("\ntotal")
    assert example.completion == '{"total": "500"}'
    assert example.schema is not None
    assert list(example.schema["properties"]) == ["total"]


@pytest.mark.parametrize(
    ("style", "ending"), [("keys", "number, total"), ("json_schema", dumps(INVOICE)), ("example", '"total": "text"}')]
)
def test_the_schema_is_shown_in_the_style_asked_for(style: str, ending: str) -> None:
    task = Extraction(TaskOptions(schema_style=style, json_schema=INVOICE))
    assert task.example(BILL).messages[0]["content"].endswith(ending)


def test_shots_are_earlier_turns() -> None:
    shot = Record(id="2", text="Bill 8", target={"number": "8", "total": None}, doc_type="invoice")
    messages = Extraction(schemas={"invoice": INVOICE}).example(BILL, [shot]).messages
    assert [m["role"] for m in messages] == ["system", "user", "assistant", "user"]
    assert messages[2]["content"] == '{"number": "8", "total": null}'


def test_a_record_without_target_has_no_completion() -> None:
    task = Extraction(schemas={"invoice": INVOICE})
    assert task.example(Record(id="3", text="x")).completion == ""


def test_schema_from_a_file(tmp_path) -> None:
    path = tmp_path / "s.json"
    path.write_text(json.dumps(FORM))
    assert Extraction(TaskOptions(json_schema=str(path))).example(BILL).schema == FORM
    with pytest.raises(DataError, match="missing"):
        Extraction(TaskOptions(json_schema=str(tmp_path / "none.json")))
    path.write_text("{")
    with pytest.raises(DataError, match="cannot be read"):
        Extraction(TaskOptions(json_schema=str(path)))
    with pytest.raises(DataError, match="not valid"):
        Extraction(TaskOptions(json_schema={"type": "sound"}))


def test_no_schema_for_a_type_names_the_near_one() -> None:
    with pytest.raises(DataError) as caught:
        Extraction(schemas={"invoice": INVOICE, "form": FORM}).example(BILL.replace(doc_type="invoise"))
    assert "invoice" in caught.value.hint
    with pytest.raises(DataError, match="no doc_type"):
        Extraction(schemas={"invoice": INVOICE, "form": FORM}).example(BILL.replace(doc_type=None))
    with pytest.raises(DataError, match="no JSON Schema"):
        Extraction().example(BILL)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("  \n", "empty"),
        ("Sure! {}", "not JSON"),
        ("{} {}", "not JSON"),
        ('{"a": 1', "not JSON"),
        ("{'a': 1}", "not JSON"),
        ('{"a": 1,}', "not JSON"),
        ('{"a": NaN}', "NaN is not JSON"),
        ('{"a": -Infinity}', "not JSON"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', 'the key "c" stands twice in one object'),
        ("[]", "an array"),
        ("null", "null"),
        ("true", "true or false"),
        ('"x"', "a string"),
        ("5", "a number"),
        ("[" * 100_000, "not JSON"),
        ('{"a": ' + "9" * 10_000 + "}", "not JSON"),
        ("x" * 1_000_001, "longer than"),
    ],
)
def test_what_is_not_strict_json_is_a_reason(text: str, reason: str) -> None:
    value, failure = Extraction().parse(text)
    assert value is None
    assert reason in failure


@settings(max_examples=100, deadline=None)
@given(st.text() | st.text('{}[]":,0.e-ntf \\u', max_size=20))
def test_parsing_never_raises(text: str) -> None:
    value, failure = Extraction().parse(text)
    assert (value is None) == (failure is not None)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(max_size=5), st.none() | st.text(max_size=8) | st.integers(-9, 9), max_size=4))
def test_a_completion_reads_back(target) -> None:
    task = Extraction(schemas={"x": INVOICE})
    assert task.parse(task.completion(target, INVOICE)) == (target, None)
