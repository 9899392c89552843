"""Whether two JSON values mean the same, however they are written.

- `5 Jan 2023`, `2023-01-05` and `५ जनवरी २०२३` are one day, `6:30 pm` and `18:30` one time of day. What can be read two
  ways (`05/01/2023` beside `2023-01-05`) is ambiguous: reported, and not taken for the same.
- 5, `5`, `five` and `पाँच` are one number, `5 kg` and `5000 g` one quantity, `₹5,000` and `INR 5000` one sum. A number
  without a unit is not the same as one with it.
- Other texts mean the same where they are the same but for case, spacing and marks at their ends, or so alike that at
  most one in ten characters (`ALIKE`) is another one. Texts with other digits, words for numbers, signs of reckoning or
  negations are never alike, and neither are codes: addresses, paths, anything with `@`, `/` or `_`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import regex
from rapidfuzz.distance import Levenshtein

from tunewright.core.records import JSON
from tunewright.text import dates
from tunewright.text.numbers import ascii_digits
from tunewright.text.numerals import number_in
from tunewright.text.outcomes import equal
from tunewright.text.quantities import quantity
from tunewright.text.unicode import graphemes, nfc, words

ALIKE = 0.9
"""Likeness (1 - Levenshtein's distance in graphemes / length) from which two texts are taken for the same."""

How = Literal["equal", "truth", "date", "time", "number", "text", "ambiguous", "different"]

_TRUTHS = {"true": True, "yes": True, "हाँ": True, "हां": True, "false": False, "no": False, "नहीं": False}
_EXACT = regex.compile(r"[\d+*/=<>^%]|-(?=\s?\d)|(?<=\s)-(?=\s)")
_CODE = regex.compile(r"[@/_\\]|^\S*\d\S*$")
_NEGATIONS = frozenset(("no", "not", "non", "without", "never", "नहीं", "बिना", "न"))
_ENDS = " \t\n.,;:!?।'\"“”‘’()[]"


class Judged(NamedTuple):
    """likeness: 1 where the two mean the same, else how alike two texts are, 0 for anything else. how: by what."""

    likeness: float
    how: How

    @property
    def same(self) -> bool:
        return self.how not in ("different", "ambiguous")


def judge(gold: JSON, reply: JSON, *, closed: bool = False) -> Judged:
    """Compares two scalars. closed: the answer is one of few given ones, where an almost equal name is another one."""
    if equal(gold, reply):
        return Judged(1.0, "equal")
    if isinstance(gold, bool) or isinstance(reply, bool):
        truths = [value if isinstance(value, bool) else _TRUTHS.get(_plain(value)) for value in (gold, reply)]
        return _told(truths[0] is not None and truths[0] == truths[1], "truth")
    if isinstance(gold, str) and isinstance(reply, str):
        for readable, same, how in _DATED:
            if readable(gold) and readable(reply):
                return _told(same(gold, reply), how)
    one, other = quantity(gold), quantity(reply)
    if one is not None and other is not None:
        return _told(one == other, "number")
    if not isinstance(gold, str) or not isinstance(reply, str):
        return Judged(0.0, "different")
    return _texts(gold, reply, closed)


_DATED: tuple[tuple[Callable[[str], object], Callable[[str, str], bool | None], How], ...] = (
    (dates.readings, dates.same_day, "date"),
    (dates.minutes, dates.same_time, "time"),
)


def _told(same: bool | None, how: How) -> Judged:
    if same is None:
        return Judged(0.0, "ambiguous")
    return Judged(1.0, how) if same else Judged(0.0, "different")


def _texts(gold: str, reply: str, closed: bool) -> Judged:
    one, other = _plain(gold), _plain(reply)
    if one == other:
        return Judged(1.0, "text")
    likeness = Levenshtein.normalized_similarity(graphemes(one), graphemes(other))
    apart = closed or _CODE.search(one) or _CODE.search(other) or _kept(one) != _kept(other)
    if not apart and likeness >= ALIKE:
        return Judged(1.0, "text")
    return Judged(min(likeness, ALIKE), "different")


def _plain(value: JSON) -> str:
    text = regex.sub(r"\s+", " ", ascii_digits(nfc(str(value))).casefold())
    return text.strip(_ENDS) or text


def _kept(text: str) -> tuple[list[str], list[str]]:
    """What two texts have to share to be alike: digits and signs of reckoning, negations and words for numbers."""
    telling = (word for word in words(text) if word in _NEGATIONS or number_in(word) is not None)
    return _EXACT.findall(text), sorted(telling)
