"""Every number that an answer names, with its scale and unit; `text.quantities` reads a text that is one quantity.

`1,496.5`, `1496.5` and `१,४९६.५` are one number, `$1.2 million` and `1,200,000` another, `(5.2)` of a report is -5.2;
`5 %` is not `5`, and `$3m` is 3 million where `3m` is 3 metres. Units of measure and currencies must not be at odds,
and may be left out: a report names them once.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

import regex

from tunewright.text.numbers import ascii_digits
from tunewright.text.quantities import MONEY, scale_of, unit_of
from tunewright.text.unicode import nfc

PERCENT = "%"

_NUMBER = regex.compile(
    r"(?<![\p{L}\p{M}\p{N}.,])(?P<open>\(\s*)?(?P<before>[-−–])?\s?(?P<money>\p{L}{1,2}\$|\L<money>)?\s?(?P<after>[-−])?"
    r"(?P<digits>\d{1,3}(?:,\d{2,3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    r"(?:\s*(?P<close>\)))?"
    r"(?:\s?(?P<word>%|[\p{L}\p{M}µ]+)(?:(?=\s?(?P<currency>\L<money>)(?![\p{L}\p{M}\-])))?)?",
    money=MONEY,
)


class Mention(NamedTuple):
    """value: the number times its scale. unit: what it is brought to by `factor`, or None where none is written."""

    value: Decimal
    unit: str | None = None
    factor: Decimal = Decimal(1)


def mentions(text: str) -> list[Mention]:
    """Every number in a text, in order."""
    found = []
    for match in _NUMBER.finditer(ascii_digits(nfc(text)).casefold()):
        value = Decimal(match["digits"].replace(",", ""))
        if match["before"] or match["after"] or (match["open"] and match["close"]):
            value = -value
        word = match["word"] or ""
        money = match["money"] or match["currency"] or ""
        size = scale_of(word, money=money != "")
        unit = unit_of(word) or unit_of(match["money"] or "") if size is None else unit_of(money)
        found.append(Mention(value * (size or 1), *(unit or ())))
    return found


def same(wanted: Sequence[Mention], given: Sequence[Mention]) -> bool:
    """Whether two answers name the same numbers, in any order, whose units are not at odds."""
    left = list(given)
    for one in sorted(wanted, key=lambda each: each.unit is None):
        match = next((other for other in left if _agree(one, other)), None)
        if match is None:
            return False
        left.remove(match)
    return not left


def _agree(one: Mention, other: Mention) -> bool:
    if one.unit is not None and other.unit is not None:
        return one.unit == other.unit and one.value * one.factor == other.value * other.factor
    return PERCENT not in (one.unit, other.unit) and one.value == other.value
