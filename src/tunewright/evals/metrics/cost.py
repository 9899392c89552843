"""What an answer costs: seconds, tokens read and written, forward passes, each per document; tokens written a second.

Seconds are a document's share of the time of those that were answered with it. No quality.
"""

from __future__ import annotations

from typing import Any

from tunewright.core.records import Example, Prediction
from tunewright.evals.metrics._shared import ratio

name = "cost"
measures = "cost"


def statistics(example: Example, prediction: Prediction) -> dict[str, float]:
    return {
        "seconds": prediction.seconds,
        "prompt_tokens": float(prediction.prompt_tokens),
        "tokens": float(prediction.tokens),
        "passes": float(prediction.passes),
        "n": 1.0,
    }


def summarise(sums: dict[str, Any]) -> dict[str, Any]:
    kinds = ("seconds", "prompt_tokens", "tokens", "passes")
    means = {f"{kind}_per_document": ratio(sums[kind], sums["n"]) for kind in kinds}
    return {**means, "tokens_per_second": ratio(sums["tokens"], sums["seconds"])}
