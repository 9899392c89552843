"""Schemas inferred from examples: every example obeys, and no key is invented."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.data.infer import MAP_FROM, schema_of
from tunewright.text.schema import validate


def test_types_nulls_arrays_and_key_order():
    values = [
        {"b": "x", "a": 1, "items": [{"name": "n", "price": 1}], "empty": []},
        {"a": None, "b": "y", "items": [], "extra": True, "empty": []},
        {"a": 2.5, "b": "z", "items": [{"name": None}]},
    ]
    assert schema_of(values) == {
        "type": "object",
        "properties": {
            "b": {"type": "string"},
            "a": {"type": ["number", "null"]},
            "items": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"name": {"type": ["string", "null"]}, "price": {"type": "integer"}},
                    "required": ["name"],
                    "additionalProperties": False,
                },
            },
            "empty": {"type": "array", "items": {}},
            "extra": {"type": "boolean"},
        },
        "required": ["b", "a", "items"],
        "additionalProperties": False,
    }


def test_key_order_is_by_first_meeting():
    assert list(schema_of([{"z": 1, "a": 1}, {"m": 1, "z": 1}])["properties"]) == ["z", "a", "m"]


def test_object_of_many_rare_keys_becomes_a_map():
    values = [{"slots": {f"key{i}": "v", "common": "c"}} for i in range(MAP_FROM * 2)]
    slots = schema_of(values)["properties"]["slots"]
    assert slots == {"type": "object", "additionalProperties": {"type": "string"}}
    few = schema_of(values[:5])["properties"]["slots"]
    assert set(few["properties"]) == {"common", *(f"key{i}" for i in range(5))}


def test_nothing_seen_allows_anything():
    assert schema_of([]) == {}


scalars = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text(max_size=3)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=80, deadline=None)
@given(st.lists(values, min_size=1, max_size=5))
def test_every_example_obeys_the_schema_inferred_from_them(examples):
    schema = schema_of(examples)
    for example in examples:
        assert validate(example, schema) == []


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.text(max_size=2), scalars, min_size=1, max_size=4))
def test_a_value_with_an_unseen_key_does_not_obey(example):
    assert validate({**example, "never seen": 1}, schema_of([example])) != []
