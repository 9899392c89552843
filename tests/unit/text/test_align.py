from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.text.align import locate


def found(value: object, text: str, **options: int) -> str | None:
    place = locate(value, text, **options)
    return None if place is None else text[slice(*place)]


def test_whole_words_before_parts_of_words():
    assert locate("राम", "रामपुर में राम") == (11, 14)
    assert locate("500", "ref 15003, paid 500") == (16, 19)
    assert locate("500", "500.75 and 500") == (11, 14)
    assert locate("12", "12,000 or 12") == (10, 12)


def test_a_part_of_a_word_only_when_nothing_else_fits():
    assert locate("Ram", "Rampur") == (0, 3)
    assert locate("रा", "राम") == (0, 2)
    assert locate("र", "रा") is None  # half a grapheme


def test_form_case_space_and_digits_do_not_count():
    assert found("ASHA  RAO", "to Asha\nRao today") == "Asha\nRao"
    assert found(unicodedata.normalize("NFD", "José"), "Mr José!") == "José"
    assert found("\u0958लम", "एक क़लम है") == "क़लम"
    assert found("9876543210", "मो. ९८७६५४३२१०") == "९८७६५४३२१०"
    assert found("STRASSE", "Straße 5") == "Straße"


def test_amounts_as_they_are_printed():
    text = "Sub 1,250.00 कुल राशि: ₹12,50,000.50 मात्र"
    assert found("1250000.50", text) == "12,50,000.50"
    assert found(1250000.5, text) == "12,50,000.50"
    assert found("5000", "रु ५,००० / 15000") == "५,०००"
    assert found("5000", "Ref 50001, 5,000.00 then 5,000") == "5,000"  # the same decimals first
    assert found("5000", "only 5,000.00") == "5,000.00"


def test_after():
    text = "500 and 500"
    assert locate("500", text) == (0, 3)
    assert locate("500", text, after=1) == (8, 11)
    assert locate("500", text, after=9) is None
    assert locate("500", text, after=99) is None


@pytest.mark.parametrize("value", [None, True, {}, [], "", "   ", "absent"])
def test_what_has_no_place(value: object):
    assert locate(value, "True None text 1") is None


@given(st.text(max_size=30), st.integers(0, 30), st.integers(1, 10))
@settings(max_examples=100, deadline=None)
def test_places_are_inside_and_agree(text: str, start: int, length: int):
    value = text[start : start + length]
    place = locate(value, text)
    if place is not None:
        assert 0 <= place[0] < place[1] <= len(text)

        def fold(part: str) -> str:
            return "".join(unicodedata.normalize("NFC", part).casefold().split())

        kept = {ord(c): None for c in "\u200b\u200c\u200d\ufeff"}
        assert (
            len(fold(text[slice(*place)]).translate(kept)) == len(fold(value).translate(kept))
            or value.strip().isdecimal()
        )


def test_every_gold_value_of_the_exam_is_found(shared_data: Path):
    count = 0
    for line in (shared_data / "handwritten_documents" / "data.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        for key, value in row["json"].items():
            if value is not None:
                count += 1
                assert locate(value, row["text"]) is not None, (row["id"], key)
    assert count > 200
