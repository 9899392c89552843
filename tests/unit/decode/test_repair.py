"""Free replies are mended openly or not at all."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.decode.repair import repair
from tunewright.text.serialise import dumps


@pytest.mark.parametrize(
    ("text", "value", "steps"),
    [
        ('{"a": 1}', {"a": 1}, ()),
        ('  {"a": "x\\n\\u0915"}\n', {"a": "x\nक"}, ()),
        ('```json\n{"a": 1}\n```', {"a": 1}, ("code fence",)),
        ('Take {this}:\n```json\n{"a": 1}\n```', {"a": 1}, ("code fence",)),
        ('{"a": "```py\\nx```"}', {"a": "```py\nx```"}, ()),  # a fence that the reply only speaks of
        ('{"a": "```{}```",}', {"a": "```{}```"}, ("trailing comma",)),
        ('Here: {"a": "```x```"}', {"a": "```x```"}, ("text before",)),
        ('Sure, here it is: {"a": 1} Hope it helps!', {"a": 1}, ("text before", "text after")),
        ('{"a": 1} {"a": 2}', {"a": 1}, ("another object after",)),
        ('{"a": [1, 2,],}', {"a": [1, 2]}, ("trailing comma",)),
        ("{'a': 'it's fine', 'b': None}", {"a": "it's fine", "b": None}, ("other quotes", "word of another language")),
        ("{“a”: “ख”}", {"a": "ख"}, ("other quotes",)),
        ("{a: 1}", {"a": 1}, ("key without quotes",)),
        ('{"a": Ram Kumar, "b": 1}', {"a": "Ram Kumar", "b": 1}, ("value without quotes",)),
        ('{"a": 29/09/2025}', {"a": "29/09/2025"}, ("value without quotes",)),
        ('{"a": ५०००}', {"a": "५०००"}, ("value without quotes",)),  # digits are never turned into a number
        ('{"a": 007}', {"a": "007"}, ("value without quotes",)),
        ('{"a": 1 "b": 2}', {"a": 1, "b": 2}, ("missing comma",)),
        ('{"a": {"b": [1', {"a": {"b": [1]}}, ("missing bracket",)),
        ('{"a": "cut of', {"a": "cut of"}, ("cut off", "missing bracket")),
        ('{"a": 1, "b', {"a": 1}, ("cut off",)),
        ('{"a": 1, "b":', {"a": 1}, ("cut off",)),
        ('{"a": 1, "a": 2}', {"a": 1}, ("duplicate key, first kept",)),
        ('{"a": "x\ny"}', {"a": "x\ny"}, ("raw control character",)),
        ('{"a": "\\d"}', {"a": "d"}, ("unknown escape",)),
        ('{"a": 1, // first\n "b": 2}', {"a": 1, "b": 2}, ("comment",)),
        ('Use {x}: {"a": 1}', {"a": 1}, ("text before",)),
        ("Use {x}: {'a': 1} ok", {"a": 1}, ("text before", "other quotes", "text after")),
        ('Begin with "{", then: {"a": 1}', {"a": 1}, ("text before",)),
        ('See {x: below\n{"a": 1}', {"a": 1}, ("text before",)),
        ('Use {key: value}: {"a": 1}', {"a": 1}, ("another object before",)),
        ('{"a": 1,} {"a": 2}', {"a": 1}, ("trailing comma", "another object after")),
        ("{a: 1} or {b}", {"a": 1}, ("key without quotes", "another object after")),
    ],
)
def test_each_liberty_is_named(text: str, value, steps: tuple[str, ...]) -> None:
    got = repair(text)
    assert got.value == value
    assert got.steps == steps


@pytest.mark.parametrize(
    ("text", "value", "steps"),
    [
        ('Here [as asked]: ["a"]', ["a"], ("another array before",)),
        ('Here [as asked]: ["a",]', ["a"], ("another array before", "trailing comma")),
        ("Here [as asked]: []", [], ("another array before",)),
        ("[Asha Verma, Ram]", ["Asha Verma", "Ram"], ("value without quotes",)),
    ],
)
def test_an_array_is_told_from_a_remark_in_brackets(text: str, value, steps: tuple[str, ...]) -> None:
    got = repair(text, list)
    assert (got.value, got.steps) == (value, steps)


@pytest.mark.parametrize("text", ['{"a" 1, "b": {"c": 2}}', 'So: {"a" 1, "b": {"c": 2}, "d', "{x} {y} {"])
def test_a_part_of_a_broken_object_is_not_taken_for_it(text: str) -> None:
    assert repair(text).value is None


@pytest.mark.parametrize("part", ["{", "[", "{a:", "{'", '{"', "{}", "{x}", "{//", "[x]", "{'a'"])
def test_brackets_without_end_take_no_longer_than_a_reply(part: str) -> None:
    """Counted in calls: a clock would tell of other work beside it."""
    text, steps = part * (100_000 // len(part)), 0

    def counted(frame, event, _):
        nonlocal steps
        steps += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        repair(text, list if "[" in part else dict)
    finally:
        sys.setprofile(None)
    assert steps < 40 * len(text)


@pytest.mark.parametrize("text", ["", "no json here", "[1, 2]", "}{", '{"a" 1}', "{:}", "{" * 500, "x" * 300_000])
def test_what_is_no_object_has_no_value(text: str) -> None:
    got = repair(text)
    assert not got.value
    assert got.steps


@settings(max_examples=200, deadline=None)
@given(st.text("{}[]\"':, \n0.e-ntfa\\u`/", max_size=30))
def test_it_never_raises_and_never_takes_unnamed_liberties(text: str) -> None:
    got = repair(text)
    if not got.steps:
        assert json.loads(text) == got.value
    json.dumps(got.value)


values = st.dictionaries(
    st.text(max_size=4),
    st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=6) | st.lists(st.text(max_size=3), max_size=2),
    max_size=4,
)


@settings(max_examples=60, deadline=None)
@given(values)
def test_strict_json_passes_untouched(value) -> None:
    text = dumps(value)
    if "```" not in text:
        assert repair(text) == type(repair(text))(value, ())
