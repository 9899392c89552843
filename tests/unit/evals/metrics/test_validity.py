"""JSON validity, schema adherence and cost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tunewright.core.records import Prediction
from tunewright.evals.metrics import cost, json_validity, json_validity_cleaned, schema_adherence


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ('{"a": null}', True),
        (' {"a": "राम"}\n', True),
        ('```json\n{"a": 1}\n```', False),
        ('{"a": 1} thanks', False),
        ('{"a": 1, "a": 2}', False),
        ('{"b": {"a": 1, "a": 2}}', False),
        ('{"a": NaN}', False),
        ("{'a': 1}", False),
        ('{"a": ५}', False),
        ('"a"', False),
        ("[1]", False),
        ("", False),
        ("[" * 5000, False),
    ],
)
def test_json_validity(answer, text: str, valid: bool):
    assert json_validity.statistics(*answer({"a": "x"}, text=text))["valid"] == valid


def test_an_array_is_right_where_the_schema_asks_for_one(answer):
    example, prediction = answer({"a": "x"}, text="[1]")
    example = replace(example, schema={"type": "array"})
    assert json_validity.statistics(example, prediction)["valid"] == 1
    assert json_validity.statistics(example, replace(prediction, text="{}"))["valid"] == 0


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ('{"a": 1}', True),
        ('```json\n{"a": 1}\n```', True),
        ("Sure! {'a': 1,}", True),
        ('{"a": "x', True),
        ("[1]", False),
        ("I cannot", False),
        ("", False),
    ],
)
def test_what_cleaning_saves_is_counted_beside(answer, text: str, cleaned: bool):
    asked = answer({"a": "x"}, text=text)
    assert json_validity_cleaned.statistics(*asked)["readable"] == cleaned
    assert json_validity.statistics(*asked)["valid"] == (text == '{"a": 1}')


def test_an_array_is_cleaned_where_one_is_wanted(answer):
    example, prediction = answer({"a": "x"}, text="Calls: [{'f': 1}]")
    example = replace(example, schema={"type": "array"})
    assert json_validity_cleaned.statistics(example, prediction)["readable"] == 1
    assert json_validity_cleaned.statistics(example, replace(prediction, text="{}"))["readable"] == 0


def test_schema_adherence(answer):
    example, prediction = answer({"a": "x"}, {"a": "x"})
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    example = replace(example, schema=schema)
    assert schema_adherence.statistics(example, prediction)["valid"] == 1
    assert schema_adherence.statistics(example, replace(prediction, value={"a": 1}))["valid"] == 0
    assert schema_adherence.statistics(example, replace(prediction, value={"a": "x", "b": "y"}))["valid"] == 0
    assert schema_adherence.statistics(example, replace(prediction, value=None, failure="not JSON"))["valid"] == 0


def test_cost_is_a_mean_per_document(answer):
    example, _ = answer({"a": "x"}, {"a": "x"})
    rows = [
        cost.statistics(example, Prediction("a", "", seconds=s, tokens=t, passes=3)) for s, t in ((1.0, 10), (3.0, 20))
    ]
    found = cost.summarise({key: sum(row[key] for row in rows) for key in rows[0]})
    assert found == {
        "seconds_per_document": 2.0,
        "prompt_tokens_per_document": 0.0,
        "tokens_per_document": 15.0,
        "passes_per_document": 3.0,
        "tokens_per_second": 7.5,
    }
