"""Fields by their meaning."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tunewright.evals.metrics import fields, semantic


def scores(*answers):
    rows = [semantic.statistics(*one) for one in answers]
    return {
        name: float(value) for name, value in semantic.summarise({k: sum(r[k] for r in rows) for k in rows[0]}).items()
    }


def test_values_that_mean_the_same_are_right(answer):
    gold = {"date": "5 January 2023", "weight": "5 kg", "count": 5, "name": "Asha Verma", "note": None}
    reply = {"date": "2023-01-05", "weight": "5000 g", "count": "five", "name": "Rohan Mehta", "note": None}
    found = scores(answer(gold, reply))
    assert found["semantic_accuracy"] == pytest.approx(4 / 5)
    assert found["semantic_f1"] == pytest.approx(3 / 4)
    assert 4 / 5 < found["semantic_similarity"] < 1
    assert fields.summarise(fields.statistics(*answer(gold, reply)))["field_accuracy"] == pytest.approx(1 / 5)


def test_what_is_ambiguous_is_wrong_and_counted(answer):
    found = scores(
        answer({"date": "2023-01-05"}, {"date": "05/01/2023"}), answer({"date": "2023-01-25"}, {"date": "25/01/2023"})
    )
    assert found["semantic_accuracy"] == 0.5
    assert found["semantic_ambiguous"] == 0.5


def test_items_are_aligned_before_they_are_judged(answer):
    gold = {"items": [{"name": "pen", "price": "Rs 10"}, {"name": "book", "price": "Rs 50"}]}
    swapped = {"items": [{"name": "book", "price": "₹10"}, {"name": "pen", "price": "₹50"}]}
    turned = {"items": [{"name": "book", "price": "₹50"}, {"name": "pen", "price": "₹10"}]}
    assert scores(answer(gold, turned))["semantic_f1"] == 1
    assert scores(answer(gold, swapped))["semantic_f1"] == 0.5


def test_a_reply_that_cannot_be_read_earns_nothing(answer):
    found = scores(answer({"a": "x", "b": None}, text="?"))
    assert (found["semantic_accuracy"], found["semantic_f1"], found["semantic_similarity"]) == (0, 0, 0)


def test_of_a_choice_only_the_very_value_is_right(answer):
    example, reply = answer({"intent": "FindRestaurants"}, {"intent": "FindRestaurant"})
    assert scores((example, reply))["semantic_accuracy"] == 1
    schema = {"type": "object", "properties": {"intent": {"enum": ["FindRestaurants", "FindRestaurant"]}}}
    assert scores((replace(example, schema=schema), reply))["semantic_accuracy"] == 0
