"""Scores of free answers: SQuAD's token F1 and match in any script, and numbers however they are written."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tunewright.core.records import Example, Prediction, Record
from tunewright.evals.metrics import normalised_match, numeric_match, token_f1
from tunewright.evals.score import score
from tunewright.text.mentions import mentions, same
from tunewright.text.words import f1


def asked(gold, said):
    return Example(Record("1", "q", gold), (), gold), Prediction("1", said, said)


@pytest.mark.parametrize(
    ("gold", "said", "share"),
    [
        ("The Broncos", "broncos!", 1.0),
        ("in the year 1999", "1999", 0.5),
        ("राम की दवा।", "राम की दवा", 1.0),
        ("राम की दवा 5 mg", "श्याम का घर 5 mg", 0.4),
        ("Denver", "Carolina", 0.0),
        ("the", "", 1.0),
        ("x", "", 0.0),
    ],
)
def test_token_f1(gold, said, share):
    assert f1(gold, said) == pytest.approx(share)


@pytest.mark.parametrize(
    ("said", "match", "share"),
    [
        ("Santa Clara, California", 1.0, 1.0),
        ("Levi's Stadium", 1.0, 1.0),
        ("at Levi's", 0.0, 0.5),
        ("in the stadium", 0.0, 0.5),
        ("Denver", 0.0, 0.0),
    ],
)
def test_of_several_right_answers_the_nearest_counts(said, match, share):
    """As SQuAD has it; without the others the first alone would be right."""
    record = Record("1", "q", "Levi's Stadium", provenance={"accept": ["Santa Clara, California", "Levi's Stadium"]})
    scores = score([Example(record, ())], [Prediction("1", said, said)], level=0.95, resamples=100, seed=0)["metrics"]
    assert scores["normalised_match"]["value"] == match
    assert scores["token_f1"]["value"] == pytest.approx(share)
    alone = score(
        [Example(record.replace(provenance={}), ())], [Prediction("1", said, said)], level=0.95, resamples=100, seed=0
    )
    assert alone["metrics"]["token_f1"]["value"] == pytest.approx(0.0 if "Clara" in said else share)


def test_letters_are_compared_composed_and_marks_stay_with_them():
    assert f1("caf\u00e9", "cafe\u0301") == 1.0
    example, prediction = asked("caf\u00e9", "cafe\u0301")
    assert token_f1.statistics(example, prediction) == {"f1": 1.0, "n": 1.0}
    assert f1("कि", "क") == 0.0  # a vowel sign makes another word
    assert f1("१९९९", "1999") == 1.0


def test_normalised_match_minds_order_and_nothing_else():
    same_words = normalised_match.statistics(*asked("The U.S. dollar", "us dollar"))
    assert same_words["same"] == 1.0
    assert normalised_match.statistics(*asked("dollar us", "us dollar"))["same"] == 0.0


@pytest.mark.parametrize(
    ("gold", "said", "right"),
    [
        ("1,496.5", "1496.5", True),
        ("$1,496.5 million", "1496.5 million", True),
        ("$1.2 million", "1,200,000", True),
        ("1496.5 million", "1496.5", False),
        ("5 percent", "5%", True),
        ("5 percent", "5", False),
        ("१,४९६.५", "1496.5", True),
        ("12,50,000", "12.5 लाख", True),
        ("(5.2)", "-5.2", True),
        ("5.2", "-5.2", False),
        ("5 mg", "5 ml", False),
        ("5 kg", "5000 g", True),
        ("$5", "€5", False),
        ("Rs 5", "5", True),
        ("$3 million", "$3m", True),
        ("$3 million", "3 m dollars", True),
        ("€3 M", "3,000,000", True),
        ("USD 3m", "US$3 million", True),
        ("$3 billion", "$3b", True),
        ("3 million euros", "$3 million", False),
        ("$3 million", "3 m", False),
        ("3 m", "300 cm", True),
        ("5 mg", "5", True),
        ("2018 and 2019", "2019, 2018", True),
        ("2018 and 2019", "2019", False),
        ("7", "between 6 and 8", False),
        ("in 1999", "1999, in 1999", False),
    ],
)
def test_numeric_match(gold, said, right):
    assert numeric_match.statistics(*asked(gold, said)) == {"right": float(right), "n": 1.0}
    assert same(mentions(gold), mentions(said)) is right


def test_numbers_are_read_whole():
    assert [one.value for one in mentions("COVID19 cost $3.5 bn, 10% of 1,234")] == [
        Decimal("3.5e9"), Decimal(10), Decimal(1234)
    ]  # fmt: skip


def test_numbers_of_essays_and_answers_without_any_are_not_judged():
    assert numeric_match.statistics(*asked("no number", "5"))["n"] == 0.0
    assert numeric_match.statistics(*asked("word " * 20 + "5", "5"))["n"] == 0.0
    example, prediction = asked("no number", "none")
    scores = score([example], [prediction], level=0.95, resamples=20, seed=0)["metrics"]
    assert "numeric_match" not in scores
    example, prediction = asked("7", "8")
    assert score([example], [prediction], level=0.95, resamples=20, seed=0)["metrics"]["numeric_match"]["value"] == 0.0


def test_answers_in_json_have_none_of_these():
    example = Example(Record("1", "t", {"a": "b"}), (), '{"a": "b"}', {"type": "object"})
    scores = score([example], [Prediction("1", "", {"a": "b"})], level=0.95, resamples=20, seed=0)["metrics"]
    assert not {"token_f1", "normalised_match", "numeric_match"} & set(scores)
