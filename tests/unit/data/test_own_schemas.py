"""Records that bring the schema of their answer, and answers of which several are accepted."""

from __future__ import annotations

import json

import pytest

from tunewright.core.errors import DataError
from tunewright.core.recipe import AugmentOptions, TaskOptions
from tunewright.core.records import Prediction, Record
from tunewright.data import own, several, sources
from tunewright.data.augment import augment
from tunewright.evals.metrics import exact_match, fields
from tunewright.evals.table import paired_by_id
from tunewright.tasks.text_to_json import TextToJson
from tunewright.text.accepted import target_for
from tunewright.text.schema import validate

CALL = {"name": "f", "parameters": {"type": "dict", "properties": {"x": {"type": "float"}, "t": {"type": "tuple", "items": {"type": "integer"}}, "any": {"type": "any"}}, "required": ["x"], "optional": True}}  # fmt: skip


@pytest.mark.parametrize("name", ["bfcl", "sgd_dialogues"])
def test_the_samples_bring_schemas_that_their_answers_obey(name):
    found = sources.load(name, sample=True)
    assert found.rejected == []
    assert found.schemas == {}
    task = TextToJson(TaskOptions(name="text_to_json", prompts=("JSON: {text}", "{keys} {text}", "{schema}\n{text}")))
    for record in found.records:
        assert validate(record.target, record.provenance["schema"]) == []
        example = task.example(task.asked(record))
        assert example.schema == record.provenance["schema"]
        assert json.dumps(example.schema["items"] if name == "bfcl" else example.schema["properties"], ensure_ascii=False)[:40] in example.messages[-1]["content"]  # fmt: skip
        assert task.parse(example.completion, example) == (record.target, None)


def test_types_of_python_are_those_of_json_and_others_are_refused():
    schema = own.of_functions([CALL])
    arguments = schema["items"]["properties"]["arguments"]
    assert arguments["type"] == "object"
    assert arguments["properties"] == {
        "x": {"type": "number"},
        "t": {"type": "array", "items": {"type": "integer"}},
        "any": {},
    }
    assert validate([{"name": "f", "arguments": {"x": 1.5, "t": [1], "any": None}}], schema) == []
    assert validate([{"name": "g", "arguments": {"x": 1.5}}], schema)
    assert validate([{"name": "f", "arguments": {"y": 1}}], schema)
    assert "anyOf" in own.of_functions([CALL, {**CALL, "name": "g"}])["items"]
    with pytest.raises(DataError, match='type "complex"'):
        own.plain({"type": "complex"}, "x")


def test_what_cannot_be_used_is_set_aside_and_counted(tmp_path):
    rows = [
        {"id": "good", "text": "call f", "functions": [CALL], "target": [{"name": "f", "arguments": {"x": 1}}]},
        {"id": "bad", "text": "call f", "functions": [{"name": "f", "parameters": {"type": "complex"}}], "target": [{"name": "f", "arguments": {}}]},
        {"id": "own", "text": "a is 1", "schema": {"type": "object", "properties": {"a": {"type": "integer"}}}, "target": {"a": 1}},
        {"id": "none", "text": "b is 2", "target": {"b": 2}},
    ]  # fmt: skip
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = sources.load(str(tmp_path / "d.jsonl"))
    assert [record.id for record in found.records] == ["good", "own", "none"]
    assert [rejected.reason for rejected in found.rejected] == [
        'its own schema cannot be used: f has the type "complex", which JSON does not have'
    ]
    assert any("2 records bring schemas of their own, 2 different ones" in note for note in found.notes)
    assert list(next(iter(found.schemas.values()))["properties"]) == ["b"]
    task = TextToJson(TaskOptions(name="text_to_json"), found.schemas)
    assert [list(task.schema_of(record).get("properties", {})) for record in found.records] == [[], ["a"], ["b"]]


def test_a_service_that_is_not_described_is_told(tmp_path):
    record = Record("1", "t", {"tasks": []}, provenance={"services": ["Nowhere_1"]})
    (tmp_path / "schemas.jsonl").write_text('{"id": "A", "slots": {"x": {}}, "intents": {"Do": {}}}\n')
    kept, unfit, _ = own.settle([record], tmp_path / "schemas.jsonl")
    assert kept == []
    assert "no service 'Nowhere_1'" in unfit[0].reason
    assert own.settle([record], None)[0] == [record]


def test_such_records_are_made_more_of_only_by_prompts_and_noise():
    records = sources.load("bfcl", sample=True).records
    made = augment(records, {}, AugmentOptions(copies=4, ways={"keys": 1, "noise": 1, "together": 1, "values": 1}), 0)
    assert {record.provenance["made"]["by"] for record in made.records} == {"noise"}
    refused = {why.partition(":")[0] for why in made.refused if "with such a record" in why}
    assert refused >= {"keys", "together", "values"}


def test_they_stand_beside_records_with_schemas_by_type():
    found = several.load("snips + bfcl", sample=True)
    assert list(found.schemas) == ["snips"]
    assert sum("schema" in record.provenance for record in found.records) == 12


GOLD = [{"name": "f", "arguments": {"town": "Pune", "n": 2}}, {"name": "g", "arguments": {"x": 1}}]
ACCEPT = [
    {"f": {"town": ["Pune", "Poona"], "n": [2, ""], "unit": ["", "km"]}},
    {"g": {"x": [1, 1.5], "o": ["", {"a": [1, 2]}]}},
]
RECORD = Record("r", "t", GOLD, provenance={"accept": ACCEPT})


@pytest.mark.parametrize(
    "reply",
    [
        GOLD, GOLD[::-1], [{"name": "f", "arguments": {"town": "Poona"}}, GOLD[1]],
        [GOLD[0], {"name": "g", "arguments": {"x": 1.5, "o": {"a": 2}}}],
        [{"name": "g", "arguments": {"x": 1}}, {"name": "f", "arguments": {"town": "Pune", "n": 2, "unit": "km"}}],
    ],
)  # fmt: skip
def test_any_accepted_answer_is_right(reply):
    assert target_for(RECORD, reply) == reply


@pytest.mark.parametrize(
    ("reply", "right"),
    [
        ([{"name": "f", "arguments": {"town": "Poona", "n": 3}}, GOLD[1]], 4),
        ([GOLD[0]], 3),
        ([GOLD[0], {"name": "h", "arguments": {"x": 1}}], 4),
        ([GOLD[0], {"name": "g", "arguments": {"x": 1, "o": {"a": 3}}}], 5),
    ],
)
def test_others_are_not_and_what_is_right_of_them_counts(reply, right):
    from tunewright.core.records import Example

    [(example, prediction)] = paired_by_id([Example(RECORD, ())], [Prediction("r", json.dumps(reply), reply)])
    assert exact_match.statistics(example, prediction)["correct"] == 0
    assert fields.statistics(example, prediction)["correct"] == right
