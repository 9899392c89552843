"""Schemas are checked, shown and walked."""

from __future__ import annotations

import json
import string

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.core.errors import DataError
from tunewright.text.schema import check, depth, example_form, in_schema_order, keys_form, leaves, path_of, validate

INVOICE = {
    "type": "object",
    "properties": {
        "invoice_number": {"type": "string"},
        "customer_name": {"type": ["string", "null"]},
        "paid": {"type": "boolean"},
        "currency": {"enum": ["INR", "USD", None]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "address": {"anyOf": [{"$ref": "#/$defs/address"}, {"type": "null"}]},
        "items": {
            "type": "array",
            "items": {"type": "object", "properties": {"name": {"type": "string"}, "price": {"type": "number"}}},
        },
    },
    "required": ["invoice_number"],
    "$defs": {"address": {"type": "object", "properties": {"city": {"type": "string"}, "pin": {"type": "string"}}}},
}


def test_forms_for_a_prompt() -> None:
    assert keys_form(INVOICE) == (
        "invoice_number, customer_name, paid, currency, tags: [], address: {city, pin}, items: [name, price]"
    )
    assert json.loads(example_form(INVOICE)) == {
        "invoice_number": "text",
        "customer_name": "text",
        "paid": "true or false",
        "currency": "INR | USD",
        "tags": ["text"],
        "address": {"city": "text", "pin": "text"},
        "items": [{"name": "text", "price": "number"}],
    }


def test_a_schema_that_refers_to_itself_has_a_finite_form() -> None:
    node = {"type": "object", "properties": {"name": {}, "child": {"$ref": "#"}, "more": {"items": {"$ref": "#"}}}}
    assert len(keys_form(node)) < 2000
    assert len(example_form(node)) < 2000


def test_faults_name_their_path() -> None:
    assert validate({"invoice_number": "7"}, INVOICE) == []
    faults = validate({"invoice_number": 7, "items": [{"price": "x"}]}, INVOICE)
    assert len(faults) == 2
    assert any(f.startswith("invoice_number: ") for f in faults)
    assert any(f.startswith("items[0].price: ") for f in faults)
    assert validate([], INVOICE)
    assert validate({}, INVOICE) == ['"invoice_number" is a required property']


def test_formats_count() -> None:
    dated = {"type": "string", "format": "date"}
    assert validate("2025-02-28", dated) == []
    assert validate("2025-02-30", dated)


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ([], "must be an object"),
        ({"type": "sound"}, "not valid"),
        ({"type": 123}, "not valid"),
        ({"properties": {"a": {"pattern": "("}}}, "not valid"),
        ({"$ref": "http://localhost:1/x.json"}, "not valid"),
        ({"$ref": "#/$defs/nothing"}, "not valid"),
        ({"description": "x" * 300_000}, "bytes"),
        ({"default": float("nan")}, "not JSON"),
        ({"default": {1, 2}}, "not JSON"),
    ],
)
def test_unusable_schemas_are_refused(schema, message: str) -> None:
    with pytest.raises(DataError, match=message):
        check(schema)


def test_depth_is_bounded() -> None:
    schema: dict = {}
    value: object = 0
    for _ in range(60):
        schema, value = {"properties": {"a": schema}}, {"a": value}
    with pytest.raises(DataError, match="levels deep"):
        check(schema)
    assert validate(value, {}) == ["the value is nested more than 48 levels deep"]
    assert depth(5) == 0
    assert depth({}) == 1
    assert depth({"a": [1]}) == 2
    endless: list = []
    endless.append(endless)
    assert depth(endless) > 48


def test_a_value_json_cannot_hold_is_a_fault_not_a_crash() -> None:
    assert validate(float("inf"), {"type": "string"})
    assert validate("\ud800", {"type": "string", "maxLength": 0})


def test_leaves_and_paths() -> None:
    value = {"date": None, "items": [{"price": 5}, {"price": 6.5}], "empty": {}, "a.b": {"c": True}, "": 1}
    assert leaves(value) == {
        "date": None,
        "items[0].price": 5,
        "items[1].price": 6.5,
        '["a.b"].c': True,
        '[""]': 1,
    }
    assert leaves("x") == {"": "x"}
    assert path_of(["a", 0, "b"]) == "a[0].b"


values = st.recursive(
    st.none() | st.booleans() | st.integers(-100, 100) | st.text(string.ascii_letters + '."[]', max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab.", max_size=3), inner, max_size=3),
    max_leaves=8,
)


def count(value) -> int:
    if isinstance(value, dict):
        return sum(count(child) for child in value.values())
    return sum(count(child) for child in value) if isinstance(value, list) else 1


@settings(max_examples=80, deadline=None)
@given(values)
def test_paths_tell_leaves_apart(value) -> None:
    assert len(leaves(value)) == count(value)


schemas = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["object", "array", "string", "integer", ["string", "null"]]),
        "enum": st.lists(values, min_size=1, max_size=3),
        "maxLength": st.integers(0, 3),
        "minItems": st.integers(0, 2),
        "required": st.lists(st.text("ab.", max_size=3), unique=True, max_size=2),
        "properties": st.dictionaries(st.text("ab.", max_size=3), st.just({"type": "integer"}), max_size=2),
    },
)


@settings(max_examples=150, deadline=None)
@given(values, schemas)
def test_validity_agrees_with_the_reference(value, schema) -> None:
    assert (validate(value, schema) == []) == jsonschema.Draft202012Validator(schema).is_valid(value)


def test_conformance_suite(shared_data) -> None:
    """Every mandatory case of the JSON Schema Test Suite that needs no other document."""
    wrong = []
    for line in (shared_data / "json_schema_suite" / "data.jsonl").read_text(encoding="utf-8").strip().split("\n"):
        case = json.loads(line)
        if (
            case["optional"]
            or case["needs_remote"]
            or case["keyword"] == "format"
            or not isinstance(case["schema"], dict)
        ):
            continue
        schema = dict(case["schema"])
        schema.setdefault(
            "$schema",
            {"draft7": "http://json-schema.org/draft-07/schema#"}.get(case["draft"])
            or "https://json-schema.org/draft/2020-12/schema",
        )
        for test in case["tests"]:
            try:
                got = validate(test["data"], schema) == []
            except DataError as error:
                got = f"refused: {error.message}"
            if got != test["valid"]:
                wrong.append((case["id"], test["description"], got))
    assert wrong == []


def test_keys_follow_the_schema_behind_references_and_choices() -> None:
    value = {"address": {"pin": "1", "city": "Pune"}, "items": [{"price": 1, "name": "a"}], "more": {"b": 1, "a": 2}}
    ordered = in_schema_order(value, INVOICE)
    assert list(ordered) == ["address", "items", "more"]
    assert list(ordered["address"]) == ["city", "pin"]
    assert list(ordered["items"][0]) == ["name", "price"]
    assert list(ordered["more"]) == ["b", "a"]
    assert ordered == value
    anything = {"properties": {"meta": True, "list": True}}
    assert in_schema_order({"list": [{"x": 1}], "meta": {"y": 2}}, anything) == {"meta": {"y": 2}, "list": [{"x": 1}]}
    assert in_schema_order(value, None) is not None
