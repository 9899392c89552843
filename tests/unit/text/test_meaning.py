"""Numbers in words, quantities with units, and when two values mean the same."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tunewright.text.meaning import judge
from tunewright.text.numerals import number_in, words
from tunewright.text.quantities import Quantity, quantity


@pytest.mark.parametrize("language", ["en", "hi"])
def test_a_number_in_words_is_read_as_it_was_written(language):
    for number in (*range(0, 1000, 7), 1000, 12_345, 100_000, 1_250_000, 99_999_999):
        assert number_in(words(number, language)) == number


@pytest.mark.parametrize(
    "text", ["", "a", "one two", "five five", "lakh", "twenty ten", "thousand million", "and", "fiver"]
)
def test_what_is_no_number_in_words(text):
    assert number_in(text) is None


def test_spellings_of_words_for_numbers():
    assert number_in("पांच") == number_in("पाँच") == number_in("Five") == 5
    assert number_in("twenty-five") == 25
    assert number_in("a hundred and one") == 101
    assert number_in("दो हज़ार") == 2000


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("5 kg", "5000", "gram"), ("₹12,50,000.50", "1250000.50", "INR"), ("Rs. 5,000/-", "5000", "INR"), ("१२५० रुपये", "1250", "INR"),
        ("$3 million", "3000000", "USD"), ("-$5", "-5", "USD"), ("two hours", "7200", "second"), ("18%", "18", "%"), ("5", "5", None),
        ("$3m", "3000000", "USD"), ("3 m dollars", "3000000", "USD"), ("3 m", "3", "metre"), ("₹5k", "5000", "INR"), ("2.5 lakh", "250000.0", None), ("-7", "-7", None), ("पाँच सौ", "500", None), (5.0, "5", None),
    ],
)  # fmt: skip
def test_a_quantity_has_one_unit(text, value, unit):
    assert quantity(text) == Quantity(Decimal(value), unit)


@pytest.mark.parametrize(
    "text", ["007", "5.000", "12,50", "5 or 6", "5 notebooks", "$5 kg", "INV-12", "kg", "", True, None, "98765 43210"]
)
def test_what_is_no_quantity(text):
    assert quantity(text) is None


@pytest.mark.parametrize(
    ("gold", "reply", "how"),
    [
        ("5 Jan 2023", "2023-01-05", "date"), ("6:30 pm", "18:30", "time"), (5, "five", "number"), ("पाँच", 5, "number"),
        ("5 kg", "5000 g", "number"), ("₹5,000", "INR 5000", "number"), (True, "yes", "truth"), ("Taj  Mahal.", "taj mahal", "text"),
        ("The Adriatic Restaurant", "The Adriattic Restaurant", "text"), (1, 1.0, "equal"),
    ],
)  # fmt: skip
def test_what_means_the_same(gold, reply, how):
    found = judge(gold, reply)
    assert (found.same, found.likeness, found.how) == (True, 1.0, how)


@pytest.mark.parametrize(
    ("gold", "reply", "how"),
    [
        ("05/01/2023", "2023-01-05", "ambiguous"), ("6:30", "18:30", "ambiguous"), ("5 Jan 2023", "6 Jan 2023", "different"),
        ("5 kg", 5, "different"), ("₹5", "$5", "different"), (5, 6, "different"), (True, "no", "different"), (1, True, "different"),
        ("male", "female", "different"), ("asha.verma@mail.example", "asha.varma@mail.example", "different"),
        ("x**2 + 3*x + 17 and so on", "x**2 - 3*x + 17 and so on", "different"), ("a long name of flight 17", "a long name of flight 18", "different"),
        ("you may not bring your pets in", "you may now bring your pets in", "different"), (None, "x", "different"),
        ("seven hours from now", "inven hours from now", "different"),
    ],
)  # fmt: skip
def test_what_does_not_mean_the_same(gold, reply, how):
    found = judge(gold, reply)
    assert (found.same, found.how) == (False, how)
    assert found.likeness < 1


def test_a_choice_between_names_takes_the_very_name():
    assert judge("FindRestaurants", "FindRestaurant").same
    assert not judge("FindRestaurants", "FindRestaurant", closed=True).same
