"""Dates and times of day: what is read, what is told apart, what is left alone."""

from __future__ import annotations

import pytest

from tunewright.text.dates import Day, minutes, readings, same_day, same_time


@pytest.mark.parametrize(
    "text",
    [
        "2023-01-05", "5 Jan 2023", "5 January, 2023", "January 5, 2023", "Jan 5 2023", "5th of January 2023", "05-Jan-2023",
        "५ जनवरी २०२३", "Thursday, 5 January 2023", "2023/01/05", "the 5th of January, 2023", "2023-01-05T00:00:00",
    ],
)  # fmt: skip
def test_a_day_in_many_forms(text):
    assert readings(text) == (Day(2023, 1, 5),)


@pytest.mark.parametrize(
    "text",
    ["today", "कल", "next Monday", "May", "5", "31/02/2023", "30 February 2023", "on 5 Jan 2023", "1.5", "", "2023"],
)
def test_what_is_no_day(text):
    assert readings(text) == ()


def test_day_and_month_that_could_stand_either_way_are_not_guessed():
    assert readings("05/01/2023") == (Day(2023, 1, 5), Day(2023, 5, 1))
    assert readings("25/01/2023") == (Day(2023, 1, 25),)
    assert readings("05/05/2023") == (Day(2023, 5, 5),)
    assert same_day("05/01/2023", "2023-01-05") is None
    assert same_day("05/01/2023", "5-1-23") is True
    assert same_day("05/01/2023", "01/05/2023") is None
    assert same_day("05/01/2023", "2023-02-05") is False
    assert same_day("25/01/2023", "25 जनवरी 2023") is True


def test_what_is_not_written_is_not_filled_in():
    assert same_day("5 January", "5 January 2023") is False
    assert same_day("January 2023", "2023-01") is True
    assert same_day("5 Jan '23", "5 January 2023") is True
    assert same_day("5 Jan 1923", "5 January 2023") is False


def test_times_of_day():
    assert minutes("6:30 pm") == minutes("18:30") == minutes("6.30PM") == minutes("half past 6 p.m.") == (1110, True)
    assert minutes("noon") == (720, True)
    assert minutes("12 am") == (0, True)
    assert minutes("25:00") is None
    assert minutes("6") is None
    assert same_time("6:30", "18:30") is None
    assert same_time("6 o'clock", "6:00") is True
    assert same_time("6:30 am", "18:30") is False
