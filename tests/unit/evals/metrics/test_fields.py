from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.evals.metrics import fields
from tunewright.text.outcomes import outcomes


def kinds(gold, reply, **options):
    return dict(Counter(o.kind for o in outcomes(gold, reply, **options)))


def scores(answer, gold, reply=None, **options):
    return {k: float(v) for k, v in fields.summarise(fields.statistics(*answer(gold, reply, **options))).items()}


def test_one_of_each_by_hand(answer):
    gold = {"right": "x", "empty": None, "left": "x", "other": "x", "made_up": None}
    reply = {"right": "x", "empty": None, "left": None, "other": "y", "made_up": "z"}
    found = scores(answer, gold, reply)
    assert found["field_accuracy"] == 2 / 5
    assert found["field_precision"] == 1 / 3  # said: right, other, made_up
    assert found["field_recall"] == 1 / 3  # wanted: right, left, other
    assert found["field_f1"] == 1 / 3
    assert [found[k] for k in ("correct", "omitted", "hallucinated", "substituted")] == [0.4, 0.2, 0.2, 0.2]


def test_nothing_is_gained_for_precision_by_agreeing_on_nothing(answer):
    few = scores(answer, {"a": "x"}, {"a": "y"})
    many = scores(answer, {"a": "x"} | dict.fromkeys("bcd"), {"a": "y"} | dict.fromkeys("bcd"))
    assert many["field_accuracy"] == 0.75
    assert many["field_f1"] == few["field_f1"] == 0


def test_missing_key_is_null_and_an_extra_one_is_made_up():
    assert kinds({"a": "x", "b": None}, {"a": "x"}) == {"correct": 1, "null": 1}
    assert kinds({"a": "x"}, {"a": "x", "c": "y", "d": None}) == {"correct": 1, "hallucinated": 1}


@pytest.mark.parametrize("empty", [None, [], {}])
def test_an_empty_list_or_object_says_nothing(empty):
    assert kinds({"a": "x"}, {"a": empty}) == {"omitted": 1}


def test_an_unreadable_reply_gets_no_credit_for_empty_fields(answer):
    found = scores(answer, {"a": "x", "b": None}, text="I cannot")
    assert found["field_accuracy"] == 0
    assert found["omitted"] == 1
    assert found["field_recall"] == 0


def test_a_type_is_part_of_a_value():
    assert kinds({"a": "5000"}, {"a": 5000}) == {"substituted": 1}
    assert kinds({"a": 5000}, {"a": 5000.0}) == {"correct": 1}
    assert kinds({"a": 1}, {"a": True}) == {"substituted": 1}


def test_swapped_prices_cost():
    gold = {"items": [{"name": "tea", "price": "10"}, {"name": "rice", "price": "99"}]}
    swapped = {"items": [{"name": "tea", "price": "99"}, {"name": "rice", "price": "10"}]}
    assert kinds(gold, swapped) == {"correct": 2, "substituted": 2}
    by_path = Counter(outcome[:2] for outcome in outcomes(gold, swapped))
    assert by_path["items[].name", "correct"] == 2  # the name says which item it is
    assert by_path["items[].price", "substituted"] == 2


def test_order_of_items_does_not_cost():
    items = [{"name": n, "price": str(i)} for i, n in enumerate(["tea", "rice", "दाल"])]
    assert kinds({"items": items}, {"items": items[::-1]}) == {"correct": 6}


def test_missing_and_extra_items():
    one, two = {"name": "tea", "price": "10"}, {"name": "rice", "price": None}
    assert kinds({"items": [one, two]}, {"items": [two]}) == {"correct": 1, "null": 1, "omitted": 2}
    assert kinds({"items": [one]}, {"items": [one, {"name": "x", "price": None}]}) == {"correct": 2, "hallucinated": 1}


def test_lists_of_values():
    assert kinds({"a": ["x", "y"]}, {"a": ["y", "x"]}) == {"correct": 2}
    assert kinds({"a": ["x", "y"]}, {"a": ["y", "z"]}) == {"correct": 1, "substituted": 1}
    assert kinds({"a": []}, {"a": []}) == {"null": 1}
    assert kinds({"a": []}, {"a": ["x", "y"]}) == {"hallucinated": 2}
    assert kinds({"a": ["x"]}, {"a": []}) == {"omitted": 1}
    assert kinds({"a": ["x", "x"]}, {"a": ["x"]}) == {"correct": 1, "omitted": 1}  # one cannot count twice


def test_assignment_is_the_best_one_not_the_first():
    gold = [{"a": "1", "b": "1"}, {"a": "1", "b": "2"}]
    reply = [{"a": "1", "b": "2"}, {"a": "9", "b": "1"}]
    assert kinds({"i": gold}, {"i": reply}) == {"correct": 3, "substituted": 1}


def test_wrong_shapes():
    assert kinds({"a": {"b": "x", "c": None}}, {"a": "x"}) == {"omitted": 1, "null": 1, "hallucinated": 1}
    assert kinds({"a": "x"}, {"a": {"b": "x"}}) == {"substituted": 1}
    assert kinds({"a": None}, {"a": {"b": None}}) == {"null": 1}
    assert kinds({"a": "x", "b": None}, ["x"]) == {"omitted": 1, "unanswered": 1, "hallucinated": 1}


def test_by_field(answer):
    found = fields.by_field(*answer({"a": "x", "i": [{"p": "1"}, {"p": "2"}]}, {"a": "y", "i": [{"p": "1"}]}))
    assert found["a"]["substituted"] == 1
    assert found["i[].p"]["correct"] == 1
    assert found["i[].p"]["omitted"] == 1


def test_nothing_to_find_and_nothing_said(answer):
    found = scores(answer, {"a": None}, {"a": None})
    assert [found[f"field_{k}"] for k in ("accuracy", "precision", "recall", "f1")] == [1, 1, 1, 1]
    silent = scores(answer, {"a": "x"}, {"a": None})
    assert [silent[f"field_{k}"] for k in ("accuracy", "precision", "recall", "f1")] == [0, 0, 0, 0]


def test_summaries_of_many_resamples_at_once(answer):
    one = fields.statistics(*answer({"a": "x", "b": "y"}, {"a": "x", "b": "z"}))
    many = fields.summarise({key: np.array([value, 2 * value, 0.0]) for key, value in one.items()})
    assert many["field_f1"] == pytest.approx([0.5, 0.5, 1.0])


VALUES = st.recursive(
    st.none() | st.text(max_size=3) | st.integers(0, 3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES, VALUES)
@settings(max_examples=150, deadline=None)
def test_a_value_agrees_with_itself_and_no_other_outscores_it(gold, reply):
    assert set(kinds(gold, gold)) <= {"correct", "null"}
    found = kinds(gold, reply)
    assert found.get("correct", 0) <= kinds(gold, gold).get("correct", 0)
