"""Numeric match: the share of short answers with a number whose reply names the same quantities and no others.

`1,496.5` is 1496.5, in Devanagari digits, too; scales count ("2 million" is not 2), units of measure must not be at
odds. Judged are answers of at most MOST words: of an essay no single number is the answer.
"""

from __future__ import annotations

from typing import Any

from tunewright.core.records import Example, Prediction
from tunewright.evals.metrics._shared import ratio, strings
from tunewright.text.mentions import mentions, same
from tunewright.text.words import answer_words

name = "numeric_match"
proportions = frozenset({"numeric_match"})
optional = proportions
textual = True

MOST = 12


def statistics(example: Example, prediction: Prediction) -> dict[str, float]:
    reference, reply = strings(example, prediction)
    wanted = mentions(reference) if len(answer_words(reference)) <= MOST else []
    return {"right": float(bool(wanted) and same(wanted, mentions(reply))), "n": float(bool(wanted))}


def summarise(sums: dict[str, Any]) -> dict[str, Any]:
    return {"numeric_match": ratio(sums["right"], sums["n"])}


def bases(sums: dict[str, Any]) -> dict[str, Any]:
    return {"numeric_match": sums["n"]}
