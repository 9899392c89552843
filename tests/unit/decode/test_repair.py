"""Free replies are mended openly or not at all."""

from __future__ import annotations

import json

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
    ],
)
def test_each_liberty_is_named(text: str, value, steps: tuple[str, ...]) -> None:
    got = repair(text)
    assert got.value == value
    assert got.steps == steps


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
