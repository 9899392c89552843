"""Numbers with what they count: `5 kg`, `₹12,50,000.50`, `पाँच सौ रुपये`, `2.5 million`, `18 %`.

Units of one kind are brought to one unit, `5 kg` and `5000 g` to grams. Currencies are told apart and never converted.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

from tunewright.core.records import JSON
from tunewright.text.numbers import amount, ascii_digits
from tunewright.text.numerals import number_in, size_of
from tunewright.text.unicode import nfc

_UNITS = {
    "gram": {
        "0.001": "mg milligram milligrams", "1": "g gm gms gram grams gramme grammes ग्राम",
        "1000": "kg kgs kilo kilos kilogram kilograms kilogramme किलो किलोग्राम किग्रा", "1000000": "tonne tonnes टन",
        "100000": "quintal quintals क्विंटल", "453.59237": "lb lbs", "28.349523125": "oz ounce ounces",
    },
    "metre": {
        "0.001": "mm millimetre millimetres millimeter millimeters",
        "0.01": "cm cms centimetre centimetres centimeter centimeters सेमी",
        "1": "m metre metres meter meters मीटर",
        "1000": "km kms kilometre kilometres kilometer kilometers किमी किलोमीटर",
        "1609.344": "mi mile miles मील", "0.9144": "yard yards",
        "0.3048": "ft foot feet फुट", "0.0254": "inch inches इंच",
    },
    "litre": {
        "0.001": "ml millilitre millilitres milliliter milliliters", "1": "l ltr litre litres liter liters लीटर",
    },
    "second": {
        "0.001": "ms millisecond milliseconds", "1": "s sec secs second seconds सेकंड",
        "60": "min mins minute minutes मिनट", "3600": "h hr hrs hour hours घंटा घंटे", "86400": "day days दिन",
        "604800": "week weeks सप्ताह हफ्ता हफ्ते",
    },
    "byte": {"1": "byte bytes", "1000": "kb", "1000000": "mb", "1000000000": "gb", "1000000000000": "tb"},
    "%": {"1": "% percent percentage प्रतिशत"},
    "°C": {"1": "°c celsius"},
    "°F": {"1": "°f fahrenheit"},
    "INR": {"1": "₹ rs rs. re re. inr rupee rupees रुपये रुपए रुपया रु रु. रू", "0.01": "paise paisa पैसे"},
    "USD": {"1": "$ usd us$ dollar dollars डॉलर", "0.01": "cent cents"},
    "EUR": {"1": "€ eur euro euros यूरो"},
    "GBP": {"1": "£ gbp"},
    "JPY": {"1": "¥ jpy yen"},
    "MYR": {"1": "rm myr ringgit"},
}  # fmt: skip
"""Unit → factor → how it is written. Minor money is counted in its major."""

_NAMED = {
    nfc(name): (unit, Decimal(factor))
    for unit, factors in _UNITS.items()
    for factor, names in factors.items()
    for name in names.split()
}

MONEY = frozenset(name for name, (unit, _) in _NAMED.items() if unit.isalpha() and unit.isupper())
"""Names and signs of currencies, in small letters."""

_BEFORE = re.compile(
    r"(?P<sign>[-−])?[ ]?(?P<unit>"
    + "|".join(map(re.escape, sorted(MONEY, key=len, reverse=True)))
    + r")[ ]?(?=[-−]?\d)"
)
_SHORT = {"k": 10**3, "mn": 10**6, "bn": 10**9}
_SHORT_OF_MONEY = {"m": 10**6, "mm": 10**6, "b": 10**9}
_DIGITS = re.compile(r"(?P<number>[-−+]?[\d.,\u00a0\u202f\u2009]*\d)(?:[ ]?/[-=])?[ ]?(?P<rest>[^\d]*)")


class Quantity(NamedTuple):
    """value: in the unit; unit: `gram`, `INR`, …, or None for a bare number."""

    value: Decimal
    unit: str | None


def unit_of(word: str) -> tuple[str, Decimal] | None:
    """(unit, factor) that a word or sign stands for: `kg` → (gram, 1000); None where it stands for none."""
    return _NAMED.get(nfc(word).casefold())


def scale_of(word: str, *, money: bool) -> int | None:
    """How much a word or short form behind a number multiplies by: `lakh` → 100,000, `bn` → 10⁹; None where it is none.

    money: of a currency, where `m` is a million; of anything else it is a metre.
    """
    short = _SHORT | _SHORT_OF_MONEY if money else _SHORT
    return size_of(word) or short.get(word.casefold())


def quantity(value: JSON) -> Quantity | None:
    """The number that a JSON value is or says, with its unit; None where it says none, more than one, or other words.

    What can be read two ways (`5.000`) and what looks like a code (`007`) is no number.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return Quantity(Decimal(str(value)), None)
    if not isinstance(value, str) or not value or len(value) > 120:
        return None
    plain = re.sub(r"\s+", " ", ascii_digits(nfc(value)).casefold()).strip(" .")
    return _in_digits(plain) or _in_words(plain)


def _in_digits(plain: str) -> Quantity | None:
    unit, minus = None, False
    if before := _BEFORE.match(plain):
        unit, minus, plain = before["unit"], bool(before["sign"]), plain[before.end() :]
    match = _DIGITS.fullmatch(plain)
    if not match:
        return None
    number = match["number"].lstrip("+")
    bare = amount(number)
    if bare is None or re.match(r"[-−]?0\d", number):
        return None
    value = -Decimal(bare) if minus else Decimal(bare)
    return _counted(value, match["rest"].split(), unit)


def _in_words(plain: str) -> Quantity | None:
    """A number in words, behind it a unit or nothing."""
    words = plain.split()
    for end in (len(words), len(words) - 1):
        number = number_in(" ".join(words[:end])) if end > 0 else None
        if number is not None:
            return _counted(Decimal(number), words[end:], None)
    return None


def _counted(value: Decimal, words: list[str], unit: str | None) -> Quantity | None:
    """The value with the words behind it: how much it is multiplied by, then its unit."""
    money = unit is not None or not MONEY.isdisjoint(words[1:])
    if words and (size := scale_of(words[0], money=money)) is not None:
        value, words = value * size, words[1:]
    if len(words) == 1 and unit is None:
        unit, words = words[0], []
    if words:
        return None
    if unit is None:
        return Quantity(value, None)
    if unit not in _NAMED:
        return None
    name, factor = _NAMED[unit]
    return Quantity(value * factor, name)
