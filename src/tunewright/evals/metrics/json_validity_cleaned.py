"""JSON validity after cleaning: the share of replies from which an object can be read, with whatever liberties.

What is cleaned away is named in `decode.repair`: fences, prose around, trailing commas, quotes and words of other
languages, brackets that are missing. Such a reply is never counted as valid; this is what a lenient reader would get.
Where the schema asks for an array, an array is looked for.
"""

from __future__ import annotations

from typing import Any

from tunewright.core.records import Example, Prediction
from tunewright.decode.repair import repair
from tunewright.evals.metrics._shared import container, ratio

name = "json_validity_cleaned"
structured = True
proportions = frozenset({"json_validity_cleaned"})
binary = "readable"


def statistics(example: Example, prediction: Prediction) -> dict[str, float]:
    readable = prediction.failure is None or repair(prediction.text, container(example)).value is not None
    return {"readable": float(readable), "n": 1.0}


def summarise(sums: dict[str, Any]) -> dict[str, Any]:
    return {"json_validity_cleaned": ratio(sums["readable"], sums["n"])}
