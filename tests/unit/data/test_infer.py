"""Schemas inferred from examples: every example obeys, and no key is invented."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.data.infer import MAP_FROM, _Seen, closed, schema_of
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
        "required": ["a", "b", "items"],
        "additionalProperties": False,
    }


def order(*objects):
    return list(schema_of([dict.fromkeys(keys, 1) for keys in objects])["properties"])


def contradicted(keys, objects):
    place = {key: i for i, key in enumerate(keys)}
    return sum(place[a] > place[b] for one in objects for a, b in combinations(one, 2))


def test_keys_stand_in_the_order_of_most_objects_and_of_first_meeting_where_that_says_nothing():
    assert order("za", "mz") == ["m", "z", "a"]  # met last, always in front
    assert order("za", "az", "az") == ["a", "z"]
    assert order("za", "az") == ["z", "a"]
    assert order("zy", "ba") == ["z", "y", "b", "a"]
    assert order("ab", "bc", "ca") == ["a", "b", "c"]  # in a circle: no order is better


@given(
    st.lists(
        st.permutations("abcdef").flatmap(lambda keys: st.integers(1, 6).map(lambda n: keys[:n])),
        min_size=1,
        max_size=9,
    )
)
def test_no_key_moved_alone_contradicts_fewer_objects(objects):
    keys = order(*objects)
    assert sorted(keys) == sorted({key for one in objects for key in one})
    least = contradicted(keys, objects)
    for key in keys:
        rest = [other for other in keys if other != key]
        assert all(contradicted([*rest[:i], key, *rest[i:]], objects) >= least for i in range(len(keys)))


def test_the_order_of_very_many_keys_is_that_of_first_meeting():
    keys = [f"k{i}" for i in range(101)]
    assert order(keys, keys[::-1], keys[::-1]) == keys


def test_pairs_of_keys_are_not_counted_where_there_are_too_many_to_order():
    seen, other = _Seen(), _Seen()
    for i in range(60):
        seen.add({f"k{i}": 1, f"k{i + 1}": 2})
        other.add({f"k{i + 70}": 1, f"k{i + 71}": 2})
    assert len(seen.before) == len(other.before) == 60
    assert not seen.merged([other]).before
    for i in range(60, 110):
        other.add({f"k{i}": 1, f"k{i - 60}": 2})
    assert not other.before


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


OPEN = {
    "type": "object",
    "properties": {
        "intent": {"type": "string"},
        "slots": {"type": "object", "additionalProperties": {"type": ["string", "array"]}},
    },
    "required": ["intent", "slots"],
}


def said(count: int = 60) -> list[tuple[dict, str]]:
    """Answers whose intent is chosen, whose place and item are copied; rarely two items."""
    made = []
    for n in range(count):
        place, item = ("Pune", "Agra")[n % 2], f"item {n}"
        slots = {"place": place, "item": [item, item] if n == 7 else item, "kind": ("yes", "no")[n % 2]}
        made.append(({"intent": ("ORDER", "ASK", "STOP")[n % 3], "slots": slots}, f"{item} for {place}"))
    return made


def test_a_closed_schema_has_the_keys_met_and_choices_that_are_not_copied():
    found = closed(OPEN, said())
    assert found["properties"]["intent"] == {"type": "string", "enum": ["ASK", "ORDER", "STOP"]}
    slots = found["properties"]["slots"]
    assert slots["additionalProperties"] is False
    assert slots["properties"] == {
        "place": {"type": "string"},  # of two values, but copied: a third town may come
        "item": {"type": ["string", "array"], "items": {"type": "string"}},
        "kind": {"type": "string", "enum": ["no", "yes"]},
    }
    assert not [fault for value, _ in said() for fault in validate(value, found)]


def test_keys_of_a_closed_schema_stand_as_in_most_answers():
    told = {"type": "object", "properties": {key: {"type": "string"} for key in ("area", "never", "name", "food")}}
    answers = [{"name": "x", "food": "y", "area": "z"}, {"food": "y", "name": "x"}, {"name": "x", "area": "z"}]
    found = closed(told, [(answer, "x y z") for answer in answers])
    assert list(found["properties"]) == ["name", "food", "area", "never"]
    assert found["properties"] == told["properties"]


def test_keys_of_a_closed_schema_stay_where_no_answer_says_otherwise():
    told = {"type": "object", "properties": {key: {"type": "string"} for key in "abc"}}
    assert list(closed(told, [({key: "x"}, "x") for key in "cab"])["properties"]) == ["a", "b", "c"]
    names = [f"k{i:03}" for i in range(120)]
    many = {"type": "object", "properties": {name: {"type": "string"} for name in names}}
    answers = [(dict.fromkeys(names[i::7], "x"), "x") for i in range(7)]
    assert list(closed(many, answers)["properties"]) == names


def test_few_of_a_value_each_are_no_choice():
    found = closed(OPEN, [({"intent": f"I{n}", "slots": {}}, "text") for n in range(10)])
    assert found["properties"]["intent"] == {"type": "string"}


def test_bounds_of_its_own_stay():
    fixed = {
        "type": "object",
        "properties": {"a": {"type": "string", "enum": ["x", "y", "z"]}, "b": {"type": "string"}},
    }
    assert closed(fixed, [({"a": "x"}, "text")] * 9) == fixed


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.dictionaries(st.sampled_from("abc"), st.text("xy", max_size=2) | st.integers(0, 3), max_size=3), max_size=12
    )
)
def test_answers_obey_the_closed_schema(values):
    found = closed(
        {"type": "object", "properties": {"v": {"type": "object"}}}, [({"v": value}, "x") for value in values]
    )
    assert not [fault for value in values for fault in validate({"v": value}, found)]
