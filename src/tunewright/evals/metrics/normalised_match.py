"""Exact match of free answers as SQuAD counts it: the same words in the same order, as `token_f1` reads words."""

from __future__ import annotations

from typing import Any

from tunewright.core.records import Example, Prediction
from tunewright.evals.metrics._shared import ratio, strings
from tunewright.text.words import answer_words

name = "normalised_match"
proportions = frozenset({"normalised_match"})
binary = "same"
textual = True


def statistics(example: Example, prediction: Prediction) -> dict[str, float]:
    reference, reply = strings(example, prediction)
    return {"same": float(answer_words(reference) == answer_words(reply)), "n": 1.0}


def summarise(sums: dict[str, Any]) -> dict[str, Any]:
    return {"normalised_match": ratio(sums["same"], sums["n"])}
