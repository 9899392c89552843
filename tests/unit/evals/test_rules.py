from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.core.records import Example, Record
from tunewright.evals.rules import Rules, extract, notion_of
from tunewright.evals.score import score


def _schema(*keys: str) -> dict:
    return {"type": "object", "properties": {key: {"type": ["string", "null"]} for key in keys}}


INVOICE = _schema("invoice_number", "customer_name", "date", "total_amount")
RECEIPT = _schema("receipt_number", "vendor_name", "date", "total_amount")
FORM = _schema("applicant_name", "date", "id_number", "phone")


def test_english_invoice():
    text = (
        "ACME TOOLS PVT LTD\nTAX INVOICE\nInvoice No: AT/2025/118\nDue Date: 30/10/2025\nDate: 01-10-2025\n"
        "Bill To: Mr. Nikhil Verma\nDrill 1 4,500.00\nSub Total 4,500.00\nGST 18% 810.00\nGrand Total ₹5,310.00"
    )
    assert extract(text, INVOICE) == {
        "invoice_number": "AT/2025/118",
        "customer_name": "Nikhil Verma",
        "date": "01-10-2025",
        "total_amount": "5310.00",
    }


def test_hindi_invoice_in_one_line():
    text = "बिल संख्या: INV-2025-001, ग्राहक: श्री राम कुमार, तारीख: २९/०९/२०२५, कुल राशि: ₹५,०००"
    assert extract(text, INVOICE) == {
        "invoice_number": "INV-2025-001",
        "customer_name": "राम कुमार",
        "date": "२९/०९/२०२५",
        "total_amount": "5000",
    }


def test_receipt_is_headed_by_its_vendor():
    text = "CASH RECEIPT\nLakshmi Stores (Pune)\nReceipt #4471\n3 March 2025\nRice 120\nTotal Rs. 320/-\nPaid by: UPI"
    assert extract(text, RECEIPT) == {
        "receipt_number": "4471",
        "vendor_name": "Lakshmi Stores",
        "date": "3 March 2025",
        "total_amount": "320",
    }


def test_hindi_form_with_other_people_and_dates():
    text = (
        "आवेदन पत्र\nपिता का नाम: मोहन लाल\nआवेदक का नाम: श्रीमती सीता देवी\nजन्म तिथि: 01/01/1990\n"
        "दिनांक: 5 मार्च 2025\nआधार नं: 1234 5678 9012\nमोबाइल: +91 98765 43210"
    )
    assert extract(text, FORM) == {
        "applicant_name": "सीता देवी",
        "date": "5 मार्च 2025",
        "id_number": "1234 5678 9012",
        "phone": "+91 98765 43210",
    }


def test_letter():
    text = "To\nThe Manager\n\nSir,\nClose my account.\n\nYours faithfully,\nAnita Desai\n12/05/2025\nMob: 9812345678"
    assert extract(text, FORM) == {
        "applicant_name": "Anita Desai",
        "date": "12/05/2025",
        "id_number": None,
        "phone": "9812345678",
    }


def test_what_is_absent_is_null():
    assert extract("hello there", FORM) == dict.fromkeys(FORM["properties"])
    assert extract("", RECEIPT) == dict.fromkeys(RECEIPT["properties"])


def test_any_schema():
    schema = {
        "type": "object",
        "properties": {
            "warranty_period": {"type": "string"},
            "net_weight": {"type": "number"},
            "payment_method": {"enum": ["Cash", "UPI", None]},
            "customer": {"type": "object", "properties": {"name": {"type": "string"}, "phone": {"type": "string"}}},
            "items": {
                "type": "array",
                "items": {"type": "object", "properties": {"name": {"type": "string"}, "price": {"type": "number"}}},
            },
            "tags": {"type": "array", "items": {"type": "string"}},
        },
    }
    text = (
        "Customer: Asha Rao\nTea 120.00\nRice 80.50\nTotal 200.50\n"
        "Warranty period: 2 years\nNet weight 12.5\nPaid by upi, ph 9812345678"
    )
    assert extract(text, schema) == {
        "warranty_period": "2 years",
        "net_weight": 12.5,
        "payment_method": "UPI",
        "customer": {"name": "Asha Rao", "phone": "9812345678"},
        "items": [{"name": "Tea", "price": 120.0}, {"name": "Rice", "price": 80.5}],
        "tags": [],
    }


