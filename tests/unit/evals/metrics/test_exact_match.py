from __future__ import annotations

import pytest

from tunewright.evals.metrics import exact_match


@pytest.mark.parametrize(
    ("gold", "reply", "same"),
    [
        ({"a": "x", "b": None}, {"b": None, "a": "x"}, True),
        ({"a": "\u0958लम"}, {"a": "\u0915\u093cलम"}, True),
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": [1, 2]}, {"a": [2, 1]}, False),
        ({"a": "5000"}, {"a": 5000}, False),
        ({"a": 1}, {"a": True}, False),
        ({"a": None}, {}, False),
        ({"a": "x"}, {"a": "x "}, False),
        ({"a": {"b": ["x"]}}, {"a": {"b": ["x"]}}, True),
    ],
)
def test_values(answer, gold, reply, same):
    assert exact_match.statistics(*answer(gold, reply)) == {"correct": float(same), "n": 1.0}


def test_a_failed_reply_never_matches(answer):
    assert exact_match.statistics(*answer({"a": None}, text="oops"))["correct"] == 0


def test_text_in_any_unicode_form_and_without_outer_space(answer):
    assert exact_match.statistics(*answer("राम की क़लम", text=" राम की \u0958लम\n"))["correct"] == 1
    assert exact_match.statistics(*answer("राम", text="रामा"))["correct"] == 0


def test_share():
    assert exact_match.summarise({"correct": 3, "n": 4})["exact_match"] == 0.75
