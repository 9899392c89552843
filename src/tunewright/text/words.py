"""The words of a free answer, and how many of them two answers have in common.

As SQuAD defines it (Rajpurkar et al. 2016, section 6.1), right for every script: words are compared as a bag, folded,
without punctuation and English articles. The original splits at spaces after it took ASCII punctuation out; here marks
of Devanagari stay with their letters, a danda is punctuation, digits of any script are equal, and texts are in NFC.
"""

from __future__ import annotations

from collections import Counter

import regex

from tunewright.text.numbers import ascii_digits
from tunewright.text.unicode import nfc

_MARKS = regex.compile(r"[\p{P}\p{S}\p{Cf}]+")
_ARTICLES = frozenset({"a", "an", "the"})


def answer_words(text: str) -> list[str]:
    """A free answer's words in order: folded, digits as 0-9, without punctuation, signs and English articles."""
    bare = _MARKS.sub("", ascii_digits(nfc(text)).casefold())
    return [word for word in bare.split() if word not in _ARTICLES]


def f1(reference: str, reply: str) -> float:
    """F1 of two texts' words, 0..1; 1 where neither has one."""
    gold, said = answer_words(reference), answer_words(reply)
    if not gold or not said:
        return float(gold == said)
    return 2 * (Counter(gold) & Counter(said)).total() / (len(gold) + len(said))
