from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.evals.metrics import structure


def scores(answer, gold, reply=None, **options):
    found = structure.summarise(structure.statistics(*answer(gold, reply, **options)))
    return {name.removeprefix("structure_"): float(score) for name, score in found.items()}


def test_values_do_not_count_and_types_do(answer):
    assert scores(answer, {"a": "x", "b": 1}, {"b": 2.5, "a": "y"}) == {"keys": 1, "similarity": 1, "ordered": 1}
    found = scores(answer, {"a": "x", "b": 1}, {"a": "y", "b": "1"})
    assert found == {"keys": 1, "similarity": pytest.approx(4 / 6), "ordered": pytest.approx(4 / 6)}
    assert scores(answer, {"a": True}, {"a": 1})["similarity"] == 0.5
    assert scores(answer, {"a": None}, {"a": "x"})["similarity"] == 0.5


def test_keys_too_few_and_too_many(answer):
    assert scores(answer, {"a": "x", "b": "y"}, {"a": "x"})["keys"] == pytest.approx(4 / 5)
    assert scores(answer, {"a": "x"}, {"a": "x", "b": "y"})["keys"] == pytest.approx(4 / 5)


def test_the_same_keys_nested_otherwise_are_others(answer):
    assert scores(answer, {"a": {"b": "x"}}, {"a": "x", "b": "x"})["keys"] == pytest.approx(4 / 6)


def test_the_order_of_items_counts_where_it_is_asked_for(answer):
    gold = {"items": [{"name": "x"}, {"code": "y"}]}
    found = scores(answer, gold, {"items": [{"code": "y"}, {"name": "x"}]})
    assert (found["keys"], found["similarity"]) == (1, 1)
    assert found["ordered"] == pytest.approx(8 / 12)  # the list and its two items agree, their keys do not


def test_a_reply_that_cannot_be_read_has_nothing(answer):
    assert set(scores(answer, {"a": "x"}, text="I cannot").values()) == {0.0}
    assert set(scores(answer, {}, text="I cannot").values()) == {0.0}
    assert set(scores(answer, {}, {}).values()) == {1.0}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from("abc"), JSON), st.dictionaries(st.sampled_from("abc"), JSON))
def test_scores_are_from_0_to_1_and_stricter_views_are_never_above(gold, reply):
    from tunewright.core.records import Example, Prediction, Record

    example = Example(Record("a", "…", gold), ())
    found = structure.summarise(structure.statistics(example, Prediction("a", "…", reply)))
    assert 1 >= found["structure_keys"] >= found["structure_similarity"] >= found["structure_ordered"] >= 0
    same = structure.summarise(structure.statistics(example, Prediction("a", "…", gold)))
    assert set(map(float, same.values())) == {1.0}
