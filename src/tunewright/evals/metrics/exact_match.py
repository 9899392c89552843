"""Exact match: the share of replies that equal the gold answer, all of it.

JSON values are compared as values (key order and spacing do not count, the type does: "5000" is not 5000, a missing
key is not null), strings in NFC. A reply that cannot be parsed does not match.
"""

from __future__ import annotations

from typing import Any

from tunewright.core.records import JSON, Example, Prediction
from tunewright.evals.metrics._shared import ratio
from tunewright.text.unicode import nfc

name = "exact_match"
proportions = frozenset({"exact_match"})
binary = "correct"


def equal(one: JSON, other: JSON) -> bool:
    """Whether two JSON values are the same; 1 and 1.0 are, true and 1 are not."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, str) and isinstance(other, str):
        return one == other or nfc(one) == nfc(other)
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other
    return one is None and other is None


def statistics(example: Example, prediction: Prediction) -> dict[str, float]:
    target = example.record.target
    if isinstance(target, str):
        value = prediction.value if isinstance(prediction.value, str) else prediction.text
        correct = nfc(target).strip() == nfc(value).strip()
    else:
        correct = prediction.failure is None and equal(target, prediction.value)
    return {"correct": float(correct), "n": 1.0}


def summarise(sums: dict[str, Any]) -> dict[str, Any]:
    return {"exact_match": ratio(sums["correct"], sums["n"])}
