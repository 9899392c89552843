from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.text.unicode import graphemes, is_word_character, nfc, script_of, scripts, words


def test_hindi_words_stay_whole():
    assert words("कुल राशि: ₹5,000 है।") == ["कुल", "राशि", "5", "000", "है"]
    assert words("बिल-संख्या INV-2025") == ["बिल", "संख्या", "INV", "2025"]


def test_joiners_belong_inside_words_only():
    assert words("क्\u200dष \u200d ") == ["क्\u200dष"]


def test_graphemes_are_what_a_reader_sees():
    assert graphemes("किताब") == ["कि", "ता", "ब"]
    assert len(graphemes("e\u0301a")) == 2


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Total", "Latin"),
        ("कुल राशि", "Devanagari"),
        ("कुल राशि total", "Devanagari"),
        ("Ram कु", "Latin"),
        ("12/09 ₹", None),
        ("५०००", None),
        ("", None),
        ("தமிழ்", "Tamil"),
    ],
)
def test_script(text: str, script: str | None):
    assert script_of(text) == script


def test_scripts_are_counted():
    assert list(scripts("ab कुल")) == ["Devanagari", "Latin"]
    assert scripts("ab कुल") == {"Devanagari": 3, "Latin": 2}


def test_nfc_joins_what_can_be_joined():
    assert nfc("e\u0301") == "é"
    assert nfc("\u0958") == "\u0915\u093c"  # qa is excluded from composition


def test_word_characters():
    assert all(map(is_word_character, "aक५ि"))
    assert not any(map(is_word_character, " -।₹"))


@given(st.text(st.characters(exclude_categories=["Cn", "Cs"]), max_size=60))
@settings(max_examples=60, deadline=None)
def test_nothing_is_lost(text: str):
    assert "".join(graphemes(text)) == text
    kept = "".join(words(text)).replace("\u200c", "").replace("\u200d", "")
    assert kept == "".join(c for c in text if unicodedata.category(c)[0] in "LMN")
