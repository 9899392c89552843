"""How much of one text stands in another: what scores of free answers and of passages are made of."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from rapidfuzz.distance import LCSseq

from tunewright.evals.metrics._shared import ratio
from tunewright.text.unicode import words

_CHARACTERS, _WORDS, _BETA = 6, 2, 2
_ORDERS = [*(f"c{n}" for n in range(1, _CHARACTERS + 1)), *(f"w{n}" for n in range(1, _WORDS + 1))]
_PUNCTUATION = frozenset(string.punctuation)


def longest_in_common(reference: str, reply: str) -> float:
    """ROUGE-L F1 of two texts, 0..1; 1 where neither has a word."""
    gold, said = words(reference.casefold()), words(reply.casefold())
    if not gold or not said:
        return float(not gold and not said)
    numbers: dict[str, int] = {}
    coded = [[numbers.setdefault(word, len(numbers)) for word in side] for side in (gold, said)]
    return 2 * LCSseq.similarity(*coded) / (len(gold) + len(said))


def ngrams_in_common(reference: str, reply: str) -> dict[str, float]:
    """For each order: n-grams of the reply, of the reference, and common ones (clipped)."""
    same = reference == reply
    gold_text, said_text = "".join(reference.split()), "".join(reply.split())
    gold_words, said_words = _words(reference), _words(reply)
    found: dict[str, float] = {}
    for order in _ORDERS:
        n = int(order[1:])
        gold, said = (gold_text, said_text) if order[0] == "c" else (gold_words, said_words)
        wanted, given = max(0, len(gold) - n + 1), max(0, len(said) - n + 1)
        match = wanted if same else sum((_ngrams(gold, n) & _ngrams(said, n)).values())
        # An order that the reference is too short for does not count against the reply.
        found |= {f"{order}_reply": given if wanted else 0, f"{order}_reference": wanted, f"{order}_match": match}
    return found


def _ngrams(units: str | list[str], n: int) -> Counter[Any]:
    if isinstance(units, str):
        return Counter(units[i : i + n] for i in range(len(units) - n + 1))
    return Counter(tuple(units[i : i + n]) for i in range(len(units) - n + 1))


def _words(text: str) -> list[str]:
    """Words, with one mark of ASCII punctuation parted from the end or else from the front."""
    found: list[str] = []
    for word in text.split():
        if len(word) > 1 and word[-1] in _PUNCTUATION:
            found += [word[:-1], word[-1]]
        elif len(word) > 1 and word[0] in _PUNCTUATION:
            found += [word[0], word[1:]]
        else:
            found.append(word)
    return found


def f_of_ngrams(sums: Mapping[str, Any]) -> Any:
    """chrF++ in 0..1 from summed counts, numbers or arrays (Popović 2017)."""
    precisions: Any = 0.0
    recalls: Any = 0.0
    orders: Any = 0.0
    for order in _ORDERS:
        given, wanted = np.asarray(sums[f"{order}_reply"]), np.asarray(sums[f"{order}_reference"])
        used = (given > 0) & (wanted > 0)
        precisions = precisions + np.where(used, ratio(sums[f"{order}_match"], given), 0.0)
        recalls = recalls + np.where(used, ratio(sums[f"{order}_match"], wanted), 0.0)
        orders = orders + used
    precision, recall = ratio(precisions, orders), ratio(recalls, orders)
    return ratio((1 + _BETA**2) * precision * recall, _BETA**2 * precision + recall)