def test_a_schema_of_references_is_read_like_one_written_out():
    """As pydantic writes them: `$defs`, `$ref`, choices with null."""
    item = {"type": "object", "properties": {"name": {"type": "string"}, "price": {"type": "number"}}}
    person = {"type": "object", "properties": {"name": {"type": "string"}, "phone": {"type": "string"}}}
    plain = {"type": "object", "properties": {"customer": person, "items": {"type": "array", "items": item}}}
    referring = {
        "type": "object",
        "properties": {
            "customer": {"$ref": "#/$defs/Person"},
            "items": {"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/Item"}}, {"type": "null"}]},
        },
        "$defs": {"Person": person, "Item": item},
    }
    text = "Customer: Asha Rao\nTea 120.00\nRice 80.50\nTotal 200.50\nph 9812345678"
    found = extract(text, referring)
    assert found == extract(text, plain)
    assert found["items"] == [{"name": "Tea", "price": 120.0}, {"name": "Rice", "price": 80.5}]
    odd = {
        "properties": {
            "name": True,
            "child": {"$ref": "#"},
            "items": {"type": "array", "items": {"properties": {"x": True}}},
        }
    }
    assert set(extract(text, odd)) == {"name", "child", "items"}


@pytest.mark.parametrize(
    ("key", "notion"),
    [
        ("invoice_number", "invoice_number"),
        ("invoiceNumber", "invoice_number"),
        ("invoice_date", "date"),
        ("dueDate", "due_date"),
        ("company", "vendor"),
        ("total", "total"),
        ("total_tax", "tax"),
        ("customer_phone", "phone"),
        ("id_number", "id_number"),
        ("colour", None),
    ],
)
def test_what_a_key_asks_for(key: str, notion: str | None):
    assert notion_of(key) == notion


def test_as_a_system():
    record = Record("1", "Invoice No: A-1\nTotal: Rs 5,000/-", {"invoice_number": "A-1", "total_amount": "5000"})
    example = Example(record, (), "", _schema("invoice_number", "total_amount"))
    (prediction,) = Rules().predict([example])
    assert prediction.value == record.target
    assert json.loads(prediction.text) == prediction.value
    assert {s.path: record.text[s.start : s.end] for s in prediction.spans} == {
        "invoice_number": "A-1",
        "total_amount": "5,000",
    }
    assert prediction.seconds > 0
    (blind,) = Rules().predict([Example(record, ())])
    assert blind.failure is not None
    assert blind.value is None


@given(
    st.text(max_size=200)
    | st.lists(
        st.sampled_from(["Total", "नाम", "Date:", "₹5", "1/2/2025", "Mr.", "\n", ",", "INV-1", "cash", "memo"])
    ).map(" ".join)
)
@settings(max_examples=80, deadline=None)
def test_any_text_is_answered_in_the_schema(text: str):
    for schema in (INVOICE, RECEIPT, FORM):
        value = extract(text, schema)
        assert value.keys() == schema["properties"].keys()
        assert all(leaf is None or (isinstance(leaf, str) and leaf) for leaf in value.values())


@pytest.mark.parametrize("piece", ["cash memo ", "total ", "नाम ", "12 ", "1-1-", "Total 500\n", "Mr. "])
def test_long_texts_take_no_long_time(piece: str):
    start = time.process_time()
    extract(piece * 1000, _schema(*INVOICE["properties"], *RECEIPT["properties"], *FORM["properties"], "address"))
    assert time.process_time() - start < 20  # far above what it takes; a pattern that explodes never ends


def test_it_is_no_straw_man(shared_data: Path):
    examples = []
    for line in (shared_data / "handwritten_documents" / "data.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        record = Record(row["id"], row["text"], row["json"], row["language"], row["doc_type"])
        examples.append(Example(record, (), "", _schema(*row["json"])))
    found = score(examples, list(Rules().predict(examples)), level=0.95, resamples=200, seed=0)
    assert found["n"] == 60
    assert found["metrics"]["field_accuracy"]["value"] > 0.6
