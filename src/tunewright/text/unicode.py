"""Letters, words and scripts, right for Devanagari.

Python's own `\\w` leaves combining vowel signs out and so shreds Hindi; everything here goes through the `regex`
module, whose `\\p{L}`, `\\p{M}` and `\\X` follow the Unicode tables (UAX #29 for graphemes, UAX #15 for NFC).
"""

from __future__ import annotations

import unicodedata
from collections import Counter

import regex

# Joiners (ZWNJ, ZWJ) stand inside Indic words; alone they are no word.
_WORD = regex.compile(r"[\p{L}\p{M}\p{N}](?:[\p{L}\p{M}\p{N}\u200c\u200d]*[\p{L}\p{M}\p{N}])?")
_GRAPHEME = regex.compile(r"\X")
_WORDLIKE = regex.compile(r"[\p{L}\p{M}\p{N}]")
_SCRIPTS = (
    "Latin",
    "Devanagari",
    "Bengali",
    "Gujarati",
    "Gurmukhi",
    "Kannada",
    "Malayalam",
    "Oriya",
    "Tamil",
    "Telugu",
    "Arabic",
    "Cyrillic",
    "Greek",
    "Han",
    "Hangul",
    "Hebrew",
    "Hiragana",
    "Katakana",
    "Thai",
)
_BY_SCRIPT = regex.compile("|".join(rf"(?P<{name}>\p{{Script={name}}})" for name in _SCRIPTS))


def nfc(text: str) -> str:
    """`text` in Unicode normal form C."""
    return unicodedata.normalize("NFC", text)


def words(text: str) -> list[str]:
    """Runs of letters, marks and digits, in order, as they stand: `"राम की 5mg"` → `["राम", "की", "5mg"]`."""
    return _WORD.findall(text)


def graphemes(text: str) -> list[str]:
    """What a reader sees as single characters: `"कि"` is one. Joined they give `text` again."""
    return _GRAPHEME.findall(text)


def is_word_character(character: str) -> bool:
    """Whether a letter, mark or digit of any script."""
    return _WORDLIKE.fullmatch(character) is not None


def scripts(text: str) -> dict[str, int]:
    """Characters per script, most first; digits, spaces and punctuation belong to none."""
    counts = Counter(match.lastgroup for match in _BY_SCRIPT.finditer(text) if not match.group().isdecimal())
    return {str(name): count for name, count in counts.most_common()}


def script_of(text: str) -> str | None:
    """The script most of the letters are in (`"Latin"`, `"Devanagari"`, …), or None where there are none."""
    return next(iter(scripts(text)), None)
