from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.text.numbers import amount, amounts, ascii_digits


@pytest.mark.parametrize(
    ("printed", "plain"),
    [
        ("₹12,50,000.50", "1250000.50"),
        ("Rs 5,000/-", "5000"),
        ("Rs.5,000/-", "5000"),
        ("RS. 5000", "5000"),
        ("५,०००", "5000"),
        ("रु. ५०००.०० /-", "5000.00"),
        ("रु५००", "500"),
        ("INR 1,234.5", "1234.5"),
        ("$1,000,000", "1000000"),
        ("5000 रुपये", "5000"),
        ("कुल राशि: ₹१२,५०,०००", "1250000"),
        ("RM9.00", "9.00"),
        ("Amount:-500", "500"),
        ("Total......500", "500"),
        ("-250", "-250"),
        ("Disc ₹-250", "-250"),
        ("1.234,56", "1234.56"),
        ("1\u00a0250\u00a0000", "1250000"),
        ("0.125", "0.125"),
        ("5000.", "5000"),
    ],
)
def test_printed_amounts(printed: str, plain: str):
    assert amount(printed) == plain


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no number",
        "12,50",  # a comma for the point, or a group that is short
        "5.000",
        "1,00,00",
        "29/09/2025",
        "10:30",
        "INV-500",
        "A500",
        "500kg",
        "5 lakh",
        "५ लाख",
        "2.5 करोड़",
        "18%",
        "Rs. 5,000 and 6,000",
        "1/2",
        "²",
    ],
)
def test_what_is_no_amount_or_two_is_refused(text: str):
    assert amount(text) is None


def test_amounts_in_a_text_with_their_places():
    text = "दिनांक 12/09/2025 राशि ₹५,००० GST 18% कुल 5,900.00"
    found = list(amounts(text))
    assert [a.value for a in found] == ["5000", "5900.00"]
    assert [text[a.start : a.end] for a in found] == ["५,०००", "5,900.00"]


def test_digits_of_any_script():
    assert ascii_digits("१२ ३a ٤ 5 ²") == "12 3a 4 5 ²"


@given(st.text(max_size=40))
@settings(max_examples=100, deadline=None)
def test_never_raises_and_keeps_lengths(text: str):
    amount(text)
    assert len(ascii_digits(text)) == len(text)
    for found in amounts(text):
        assert 0 <= found.start < found.end <= len(text)


def _indian(whole: int) -> str:
    digits = str(whole)
    head, tail = digits[:-3], digits[-3:]
    groups = []
    while head:
        groups.insert(0, head[-2:])
        head = head[:-2]
    return ",".join([*groups, tail])


@given(
    st.integers(0, 10**9), st.integers(0, 99), st.booleans(), st.sampled_from(["₹{}", "Rs. {}/-", "{} रुपये", "INR {}"])
)
@settings(max_examples=80, deadline=None)
def test_round_trip(whole: int, cents: int, devanagari: bool, frame: str):
    printed = frame.format(f"{_indian(whole)}.{cents:02}")
    if devanagari:
        printed = printed.translate({ord("0") + d: 0x966 + d for d in range(10)})
    assert amount(printed) == f"{whole}.{cents:02}"


def test_gold_totals_are_already_plain(shared_data: Path):
    lines = (shared_data / "handwritten_documents" / "data.jsonl").read_text("utf-8").splitlines()
    totals = [t for line in lines if (t := json.loads(line)["json"].get("total_amount"))]
    assert len(totals) > 30
    assert [amount(total) for total in totals] == totals
