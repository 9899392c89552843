"""Digits of any script and amounts of money as they are printed."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

import regex

_SPACE = r"[\u00a0\u202f\u2009]"  # no-break and thin spaces group digits; an ordinary one may just part two numbers
_GROUPED = (
    r"\d{1,3}(?:,\d{3})+"  # 1,250,000
    r"|\d{1,2}(?:,\d{2})+,\d{3}"  # 12,50,000
    rf"|\d{{1,3}}(?:{_SPACE}\d{{3}})+|\d{{1,2}}(?:{_SPACE}\d{{2}})+{_SPACE}\d{{3}}"
)
_NUMBER = regex.compile(
    rf"(?P<whole>{_GROUPED}|\d+)(?:\.(?P<fraction>\d+))?"
    r"|(?P<dotted>\d{1,3}(?:\.\d{3})+),(?P<comma_fraction>\d{1,2})|(?P<dots>\d{1,3}(?:\.\d{3}){2,})"
)
# Everything that digits, or marks between digits, join into one printed thing: a date, a time, an id, a number.
_CHAIN = regex.compile(r"\d+(?:[.,:/\-–\u00a0\u202f\u2009]\d+)*")
_CURRENCY = r"(?:₹|\$|€|£|¥|Rs\b\.?|Rs(?=\d)|INR|USD|EUR|GBP|MYR|RM|Re\b\.?|रुपये|रुपए|रुपया|रू\.?|रु\.?)"
# What may stand before the digits. ":-" is a separator in Indian print, so only elsewhere does a dash mean minus.
_LEAD = regex.compile(
    rf"(?:^|:[-–]|[\s(\[{{|=:;,\"'“‘>*–—]|\.\.|(?<![\p{{L}}\p{{M}}\p{{N}}]){_CURRENCY}(?:[ \t]?:[-–]?)?[ \t]{{0,3}})"
    r"(?P<sign>[-−]?)$",
    regex.I,
)
# What may stand after them: a money mark, a currency, or nothing that makes them part of a longer word or number.
_TAIL = regex.compile(
    rf"[ \t]?(?:/-|/=|-/)|[ \t]?{_CURRENCY}(?![\p{{L}}\p{{M}}])|(?![\p{{L}}\p{{M}}\p{{N}}_/\\@#])(?!-[\p{{L}}\p{{N}}])",
    regex.I,
)
# "5 lakh" is not an amount in digits, and "18 %" is none at all.
_SCALE = regex.compile(
    r"[ \t]*(?:%|(?:lakhs?|lacs?|crores?|cr|thousand|million|billion|mn|bn|k|लाख|सौ|अरब|प्रतिशत"
    r"|करो(?:\u0921\u093c|\u095c)|ह(?:\u091c\u093c?|\u095b)ार)(?![\p{L}\p{M}]))",
    regex.I,
)


class Amount(NamedTuple):
    """An amount in a text: `text[start:end]` are its printed digits, `value` its plain form."""

    start: int
    end: int
    value: str


def ascii_digits(text: str) -> str:
    """`text` with every decimal digit of any script as 0-9; nothing else changes, lengths included."""
    return "".join(str(unicodedata.decimal(c)) if not c.isascii() and c.isdecimal() else c for c in text)


def amounts(text: str) -> Iterator[Amount]:
    """Every number in `text` that can only be read one way, in order.

    Dates, times, percentages, ids ("INV-12", "A500"), scaled numbers ("5 lakh") and numbers whose marks can be
    read two ways ("12,50", "5.000") are passed over.
    """
    plain = ascii_digits(text)
    for chain in _CHAIN.finditer(plain):
        amount = _amount_at(plain, chain.start(), chain.end())
        if amount is not None:
            yield amount


def amount(text: str) -> str | None:
    """The one amount in `text`: ASCII digits, no symbol, no grouping, decimals as printed; None where there is none.

    `₹12,50,000.50` → `1250000.50`, `Rs 5,000/-` → `5000`, `५,०००` → `5000`. Two amounts, a date, or marks that
    can be read two ways (`12,50`, `5.000`) are refused with None: an amount is never guessed.
    """
    plain = ascii_digits(text)
    chains = list(_CHAIN.finditer(plain))
    if len(chains) != 1:
        return None
    found = _amount_at(plain, chains[0].start(), chains[0].end())
    return None if found is None else found.value


def _amount_at(plain: str, start: int, end: int) -> Amount | None:
    """The amount that the chain of digits and marks `plain[start:end]` is, or None."""
    match = _NUMBER.fullmatch(plain, start, end)
    if match is None:
        return None
    lead = _LEAD.search(plain[max(0, start - 24) : start])
    if lead is None or _SCALE.match(plain, end) or not _TAIL.match(plain, end):
        return None
    return _plain_value(match, start, end, "-" if lead["sign"] else "")


def _plain_value(match: regex.Match[str], start: int, end: int, sign: str) -> Amount | None:
    if match["dotted"]:
        value = match["dotted"].replace(".", "") + "." + match["comma_fraction"]
    elif match["dots"]:
        value = match["dots"].replace(".", "")
    else:
        whole, fraction = match["whole"], match["fraction"]
        if fraction and len(fraction) == 3 and len(whole) <= 3 and whole != "0":
            return None  # 5.000: five, or five thousand
        value = regex.sub(r"\D", "", whole) + (f".{fraction}" if fraction else "")
    return Amount(start, end, sign + value)
