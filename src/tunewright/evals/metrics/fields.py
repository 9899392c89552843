"""Field by field: accuracy, precision, recall, F1, and how the wrong ones went wrong.

A field is a leaf of the gold JSON (each leaf of each list item), or a value of the reply where gold has none.

- accuracy: the share of fields that are right; rightly empty ones count as right. Every field of a reply that could
  not be read is wrong, empty ones too.
- precision and recall are over values only: nothing is gained by agreeing that there is nothing. With right values
  TP, precision = TP / (TP + substituted + hallucinated), recall = TP / (TP + substituted + omitted).
- correct + omitted + substituted + hallucinated = 1, as shares of all fields.

Where there is nothing to find and nothing was said, precision, recall and F1 are 1.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from tunewright.core.records import Example, Prediction
from tunewright.evals.metrics._shared import ratio
from tunewright.text.outcomes import Kind, Outcome, outcomes

name = "fields"
structured = True
proportions = frozenset(
    {"field_accuracy", "field_precision", "field_recall", "correct", "omitted", "hallucinated", "substituted"}
)
lower_is_better = frozenset({"omitted", "hallucinated", "substituted"})

_KINDS: tuple[Kind, ...] = ("correct", "null", "omitted", "unanswered", "substituted", "hallucinated")


def statistics(example: Example, prediction: Prediction) -> dict[str, float]:
    return _counts(_outcomes(example, prediction))


def by_field(example: Example, prediction: Prediction) -> dict[str, dict[str, float]]:
    """`statistics` of each field by itself: path (`date`, `items[].price`) → counts."""
    fields: dict[str, list[Outcome]] = {}
    for outcome in _outcomes(example, prediction):
        fields.setdefault(outcome.path, []).append(outcome)
    return {path: _counts(found) for path, found in fields.items()}


def summarise(sums: dict[str, Any]) -> dict[str, Any]:
    shares = summarise_field(sums)
    named = {f"field_{key}": shares.pop(key) for key in ("accuracy", "precision", "recall", "f1")}
    return {**named, **shares}


def bases(sums: dict[str, Any]) -> dict[str, Any]:
    """What each score of `summarise` is a share of: its denominator, 0 where there is nothing to judge."""
    shares = bases_of_field(sums)
    named = {f"field_{key}": shares.pop(key) for key in ("accuracy", "precision", "recall", "f1")}
    return {**named, **shares}


def bases_of_field(sums: dict[str, Any]) -> dict[str, Any]:
    """As `bases`, under the short names of `summarise_field`."""
    said = sums["correct"] + sums["substituted"] + sums["hallucinated"]
    wanted = sums["correct"] + sums["substituted"] + sums["omitted"]
    everything = sum(sums[kind] for kind in _KINDS)
    counted = dict.fromkeys(("accuracy", "correct", "omitted", "hallucinated", "substituted"), everything)
    return {**counted, "precision": said, "recall": wanted, "f1": said + wanted}


def summarise_field(sums: dict[str, Any]) -> dict[str, Any]:
    """As `summarise`, under the short names that a table of fields has: accuracy, precision, recall, f1, …"""
    base, right = bases_of_field(sums), sums["correct"]
    agreed = right + sums["null"]
    idle = (base["f1"] == 0) * 1.0
    return {
        "accuracy": ratio(agreed, base["accuracy"], empty=1.0),
        "precision": ratio(right, base["precision"], empty=idle),
        "recall": ratio(right, base["recall"], empty=idle),
        "f1": ratio(2 * right, base["f1"], empty=1.0),
        "correct": ratio(agreed, base["correct"], empty=1.0),
        "omitted": ratio(sums["omitted"] + sums["unanswered"], base["omitted"]),
        "hallucinated": ratio(sums["hallucinated"], base["hallucinated"]),
        "substituted": ratio(sums["substituted"], base["substituted"]),
    }


def _outcomes(example: Example, prediction: Prediction) -> list[Outcome]:
    return outcomes(example.record.target, prediction.value, answered=prediction.failure is None)


def _counts(found: list[Outcome]) -> dict[str, float]:
    counts = Counter(outcome.kind for outcome in found)
    return {kind: float(counts[kind]) for kind in _KINDS}
