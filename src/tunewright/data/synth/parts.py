"""The parts of a document before it is laid out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from tunewright.data.synth.draw import Draw
from tunewright.data.synth.scenes import Scene

ROLES = {
    "invoice": {"number": "invoice_number", "party": "customer_name", "date": "date", "total": "total_amount"},
    "receipt": {"number": "receipt_number", "vendor": "vendor_name", "date": "date", "total": "total_amount"},
    "form": {"name": "applicant_name", "date": "date", "id": "id_number", "phone": "phone"},
}
"""doc_type → role of a gold value in the generator → its key in the schema."""


class Pair(NamedTuple):
    """A label with its value. role: the gold value it holds, or None. The value of a missing one may be blank."""

    role: str | None
    label: str
    value: str


@dataclass(slots=True)
class Row:
    """One line of goods. name, qty, rate, amount are printed (and marked) strings; paise is the line's sum."""

    name: str
    qty: str
    unit: str
    rate: str
    amount: str
    paise: int


@dataclass(slots=True)
class Case:
    """All parts of one document.

    given: role → marked value, for gold roles that the document gives. blank: gold roles shown with nothing after them.
    pairs: facts and gold pairs but for the total, in a natural order. ladder: sums from subtotal to total.
    """

    draw: Draw
    scene: Scene
    given: dict[str, str] = field(default_factory=dict)
    blank: list[str] = field(default_factory=list)
    head: list[str] = field(default_factory=list)
    title: str = ""
    pairs: list[Pair] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    ladder: list[Pair] = field(default_factory=list)
    tail: list[str] = field(default_factory=list)

    @property
    def gold(self) -> set[str]:
        """Gold roles that have a value."""
        return {role for role in ROLES[self.draw.doc_type] if role in self.given}
