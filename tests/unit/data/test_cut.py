"""Documents cut to a budget: never over it, never within a word, and what says something of the whole stays."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.data.cut import LONGEST_LINE, MARK, cut


def places(text: str) -> list[tuple[int, int]]:
    """Words and marks as tokens, long words in pieces of four."""
    return [found.span() for found in re.finditer(r"\w{1,4}|[^\w\s]", text)]


TEXT = "A title\n" + "word " * 200 + "\ndoi:10.1000/x\nmore doi\n" + "long doi " * 60 + "\nReceived 3 May\nthe end"


def test_what_fits_stays_as_it_is():
    assert cut("a b c", places, 3).text == "a b c"
    assert cut("a b c", places, 3).lost == 0


def test_the_beginning_stays_and_short_lines_with_a_word():
    found = cut(TEXT, places, 80, ["doi", "received"])
    assert found.text.startswith("A title\nword")
    assert found.text.endswith(MARK + "doi:10.1000/x\nmore doi\nReceived 3 May")
    assert len(places(found.text)) <= 80
    assert found.lost == len(places(TEXT)) - len(places(found.text))
    assert "long doi" not in found.text
    assert len("long doi " * 60) > LONGEST_LINE


def test_without_words_only_the_beginning_stays():
    assert MARK not in cut(TEXT, places, 80).text


def test_places_lead_back_to_the_document():
    found = cut(TEXT, places, 80, ["doi", "received"])
    for value in ("A title", "10.1000/x", "3 May"):
        start = found.text.index(value)
        first, last = found.back(start, start + len(value))
        assert TEXT[first:last] == value


@given(st.text(alphabet="abc doi\n.,", max_size=300), st.integers(1, 40))
@settings(max_examples=200, deadline=None)
def test_the_budget_holds_and_every_piece_is_the_documents(text, budget):
    found = cut(text, places, budget, ["doi"])
    assert len(places(found.text)) <= budget
    assert found.lost == len(places(text)) - len(places(found.text))
    for start, end, at in found.pieces:
        assert found.text[start:end] == text[at : at + end - start]
