"""The named generators' JSON Schemas: one for each doc_type."""

from __future__ import annotations

from typing import Any


def _text(description: str) -> dict[str, Any]:
    return {"type": ["string", "null"], "description": description, "x-verbatim": True}


def _sum(description: str) -> dict[str, Any]:
    return {"type": ["string", "null"], "description": description, "x-verbatim": "amount"}


def _schema(title: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_TOTAL = _sum("final payable or received sum: ASCII digits, no symbol or grouping, decimals as printed")
_DATE = _text("the document's own date, as printed")
_INVOICE = {"invoice_number": _text("as printed"), "customer_name": _text("who is billed, without honorific")}
_RECEIPT = {"receipt_number": _text("as printed"), "vendor_name": _text("who issued the receipt")}
_FORM = {
    "applicant_name": _text("whom the form is about, without honorific"),
    "date": _DATE,
    "id_number": _text("identifies the person, else the case; as printed"),
    "phone": _text("the applicant's own, as printed"),
}
_MORE = {
    "tax": _sum("tax as one printed sum, in the form of total_amount"),
    "payment_method": _text("as printed"),
    "address": _text("of the customer, the vendor or the applicant, as printed"),
}
_ITEMS = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "name": _text("as printed"),
            "quantity": _text("as printed, without unit"),
            "price": _sum("the line's sum, in the form of total_amount"),
        },
        "required": ["name", "quantity", "price"],
        "additionalProperties": False,
    },
}

SCHEMAS: dict[str, dict[str, dict[str, Any]]] = {
    "invoices": {
        "invoice": _schema("invoice", {**_INVOICE, "date": _DATE, "total_amount": _TOTAL}),
        "receipt": _schema("receipt", {**_RECEIPT, "date": _DATE, "total_amount": _TOTAL}),
        "form": _schema("form", _FORM),
    },
    "invoices-detailed": {
        "invoice": _schema(
            "invoice",
            {
                **_INVOICE,
                "date": _DATE,
                "due_date": _text("last day to pay, as printed"),
                "total_amount": _TOTAL,
                **_MORE,
                "items": _ITEMS,
            },
        ),
        "receipt": _schema("receipt", {**_RECEIPT, "date": _DATE, "total_amount": _TOTAL, **_MORE, "items": _ITEMS}),
        "form": _schema("form", {**_FORM, "address": _MORE["address"], "date_of_birth": _text("as printed")}),
    },
}
"""generator → doc_type → JSON Schema. All values are strings or null; every key is required."""

AMOUNTS = frozenset(("total_amount", "tax", "price"))
"""Keys whose value is normalised; all others are verbatim."""
