"""Exact match: the share of replies that equal the gold answer, all of it.

JSON values are compared as values (key order and spacing do not count, the type does: "5000" is not 5000, a missing
key is not null), strings in NFC. A reply that cannot be parsed does not match.
"""

from __future__ import annotations

from typing import Any

from tunewright.core.records import Example, Prediction
from tunewright.evals.metrics._shared import ratio
from tunewright.text.outcomes import equal
from tunewright.text.unicode import nfc

name = "exact_match"
proportions = frozenset({"exact_match"})
binary = "correct"


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
