"""JSON validity: the share of replies that are one JSON object and nothing else.

Strict: no fence, no word before or after, no NaN, no key twice. What a repair could save does not count. Where the
schema asks for an array, an array is right and an object is not.
"""

from __future__ import annotations

from typing import Any

from tunewright.core.records import Example, Prediction
from tunewright.evals.metrics._shared import container, ratio
from tunewright.text.serialise import STRICT

name = "json_validity"
structured = True
proportions = frozenset({"json_validity"})
binary = "valid"


def valid(text: str, wanted: type = dict) -> bool:
    """Whether `text` is strictly one JSON value of the type wanted (dict or list)."""
    try:
        return isinstance(STRICT.decode(text), wanted)
    except (ValueError, RecursionError):
        return False


def statistics(example: Example, prediction: Prediction) -> dict[str, float]:
    return {"valid": float(valid(prediction.text, container(example))), "n": 1.0}


def summarise(sums: dict[str, Any]) -> dict[str, Any]:
    return {"json_validity": ratio(sums["valid"], sums["n"])}
