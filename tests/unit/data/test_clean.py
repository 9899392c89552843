"""Cleaning: what nobody sees goes, what is shown stays, spans still cover, every change is counted."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tunewright.core.records import Record, Span
from tunewright.data.clean import clean, clean_text, with_way_back


def cleaned(text, target=None, spans=()):
    return clean([Record(id="r", text=text, target=target, spans=tuple(spans))])


@pytest.mark.parametrize(
    ("raw", "wanted", "kind", "count"),
    [
        ("a\r\nb\rc\u2028d\x0ce", "a\nb\nc\nd\ne", "line_ends", 4),
        ("a\x00b\x07c\td", "abc\td", "control_characters", 2),
        ("\ufeffa\u200bb\u00adc\u202ad", "abcd", "invisible_marks", 4),
        ("a\u200db", "ab", "stray_joiners", 1),
        ("x\u0323\u200db", "x\u0323b", "stray_joiners", 1),
        ("Rs\u00a05\u202f000", "Rs 5 000", "rare_spaces", 2),
        ("cafe\u0301 क\u093c", "café क\u093c", "unicode_form", 1),
        ("a  \nb\t\n\nc \n\n", "a\nb\n\nc", "trailing_spaces", 3),
    ],
)
def test_each_kind_is_done_and_counted(raw, wanted, kind, count):
    result = cleaned(raw)
    assert result.records[0].text == wanted
    assert {name: n for name, n in result.counts.items() if n} == {"records": 1, "changed_texts": 1, kind: count}
    assert f"1 of 1 texts cleaned ({count} {kind.replace('_', ' ')})" == result.note()


@pytest.mark.parametrize(
    "text",
    [
        "क्‍ष",
        "श्\u200dरी",
        "ক্\u200cষ",
        "می\u200cخواهم",
        "👩\u200d👩\u200d👧",
        "ꦏ꧀\u200cꦱ",
        "\U0001108d\U000110b9\u200d\U0001109e",
        "बिल संख्या: १८\nराशि: ₹५००",
        "  indented\n\n  text",
    ],
)
def test_what_is_shown_stays_and_the_record_is_the_same_object(text):
    record = Record(id="r", text=text, target={"a": text})
    result = clean([record])
    assert result.records[0] is record
    assert result.counts["changed_texts"] == 0


def test_target_follows_its_text_and_keys_stay():
    result = cleaned(
        "Name: Rene\u0301\u200b Kumar", {"na\u0301me": "Rene\u0301\u200b Kumar", "n": 5, "list": ["x", None]}
    )
    record = result.records[0]
    assert record.target == {"na\u0301me": "René Kumar", "n": 5, "list": ["x", None]}
    assert record.target["na\u0301me"] in record.text
    assert result.counts["changed_targets"] == 1


def test_earlier_turns_of_a_conversation_are_cleaned_alike():
    before = [{"role": "system", "content": "Be\u00a0brief."}, {"role": "user", "content": "a\r\nb"}]
    [record] = clean([Record("1", "text", "reply", provenance={"line": 3, "before": before})]).records
    assert [turn["content"] for turn in record.provenance["before"]] == ["Be brief.", "a\nb"]
    assert record.provenance["line"] == 3
    same = Record("1", "text", "reply", provenance={"before": [{"role": "user", "content": "a"}]})
    assert clean([same]).records[0] is same


def test_blank_after_cleaning_is_set_aside_with_its_line():
    records = [
        Record(id="a", text="\u200b\ufeff \r\n", provenance={"file": "f.jsonl", "line": 7}),
        Record(id="b", text="b"),
    ]
    result = clean(records)
    assert [r.id for r in result.records] == ["b"]
    assert result.counts["rejected"] == 1
    (rejected,) = result.rejected
    assert (rejected.file, rejected.line) == ("f.jsonl", 7)
    assert "no text after cleaning" in rejected.reason


def test_spans_move_with_their_values():
    text = "\ufeffTo:\r\nRene\u0301  \r\nTotal\u00a0₹5,000.00\r\n"
    target = {"name": "Rene\u0301", "total": "5000.00"}
    start, total = text.index("Rene"), text.index("₹")
    spans = [Span("name", start, start + 5), Span("total", total, total + 9)]
    result = cleaned(text, target, spans)
    record = result.records[0]
    assert [record.text[s.start : s.end] for s in record.spans] == ["René", "₹5,000.00"]
    assert (result.counts["spans"], result.counts["spans_moved"], result.counts["spans_dropped"]) == (2, 0, 0)


def test_wrong_spans_are_found_anew_or_dropped_and_counted():
    target = {"name": "Kumar", "city": "Pune", "total": 40}
    spans = [Span("name", 0, 3), Span("city", 0, 3), Span("total", 90, 95), Span("gone", 0, 1)]
    result = cleaned("To: Kumar, Rs 40", target, spans)
    assert result.records[0].spans == (Span("name", 4, 9), Span("total", 14, 16))
    counts = result.counts
    assert (counts["spans"], counts["spans_moved"], counts["spans_dropped"]) == (4, 2, 2)


noisy = st.text(
    st.sampled_from("ab 1\n\r\t\x00\u00a0\u200b\u200c\u200d\ufeffक्षािेنی\u0301e\u1100\u1161\u11a8\uac00🙂\u2028\u1112"),
    max_size=25,
)


@settings(max_examples=150, deadline=None)
@given(noisy | st.text(max_size=20))
@example("e\u200b\u0301")
@example("e\u0301\u200c")
@example("e\u200c\u0301\u200c")
def test_cleaning_twice_changes_nothing_more(text):
    once = clean_text(text)
    assert clean_text(once) == once
    assert unicodedata.is_normalized("NFC", once)


@settings(max_examples=150, deadline=None)
@given(noisy, st.from_regex(r"[a-z]{2,5}( [a-z]{2,5})?", fullmatch=True), noisy)
def test_a_span_covers_its_value_after_any_cleaning(before, value, after):
    # Neighbours that would join the value (marks) are kept off by brackets.
    text = f"{before}[{value}]{after}"
    start = len(before) + 1
    result = cleaned(text, {"v": value}, [Span("v", start, start + len(value))])
    record = result.records[0]
    (span,) = record.spans
    assert record.text[span.start : span.end] == value
    assert record.text[span.start - 1] == "["
    assert result.counts["spans_moved"] == 0


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab \r\n\u00a0\u200b\ufeffe\u0301राम\u0928\u093c", max_size=24), st.data())
def test_the_way_back_leads_to_what_stood_there(text: str, data: st.DataObject) -> None:
    new, back = with_way_back(text)
    assert new == clean_text(text)
    if not new:
        return
    start = data.draw(st.integers(0, len(new) - 1))
    end = data.draw(st.integers(start + 1, len(new)))
    first, last = back(start, end)
    assert 0 <= first < last <= len(text)
    assert new[start:end].strip() in clean_text(text[first:last])


def test_the_way_back_over_line_ends_and_marks() -> None:
    text = "No:\u200b INV-7\r\nन\u093cाम:\u00a0राम \r\n"
    new, back = with_way_back(text)
    for value in ("INV-7", "राम"):
        at = new.index(value)
        start, end = back(at, at + len(value))
        assert text[start:end] == value
