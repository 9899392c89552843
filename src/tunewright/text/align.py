"""Where a value stands in the text it was read from, for highlighting and for checking that it was not made up."""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from decimal import Decimal

import regex

from tunewright.core.records import JSON
from tunewright.text.numbers import amount, amounts, ascii_digits

Place = tuple[int, int]
"""(start, end) in characters (code points) of the original text."""

_GRAPHEME = regex.compile(r"\X")
_JOINERS = "\u200b\u200c\u200d\ufeff"


def locate(value: JSON, text: str, *, after: int = 0) -> Place | None:
    """Where `value` stands in `text` at or after the offset `after`: (start, end) with `text[start:end]`, or None.

    Tried in this order: the very characters; the same but for Unicode form, case, white space and the script of
    digits; the printed form of an amount (`1250000.50` finds `₹12,50,000.50`, without its symbol). Each time the
    first place that is a whole word or number wins. A place inside a longer word or number is taken only when
    nothing else is found, and never cuts a grapheme. Booleans, null, objects, lists and blank strings have no place.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    wanted = (value if isinstance(value, str) else str(value)).strip()
    if not wanted or after > len(text):
        return None
    after = max(0, after)
    same = list(exact(wanted, text, after))
    found = _whole(same, text)
    if found is None:
        folded = _folded(wanted, text, after)
        found = _whole(folded, text) or _printed_amount(wanted, text, after) or _uncut(same + folded, text)
    return found


def exact(wanted: str, text: str, after: int = 0) -> Iterator[Place]:
    """Every place of the very characters, at or after an offset; places may overlap."""
    start = text.find(wanted, after)
    while start >= 0:
        yield start, start + len(wanted)
        start = text.find(wanted, start + 1)


def _folded(wanted: str, text: str, after: int) -> list[Place]:
    """Places that agree with `wanted` but for Unicode form, case, white space, joiners and the script of digits."""
    needle = "".join(fold for fold, _, _ in _folds(wanted))
    if not needle:
        return []
    folds = list(_folds(text[after:]))
    haystack = "".join(fold for fold, _, _ in folds)
    starts = [0]  # offset in the haystack of each grapheme, and the end
    for fold, _, _ in folds:
        starts.append(starts[-1] + len(fold))
    places = []
    at = haystack.find(needle)
    while at >= 0:
        first, last = bisect_left(starts, at), bisect_left(starts, at + len(needle))
        if starts[first] == at and starts[last] == at + len(needle):
            places.append((after + folds[first][1], after + folds[last - 1][2]))
        at = haystack.find(needle, at + 1)
    return places


def _folds(text: str) -> Iterator[tuple[str, int, int]]:
    """(folded characters, start, end) of each grapheme that folds to anything."""
    # Composition and case folding reach over several characters, but never out of a grapheme.
    for match in _GRAPHEME.finditer(text):
        kept = "".join(c for c in match.group() if not c.isspace() and c not in _JOINERS)
        if kept:
            folded = ascii_digits(unicodedata.normalize("NFC", unicodedata.normalize("NFC", kept).casefold()))
            if folded:
                yield folded, match.start(), match.end()


def _printed_amount(wanted: str, text: str, after: int) -> Place | None:
    plain = amount(wanted)
    if plain is None:
        return None
    candidates = [found for found in amounts(text) if found.start >= after]
    same = next((found for found in candidates if found.value == plain), None)
    equal = same or next((found for found in candidates if Decimal(found.value) == Decimal(plain)), None)
    return (equal.start, equal.end) if equal else None


def _whole(places: Iterable[Place], text: str) -> Place | None:
    """The first place that does not stand inside a longer word or number."""
    return next((place for place in places if stands_alone(*place, text)), None)


def stands_alone(start: int, end: int, text: str) -> bool:
    """Whether `text[start:end]` is no part of a longer word or number."""
    return not _joined(text, start) and not _joined(text, end)


def _joined(text: str, at: int) -> bool:
    """Whether what stands left and right of `at` are parts of one word or number."""
    if at <= 0 or at >= len(text):
        return False
    left, right = text[at - 1], text[at]
    if is_wordlike(left) and is_wordlike(right):
        return True
    if left.isdecimal() and right in ".,":  # 5000|.50
        return at + 1 < len(text) and text[at + 1].isdecimal()
    if left in ".," and right.isdecimal():  # 12,|000
        return at >= 2 and text[at - 2].isdecimal()
    return False


def is_wordlike(character: str) -> bool:
    """Whether a character is part of a word or number: a letter, digit, mark or joiner."""
    return character.isalnum() or character in _JOINERS or unicodedata.category(character).startswith("M")


def _uncut(places: Iterable[Place], text: str) -> Place | None:
    """The first place that begins and ends between graphemes."""
    places = list(places)
    if not places:
        return None
    bounds = {match.start() for match in _GRAPHEME.finditer(text)} | {len(text)}
    return next((place for place in places if place[0] in bounds and place[1] in bounds), None)
