"""The overall score: the mean of four parts, by the weights that stand in the recipe (`evaluate.weights`).

structure: structure_similarity · fields: field_f1 · semantic: semantic_f1 · validity: json_validity, strict.

One number for a first look: it hides what its parts say, so they always stand beside it. Two systems that are equal
here may fail in different ways.
"""

from __future__ import annotations

from typing import Any

from tunewright.core.recipe import EvaluateOptions
from tunewright.core.records import Example, Prediction
from tunewright.evals.metrics import fields, json_validity, semantic, structure

name = "overall"
structured = True

PARTS: dict[str, tuple[Any, str]] = {
    "structure": (structure, "structure_similarity"),
    "fields": (fields, "field_f1"),
    "semantic": (semantic, "semantic_f1"),
    "validity": (json_validity, "json_validity"),
}
"""Part → the metric and its score."""


class Overall:
    """The metric under some weights, part → weight; they need not add up to 1."""

    name, structured = name, structured

    def __init__(self, weights: dict[str, float]):
        self.weights = {part: weight for part, weight in weights.items() if weight > 0}

    def statistics(self, example: Example, prediction: Prediction) -> dict[str, float]:
        return {
            f"{part}/{key}": value
            for part in self.weights
            for key, value in PARTS[part][0].statistics(example, prediction).items()
        }

    def summarise(self, sums: dict[str, Any]) -> dict[str, Any]:
        total: Any = 0.0
        for part, weight in self.weights.items():
            metric, score = PARTS[part]
            own = {key.partition("/")[2]: value for key, value in sums.items() if key.startswith(f"{part}/")}
            total = total + weight * metric.summarise(own)[score]
        return {"overall": total / sum(self.weights.values())}


def configured(options: EvaluateOptions) -> Overall:
    return Overall(options.weights)


_usual = configured(EvaluateOptions.model_validate({}))
statistics, summarise = _usual.statistics, _usual.summarise
