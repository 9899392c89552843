"""What printed pages do to words is undone, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.core.records import Record
from tunewright.data.clean import clean, clean_text, with_way_back


def paged(text: str) -> str:
    return clean_text(text, pages=True)


@pytest.mark.parametrize(
    ("printed", "read"),
    [
        ("an exam-\nple", "an example"),
        ("an exam\u00ad\n  ple", "an example"),
        ("well-\nknown, and a well-known fact", "well-known, and a well-known fact"),
        ("ﬁve eﬀects", "five effects"),
        ("pages 3-\n5", "pages 3-\n5"),
        ("Smith-\nJones", "Smith-\nJones"),  # a name of two words keeps its hyphen
    ],
)
def test_words_parted_at_line_ends_and_ligatures(printed, read):
    assert paged(printed) == read


def test_it_is_done_only_where_texts_are_of_pages():
    assert clean_text("exam-\nple ﬁve") == "exam-\nple ﬁve"


def test_running_heads_and_page_numbers_go_by_page():
    pages = ["Kaur et al. 2018\nA title\nText.", "Kaur et al. 2018\nMore text.\n2", "Kaur et al. 2018\nThe end.\n3"]
    assert paged("\f".join(pages)) == "Kaur et al. 2018\nA title\nText.\nMore text.\n\nThe end."


def test_a_number_within_a_page_stays():
    assert "\n17\n" in paged("a\nb\n17\nc\nd\fe\nf")


def test_without_page_ends_a_line_that_comes_back_is_a_running_head_from_its_second_time_on():
    text = "A study of moss, p. 1\nAbstract\nA study of moss, p. 2\nText\nA study of moss, p. 3\nEnd"
    assert paged(text) == "A study of moss, p. 1\nAbstract\nText\nEnd"
    assert paged("yes\nno\nyes") == "yes\nno\nyes"  # twice is not often


def test_what_was_changed_is_counted_and_values_are_cleaned_alike():
    found = clean([Record("1", "the ﬁrst exam-\nple", {"a": "ﬁrst exam-\nple"})], pages=True)
    assert found.counts["ligatures"] == found.counts["hyphenation"] == 1
    assert found.records[0].target["a"] in found.records[0].text
    assert "1 hyphenation" in found.note()


def test_a_place_in_the_clean_text_leads_back():
    text = "Head 1\nan exam-\nple\nHead 2\nx\nHead 3\nthe end"
    new, back = with_way_back(text, pages=True)
    start = new.index("example")
    first, last = back(start, start + len("example"))
    assert text[first:last] == "exam-\nple"
    start = new.index("the end")
    assert text[slice(*back(start, len(new)))] == "the end"


@given(st.text(alphabet="ab-\n\f 1ﬁ\u00adAB", max_size=60))
@settings(max_examples=200, deadline=None)
def test_only_what_pages_bring_is_taken_away(text):
    read = paged(text)
    assert sum(read.count(letter) for letter in "AB") <= sum(text.count(letter) for letter in "AB")
    assert not {"\f", "\u00ad", "ﬁ"} & set(read)
