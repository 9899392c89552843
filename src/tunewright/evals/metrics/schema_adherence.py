"""Schema adherence: the share of replies that obey the example's JSON Schema, formats included.

A reply that cannot be read does not. Without a schema, any readable reply does.
"""

from __future__ import annotations

from typing import Any

from tunewright.core.records import Example, Prediction
from tunewright.evals.metrics._shared import ratio
from tunewright.text.schema import validate

name = "schema_adherence"
structured = True
proportions = frozenset({"schema_adherence"})
binary = "valid"


def statistics(example: Example, prediction: Prediction) -> dict[str, float]:
    readable = prediction.failure is None and prediction.value is not None
    obeys = readable and (example.schema is None or not validate(prediction.value, example.schema))
    return {"valid": float(obeys), "n": 1.0}


def summarise(sums: dict[str, Any]) -> dict[str, Any]:
    return {"schema_adherence": ratio(sums["valid"], sums["n"])}
